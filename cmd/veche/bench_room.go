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
	Bots     int           `default:"9" help:"How many join; each publishes a small film and a tone."`
	Seats    int           `default:"4" help:"How many of the others each of them watches."`
	Token    string        `help:"Token for the room; open rooms need none."`
	Duration time.Duration `default:"0s" help:"How long they stay; 0 = until Ctrl+C."`
	Insecure bool          `help:"Accept any certificate."`
}

// Run implements the command: one line when all are in, and the figures at the end.
func (c *benchRoomCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	bot := vtest.Bot{URL: c.URL, Room: c.Room, Name: "Bot", Token: c.Token, Publish: true, Seats: c.Seats, Watch: c.Seats > 0}
	if c.Insecure {
		bot.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	clients, err := vtest.Fill(ctx, c.Bots, bot)
	if err != nil {
		return err
	}
	say(sys.stdout, "%d bots are in room %s", len(clients), c.Room)
	stay := ctx
	if c.Duration > 0 {
		var cancel context.CancelFunc
		stay, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	<-stay.Done()
	var packets, lost uint64
	bye, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, client := range clients {
		p, l := client.State().Total()
		packets, lost = packets+p, lost+l
		if err := client.Leave(bye); err != nil {
			say(sys.stderr, "veche: %v", err)
		}
	}
	say(sys.stdout, "received %d packets, lost %d", packets, lost)
	return nil
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
