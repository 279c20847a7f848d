package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"veche.example/internal/bench"
	"veche.example/internal/vtest"
)

// benchRoomCmd fills a room with people who do not exist.
type benchRoomCmd struct {
	URL      string        `arg:"" help:"The server, for example http://localhost:8080/."`
	Room     string        `arg:"" help:"The room's code."`
	Bots     int           `default:"9" help:"How many join; each publishes a small film (150 kbit/s) and a tone."`
	Seats    int           `default:"4" help:"How many of the others each of them watches."`
	Layers   bool          `help:"The film in three encodings, of which each bot sends those that somebody watches."`
	Speakers int           `default:"0" help:"So many of the bots speak all the time, the others are silent, and each hears the loudest by seats of their own; 0 = nobody tells audio levels, so that all are sent."`
	Hide     int           `default:"0" help:"For the second half of the time all but so many seats of each are hidden: prints by how much what they receive falls."`
	Token    string        `help:"Token for the room; open rooms need none."`
	Duration time.Duration `default:"0s" help:"How long they stay; 0 = until Ctrl+C."`
	Insecure bool          `help:"Accept any certificate."`
}

// settle is how long things are left alone before they are measured.
const settle = 3 * time.Second

// speech is the audio level of a bot that speaks, hearable how many sounds a room sends.
const (
	speech   = 30
	hearable = 5
)

// Run implements the command: one line when all are in, and the figures at the end.
func (c *benchRoomCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	bot := vtest.Bot{
		URL: c.URL, Room: c.Room, Name: "Bot", Token: c.Token, Publish: true, Seats: c.Seats, Watch: c.Seats > 0,
		Layers: c.Layers, Levels: c.Speakers > 0,
	}
	if c.Speakers > 0 {
		bot.Sounds = hearable
	}
	if c.Insecure {
		bot.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	clients, err := vtest.Fill(ctx, c.Bots, bot)
	if err != nil {
		return err
	}
	for _, client := range clients[:min(c.Speakers, len(clients))] {
		client.Speak(speech)
	}
	say(sys.stdout, "%d bots are in room %s", len(clients), c.Room)
	c.stay(ctx, sys, clients)
	bye, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, client := range clients {
		if err := client.Leave(bye); err != nil {
			say(sys.stderr, "veche: %v", err)
		}
	}
	return nil
}

// stay lets time pass and prints what came meanwhile.
func (c *benchRoomCmd) stay(ctx context.Context, sys *system, clients []*vtest.Client) {
	if c.Hide <= 0 {
		c.measure(ctx, sys, clients, c.Duration)
		return
	}
	all := c.measure(ctx, sys, clients, c.Duration/2)
	for _, client := range clients {
		client.Show(c.Hide)
	}
	if few := c.measure(ctx, sys, clients, c.Duration/2); all > 0 {
		say(sys.stdout, "with %d of %d seats visible %.0f %% less is received", c.Hide, c.Seats, 100*(1-few/all))
	}
}

// measure looks at what comes for so long, 0 = until the end, after some time without a look; it returns bit/s.
func (c *benchRoomCmd) measure(ctx context.Context, sys *system, clients []*vtest.Client, long time.Duration) float64 {
	wait(ctx, settle)
	began := time.Now()
	packets, lost, bytes := total(clients)
	for _, client := range clients {
		client.Mark()
	}
	if long > 0 {
		long = max(long-settle, settle)
	}
	wait(ctx, long)
	took := time.Since(began).Seconds()
	p, l, b := total(clients)
	var sound, picture time.Duration
	for _, client := range clients {
		s, v := client.State().Gaps(time.Now())
		sound, picture = max(sound, s), max(picture, v)
	}
	rate := float64(b-bytes) * 8 / took
	missing := max(int64(l)-int64(lost), 0) // what was missing at first may have come
	say(sys.stdout, "received %d packets, %.1f Mbit/s, lost %d; longest pause of a sound %d ms, of a picture %d ms",
		p-packets, rate/1e6, missing, sound.Milliseconds(), picture.Milliseconds())
	return rate
}

// wait waits, 0 = for the end.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		<-ctx.Done()
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// total adds up what all have received.
func total(clients []*vtest.Client) (packets, lost, bytes uint64) {
	for _, client := range clients {
		s := client.State()
		p, l := s.Total()
		packets, lost, bytes = packets+p, lost+l, bytes+s.Bytes()
	}
	return packets, lost, bytes
}

// meeting measures one room in which each of n members publishes, and receives all the others.
func (c *benchGrowthCmd) meeting(ctx context.Context, sys *system, n int) error {
	child, err := startChild(ctx, sys)
	if err != nil {
		return err
	}
	defer child.stop()
	pid := child.cmd.Process.Pid
	before := bench.Memory(pid)
	clients, err := vtest.Fill(ctx, n, vtest.Bot{URL: child.url, Room: "bench", Name: "Bot", Publish: true, Seats: n - 1, Watch: true})
	if err != nil {
		return err
	}
	defer func() {
		for _, client := range clients {
			client.Close()
		}
	}()
	for _, client := range clients {
		if err := client.Until(ctx, func(s vtest.State) bool { return flowing(s) == n-1 }); err != nil {
			return err
		}
	}
	r, err := bench.Watch(ctx, pid, before, c.Duration, func() (received, lost uint64) {
		for _, client := range clients {
			p, l := client.State().Total()
			received, lost = received+p, lost+l
		}
		return received, lost
	})
	if err != nil {
		return err
	}
	r.Subscribers = n
	_, err = fmt.Fprintf(sys.stdout, "%3d members of one room, each with the other %d  %s\n", n, n-1, r.Line())
	return err
}

// flowing counts the seats on which pictures arrive.
func flowing(s vtest.State) (n int) {
	for _, seat := range s.Seats {
		if seat.Video.Packets > 0 {
			n++
		}
	}
	return n
}
