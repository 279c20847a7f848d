package vtest

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"veche.example"
	"veche.example/internal/signal/native/proto"
)

// patience is how long a test waits for something that must happen.
const patience = 15 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a whole server on the loopback interface.
type stand struct {
	t      testing.TB
	ctx    context.Context
	url    string
	server *veche.Server
}

func newStand(t testing.TB, change ...func(*veche.Config)) *stand {
	t.Helper()
	c := veche.DefaultConfig()
	c.Auth.OpenRooms = true
	c.Media.UDP, c.Media.TCP, c.Media.Loopback = "127.0.0.1:0", "127.0.0.1:0", true
	for _, f := range change {
		f(&c)
	}
	return serve(t, c)
}

// serve starts a server behind a web server of its own.
func serve(t testing.TB, c veche.Config, opts ...veche.Option) *stand {
	t.Helper()
	s, err := veche.New(c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(func() {
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		web.Close()
	})
	return &stand{t, ctx, web.URL, s}
}

// client is a bot whose failures are the test's.
type client struct {
	*Client
	t   testing.TB
	ctx context.Context
}

func (s *stand) join(b Bot) *client {
	s.t.Helper()
	b.URL = s.url
	if b.Room == "" {
		b.Room = "r"
	}
	c, err := b.Join(s.ctx)
	if err != nil {
		s.t.Fatalf("%s: %v", b.Name, err)
	}
	s.t.Cleanup(c.Close)
	return &client{c, s.t, s.ctx}
}

func (c *client) wait(what string, f func(State) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	if err := c.Until(ctx, f); err != nil {
		c.t.Fatalf("%s: %v; have %+v", what, err, c.State())
	}
}

// sees waits until a seat shows a member, with the statuses of sound and picture given.
func (c *client) sees(seat int, member, audio, video string) {
	c.t.Helper()
	c.wait("a seat", func(s State) bool {
		is := s.Seats[seat]
		return is.Member == member && is.SeatInfo.Audio == audio && is.SeatInfo.Video == video
	})
}

// flows waits until more of a seat's packets have come.
func (c *client) flows(seat int) {
	c.t.Helper()
	was := c.State().Seats[seat]
	c.wait("packets", func(s State) bool {
		is := s.Seats[seat]
		return is.Audio.Packets >= was.Audio.Packets+5 && is.Video.Frames >= was.Video.Frames+5
	})
}

func (c *client) must(r proto.Request) {
	c.t.Helper()
	if _, err := c.Ask(c.ctx, r); err != nil {
		c.t.Fatalf("%s: %v", r.Type(), err)
	}
}

func (c *client) view(wishes ...proto.Wish) {
	c.t.Helper()
	if err := c.View(c.ctx, wishes...); err != nil {
		c.t.Fatalf("view: %v", err)
	}
}

func wish(member string) proto.Wish {
	return proto.Wish{Member: member, Source: "camera", Width: 320, Height: 180}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

func TestPublishAndWatch(t *testing.T) {
	s := newStand(t)
	a := s.join(Bot{Name: "a", Publish: true})
	b := s.join(Bot{Name: "b", Publish: true})
	c := s.join(Bot{Name: "c", Seats: 2, Watch: true})
	c.sees(0, a.ID(), "live", "live")
	c.sees(1, b.ID(), "live", "live")
	c.flows(0)
	c.flows(1)
	if m, _ := c.State().Member(a.ID()); len(m.Tracks) != 2 || m.Agent != "bot" {
		t.Errorf("the roster says %+v", m)
	}
	if seat := c.State().Seats[0]; seat.Codec != "vp8" || seat.RTP == 0 {
		t.Errorf("seat %+v", seat)
	}
	// A switch is told and keeps the section's SSRC.
	before := c.State().Seats[0]
	c.view(wish(b.ID()))
	c.sees(0, b.ID(), "live", "live")
	c.sees(1, "", "none", "none")
	c.flows(0)
	after := c.State().Seats[0]
	if after.Video.SSRC != before.Video.SSRC || after.RTP == before.RTP {
		t.Errorf("a switch from %+v to %+v", before, after)
	}
	if _, lost := c.State().Total(); lost > 0 {
		t.Errorf("%d packets lost", lost)
	}
}

func TestModeratorMutes(t *testing.T) {
	s := newStand(t)
	boss := s.join(Bot{Name: "boss", Seats: 1})
	p := s.join(Bot{Name: "loud", Publish: true})
	boss.view(wish(p.ID()))
	boss.sees(0, p.ID(), "live", "live")
	boss.flows(0)
	boss.must(proto.Mute{Member: p.ID(), Source: "mic"})
	boss.sees(0, p.ID(), "muted", "live")
	p.wait("told to be silent", func(s State) bool { return len(s.Muted) == 1 && s.Muted[0] == "mic" })
	was := boss.State().Seats[0]
	boss.wait("the picture goes on", func(s State) bool { return s.Seats[0].Video.Frames > was.Video.Frames+5 })
	if is := boss.State().Seats[0]; is.Audio.Packets > was.Audio.Packets+1 { // one may have been on its way
		t.Errorf("%d packets of a muted microphone", is.Audio.Packets-was.Audio.Packets)
	}
	yes := true
	p.must(proto.SetState{Mic: &yes})
	boss.sees(0, p.ID(), "live", "live")
	boss.must(proto.Remove{Member: p.ID()})
	p.wait("removed", func(s State) bool { return s.Bye != nil && s.Bye.Code == "removed" })
	boss.sees(0, p.ID(), "none", "none")
}

func TestFirstPublisherComesLater(t *testing.T) {
	s := newStand(t)
	v := s.join(Bot{Kind: "broadcast", Name: "host"})
	w := s.join(Bot{Name: "viewer", Viewer: true, Seats: 1})
	w.view(wish(proto.First))
	if err := v.Leave(s.ctx); err != nil {
		t.Fatal(err)
	}
	p := s.join(Bot{Name: "speaker", Publish: true})
	if role := p.Welcome().You.Role; role != "moderator" {
		t.Fatalf("the speaker is a %s", role)
	}
	w.sees(0, p.ID(), "live", "live")
	w.flows(0)
}

func TestViewerCannotPublish(t *testing.T) {
	s := newStand(t)
	s.join(Bot{Name: "host", Kind: "broadcast"})
	_, err := Bot{URL: s.url, Room: "r", Name: "viewer", Publish: true, Seats: 1}.Join(s.ctx)
	wantCode(t, err, "not-allowed")
	v := s.join(Bot{Name: "viewer", Seats: 1})
	if v.Welcome().You.Role != "viewer" {
		t.Fatalf("a %s", v.Welcome().You.Role)
	}
	for _, r := range []proto.Request{
		proto.Offer{PC: 2, SDP: "v=0\r\n", Tracks: []proto.Section{{MID: "0", Source: "mic"}}, Seats: []proto.Seat{}},
		proto.SetRole{Member: v.ID(), Role: "speaker"}, proto.Mute{Member: v.ID(), Source: "mic"},
	} {
		_, err := v.Ask(s.ctx, r)
		wantCode(t, err, "not-allowed")
	}
}

func TestDemotedSpeaker(t *testing.T) {
	s := newStand(t)
	boss := s.join(Bot{Name: "boss", Seats: 1})
	p := s.join(Bot{Name: "speaker", Publish: true})
	boss.view(wish(p.ID()))
	boss.sees(0, p.ID(), "live", "live")
	boss.must(proto.SetRole{Member: p.ID(), Role: "viewer"})
	boss.sees(0, p.ID(), "none", "none")
	wantCode(t, p.Connect(s.ctx), "not-allowed")
}

func TestGenerations(t *testing.T) {
	s := newStand(t)
	p := s.join(Bot{Name: "p", Publish: true})
	w := s.join(Bot{Name: "w", Seats: 1, Watch: true})
	w.sees(0, p.ID(), "live", "live")
	for range 3 {
		if err := p.Connect(s.ctx); err != nil {
			t.Fatal(err)
		}
		w.sees(0, p.ID(), "live", "live")
		w.flows(0)
		if err := w.Connect(s.ctx); err != nil {
			t.Fatal(err)
		}
		w.view(wish(p.ID()))
		w.sees(0, p.ID(), "live", "live")
		w.flows(0)
	}
	_, err := w.Ask(s.ctx, proto.Offer{PC: 1, SDP: "v=0\r\n", Tracks: []proto.Section{}, Seats: []proto.Seat{}})
	wantCode(t, err, "bad-message")
	_, err = w.Ask(s.ctx, proto.Offer{PC: 9, SDP: "v=0\r\n", Tracks: []proto.Section{}, Seats: []proto.Seat{}})
	if err == nil {
		t.Error("an empty description is answered")
	}
	w.flows(0) // the connection before is untouched
}

// Twelve in one room: each publishes and watches all others; a join costs nobody else an offer.
func TestTwelve(t *testing.T) {
	s := newStand(t)
	const n = 12
	all, err := Fill(s.ctx, n, Bot{URL: s.url, Room: "r", Name: "bot", Publish: true, Seats: n - 1, Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, b := range all {
		c := &client{b, t, s.ctx}
		t.Cleanup(c.Close)
		wg.Go(func() {
			err := c.Until(s.ctx, func(s State) bool {
				live := 0
				for _, seat := range s.Seats {
					// A machine that has no time for the pictures of all looks like a slow link: not all need be live at once.
					if seat.SeatInfo.Audio == "live" && seat.Audio.Packets > 10 && seat.Video.Frames > 5 {
						live++
					}
				}
				return live == n-1
			})
			if err != nil {
				t.Errorf("%s: %v; have %+v", c.bot.Name, err, c.State().Seats)
			}
		})
	}
	wg.Wait()
	for _, b := range all {
		if len(b.State().Media) != 1 {
			t.Errorf("%s: %v connections", b.bot.Name, b.State().Media)
		}
	}
}

// 200 come and go, half of them without a word; goroutines and file descriptors return to where they were.
func TestNothingIsLeft(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	s := newStand(t, func(c *veche.Config) { c.Rooms.Grace, c.Rooms.ReloadGrace = time.Second, time.Second })
	keeper := s.join(Bot{Name: "keeper", Publish: true})
	files := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(list)
	}
	var goroutines, descriptors int
	for round := range 11 {
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				c, err := Bot{URL: s.url, Room: "r", Name: "guest", Publish: i%2 == 0, Seats: 1}.Join(s.ctx)
				if err != nil {
					t.Errorf("join: %v", err)
					return
				}
				defer c.Close()
				if i%4 < 2 {
					if err := c.Leave(s.ctx); err != nil {
						t.Errorf("leave: %v", err)
					}
				}
			})
		}
		wg.Wait()
		keeper.wait("alone", func(s State) bool { return len(s.Members) == 0 })
		if round == 0 { // whatever is made once is there now
			goroutines, descriptors = runtime.NumGoroutine(), files()
		}
	}
	end := time.Now().Add(patience)
	for runtime.NumGoroutine() > goroutines || files() > descriptors {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines and %d descriptors, at first %d and %d", runtime.NumGoroutine(), files(), goroutines, descriptors)
		}
		time.Sleep(look)
	}
}

// After a restart all come back at the same moment, in any order: the same members with the same roles.
func TestServerRestart(t *testing.T) {
	same := func(c *veche.Config) { c.Auth.Secret = "a secret of thirty-two bytes ..." }
	before, after := newStand(t, same), newStand(t, same)
	bots := make([]Bot, 12)
	were := make([]proto.Welcome, len(bots))
	for i := range bots {
		bots[i] = Bot{Name: "bot", Publish: i < 2, Viewer: i > 5, Seats: 2, Watch: true}
		c := before.join(bots[i])
		were[i] = c.Welcome()
		bots[i].Resume, bots[i].Room, bots[i].URL = were[i].Resume, "r", after.url
	}
	back := make([]*client, len(bots))
	var wg sync.WaitGroup
	for i := range bots {
		wg.Go(func() {
			c, err := bots[len(bots)-1-i].Join(after.ctx)
			if err != nil {
				t.Errorf("back: %v", err)
				return
			}
			t.Cleanup(c.Close)
			back[len(bots)-1-i] = &client{c, t, after.ctx}
		})
	}
	wg.Wait()
	for i, c := range back {
		if c == nil {
			t.Fatal("somebody is missing")
		}
		if is := c.Welcome(); is.Resumed != proto.Restored || is.You.ID != were[i].You.ID || is.You.Role != were[i].You.Role || is.You.State != were[i].You.State {
			t.Errorf("%+v came back as %+v (%s)", were[i].You, is.You, is.Resumed)
		}
		c.wait("all are there", func(s State) bool { return len(s.Members) == len(bots)-1 })
	}
	last := back[len(back)-1]
	last.wait("both publishers are seen", func(s State) bool {
		return s.Seats[0].SeatInfo.Video == "live" && s.Seats[1].SeatInfo.Video == "live" && s.Seats[0].Member != s.Seats[1].Member
	})
	last.flows(0)
	last.flows(1)
}

func TestErrors(t *testing.T) {
	s := newStand(t, func(c *veche.Config) { c.Auth.OpenRooms = false; c.Auth.Secret = "a secret of thirty-two bytes ..." })
	_, err := Bot{URL: s.url, Room: "r"}.Join(s.ctx)
	wantCode(t, err, "token")
	for _, url := range []string{"http://127.0.0.1:1/", "::", ""} {
		if _, err := (Bot{URL: url, Room: "r"}).Join(s.ctx); err == nil {
			t.Errorf("%q is joined", url)
		}
	}
	if _, err := Fill(s.ctx, 2, Bot{URL: s.url, Room: "r"}); err == nil {
		t.Error("a room that needs tokens is filled")
	}
}

func TestClosed(t *testing.T) {
	s := newStand(t)
	c := s.join(Bot{Name: "c"})
	c.Close()
	if _, err := c.Ask(s.ctx, proto.Ping{}); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
	if err := c.Until(s.ctx, func(State) bool { return false }); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestFilm(t *testing.T) {
	if len(clip) != 30 || clip[0].Data[0]&1 != 0 || clip[1].Data[0]&1 == 0 { // RFC 6386 §9.1: bit 0 is 0 in a key frame
		t.Errorf("%d pictures, the first %x", len(clip), clip[0].Data[:3])
	}
	if len(tone) != 51 || len(tone[0].Data) != 40 {
		t.Errorf("%d sounds", len(tone))
	}
}
