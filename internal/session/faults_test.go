package session

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"veche.example/internal/hub"
	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/rtc"
)

// slow is a function for outlet.full: it takes nothing of the kind given.
func slow[T any](v any) bool { _, ok := v.(T); return ok }

func TestSlowClient(t *testing.T) {
	for name, full := range map[string]func(any) bool{"media": slow[mediaTold], "seats": slow[[]Seat], "room": slow[room.ChatPosted]} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			host := h.join(JoinRequest{State: on}).connect(offerOf(1, 0, room.SourceCamera))
			camera := host.publish(room.SourceCamera, media.VP8)
			p := h.join(JoinRequest{})
			p.out.refuse(full)
			p.see(Wish{Member: First, Source: room.SourceCamera})
			p.offer(offerOf(1, 1))
			p.peer.config.Handler.State(rtc.Connected)
			camera.send()
			host.do(room.Chat{Text: "hello"})
			p.out.removed(room.CodeSlow)
			host.out.wait("the slow one left", func(v any) bool {
				l, ok := v.(room.Left)
				return ok && l.Member == p.id && l.Reason == room.ReasonSlow
			})
			eventually(t, "its peer is closed", p.peer.isClosed)
			if got := h.Stats(); got.Slow != 1 || got.Sessions != 1 {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

func TestOutletPanics(t *testing.T) {
	for name, full := range map[string]func(any) bool{"media": slow[mediaTold], "room": slow[room.ChatPosted]} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			host, p := h.join(JoinRequest{}), h.join(JoinRequest{})
			p.out.refuse(func(v any) bool {
				if full(v) {
					panic("a test")
				}
				return false
			})
			p.offer(offerOf(1, 1))
			p.peer.config.Handler.State(rtc.Connected)
			host.do(room.Chat{Text: "hello"})
			p.out.removed(room.CodeSlow)
			eventually(t, "its peer is closed", p.peer.isClosed)
			host.do(room.Chat{Text: "still here"})
			if got := h.Stats(); got.Panics != 1 || got.Sessions != 1 {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{}).connect(offerOf(1, 1))
	ctx := testContext(t)
	if err := h.Manager.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if !p.peer.isClosed() {
		t.Error("a peer is open")
	}
	h.refuse(JoinRequest{Room: "r"}, room.CodeOverloaded)
	wantCode(t, p.offerErr(offerOf(2, 1)), room.CodeEnded)
	if err := h.hub.Close(ctx); err != nil {
		t.Fatal(err)
	}
	p.out.removed(room.CodeShutdown)
	p.Detach(false)
	if err := h.Manager.Close(ctx); err != nil {
		t.Error(err)
	}
	if len(h.revoked) > 0 {
		t.Error("credentials are revoked although everybody comes back")
	}
}

func TestCloseGivesUp(t *testing.T) {
	gate := make(chan struct{})
	h := newHouse(t, func(c *Config) { c.Revoke = func(room.MemberID) { <-gate } })
	h.join(JoinRequest{}).do(room.Leave{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Manager.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(gate)
}

func TestJoinFails(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Room = func(JoinRequest) room.Options { return room.Options{Open: true, MaxMembers: 1} }
	})
	h.join(JoinRequest{})
	h.refuse(JoinRequest{Room: "r"}, room.CodeFull)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := h.Join(ctx, JoinRequest{Room: "other"}, newOutlet(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.stages) != 1 || len(h.sessions) != 1 {
		t.Errorf("%d stages and %d sessions are left", len(h.stages), len(h.sessions))
	}
}

// Without a secret, media or options a Manager refuses what it cannot do.
func TestDefaults(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		*c = Config{Hub: c.Hub, Keys: c.Keys}
	})
	h.refuse(JoinRequest{Room: "r"}, room.CodeToken)
	p := &person{t: t, h: h, out: newOutlet(t)}
	var err error
	grant, err := h.cfg.Keys.Mint(grantOf("r"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Session, p.w, err = h.Join(testContext(t), JoinRequest{Room: "r", Token: grant}, p.out); err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.offerErr(offerOf(1, 1)), room.CodeNotAllowed)
	p.do(room.Leave{})
}

// 200 people come, show themselves, look at each other and leave in all ways at once.
func TestCrowd(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.NewPeer = func(c rtc.PeerConfig) (Peer, error) {
			p := &crowdPeer{fakePeer: fakePeer{config: c, slots: nil}}
			return p, nil
		}
	})
	keeper := h.join(JoinRequest{State: on})
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			p := h.join(JoinRequest{State: on})
			o := offerOf(1, 0, room.SourceCamera)
			if err := p.offerErr(o); err != nil {
				t.Errorf("offer: %v", err)
			}
			p.see(Wish{Member: First, Source: room.SourceCamera})
			switch n % 4 {
			case 0:
				p.do(room.Leave{})
			case 1:
				keeper.do(room.Remove{Member: p.id})
			case 2:
				p.Detach(true)
				p.do(room.Leave{})
			case 3:
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if _, err := p.Do(ctx, room.Leave{Reason: room.ReasonGone}); err != nil {
					t.Errorf("leave: %v", err)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "only one is left", func() bool {
		s := h.Stats()
		return s.Sessions == 1 && s.Peers == 0 && s.Tracks == 0
	})
	for range 200 {
		<-h.revoked
	}
	h.mu.Lock()
	g := h.stages["r"]
	h.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.acts) != 0 || len(g.watchers) != 0 || g.users != 1 {
		t.Errorf("the stage has %d acts, %d watchers, %d users", len(g.acts), len(g.watchers), g.users)
	}
}

// crowdPeer connects and publishes by itself.
type crowdPeer struct {
	fakePeer
	wg    sync.WaitGroup
	track *publisher
}

func (p *crowdPeer) Offer(_ context.Context, o rtc.Offer) (string, error) {
	p.track = newPublisher(media.VP8)
	p.wg.Go(func() {
		p.config.Handler.State(rtc.Connected)
		p.config.Handler.Track(o.Publish[0], "", p.track.Track)
	})
	return "answer", nil
}

func (p *crowdPeer) Close() {
	p.wg.Wait()
	if p.track != nil {
		p.track.Close()
		p.config.Handler.Ended("camera", "", p.track.Track)
	}
	p.config.Handler.State(rtc.Closed)
}

// Events that come before the join has returned are not lost, nor is the order.
func TestEarlyEvents(t *testing.T) {
	h := newHouse(t)
	s := newSession(h.Manager, Who{"r", "me"}, JoinRequest{}, newOutlet(t))
	s.stage = newStage(0)
	her := room.Member{ID: "her", Role: room.Speaker, State: room.State{Mic: true}}
	if !s.Deliver(room.Joined{Member: her}) {
		t.Fatal("refused")
	}
	her.State.Camera = true
	s.Deliver(room.Updated{Member: her})
	him := room.Member{ID: "him", Role: room.Speaker, State: on}
	s.Deliver(room.Left{Member: "him"})
	s.begin(room.Snapshot{You: room.Member{ID: "me", Role: room.Viewer}, Members: []room.Member{him}})
	if !s.view.open("her", room.SourceCamera) || s.view.open("him", room.SourceMic) || s.view.role != room.Viewer {
		t.Errorf("view %+v", s.view)
	}
	flooded := newSession(h.Manager, Who{"r", "me"}, JoinRequest{}, newOutlet(t))
	for i := range maxEarly + 1 {
		if ok := flooded.Deliver(room.Settled{}); ok != (i < maxEarly) {
			t.Fatalf("event %d: %v", i, ok)
		}
	}
}

func TestGravesAreBounded(t *testing.T) {
	h := newHouse(t)
	for i := range maxBuried + 2 {
		who := Who{"r", string(rune(i))}
		h.bury(who, room.CodeRemoved)
		h.bury(who, room.CodeEnded)
		if h.buried(who) != room.CodeRemoved {
			t.Fatal("forgotten at once")
		}
	}
	if len(h.graves) != maxBuried || len(h.oldest) != maxBuried || h.buried(Who{"r", string(rune(1))}) != "" {
		t.Errorf("%d graves, %d in order", len(h.graves), len(h.oldest))
	}
}

// A room that has too much to do hears of the tracks later.
func TestPublishInARush(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{})
	rooms := hub.New(hub.Config{Limits: hub.Limits{Queue: 1}})
	h := newHouse(t, func(c *Config) { c.Hub = rooms })
	t.Cleanup(func() { _ = rooms.Close(context.Background()) })
	p, busy := h.join(JoinRequest{State: on}), h.join(JoinRequest{})
	p.connect(offerOf(1, 0, room.SourceCamera))
	busy.out.refuse(func(v any) bool {
		if _, ok := v.(room.ChatPosted); ok {
			close(entered)
			<-gate
		}
		return false
	})
	var wg sync.WaitGroup
	wg.Go(func() { p.do(room.Chat{Text: "hello"}) })
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = p.Do(ctx, room.SetState{}) // stays in the queue
	before := rooms.Stats().Dropped
	p.publish(room.SourceCamera, media.VP8)
	eventually(t, "the room refuses", func() bool { return rooms.Stats().Dropped > before })
	close(gate)
	wg.Wait()
	busy.out.wait("the track", func(v any) bool {
		u, ok := v.(room.Updated)
		return ok && len(u.Member.Tracks) == 1
	})
}

func TestRevokeWithoutMedia(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{})
	p.do(room.Leave{})
	select {
	case who := <-h.revoked:
		if who != p.id {
			t.Errorf("revoked %q", who)
		}
	case <-time.After(patience):
		t.Error("not revoked")
	}
}

// A client that makes one connection after the other faster than they can be closed is told to wait.
func TestTooManyGenerations(t *testing.T) {
	gate := make(chan struct{})
	h := newHouse(t, func(c *Config) {
		c.NewPeer = func(rtc.PeerConfig) (Peer, error) { return &stuckPeer{gate: gate}, nil }
	})
	p := h.join(JoinRequest{})
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = p.offerErr(offerOf(n, 0))
	}
	wantCode(t, err, room.CodeOverloaded)
	close(gate)
	eventually(t, "it may again", func() bool { return p.offerErr(offerOf(n, 0)) == nil })
}

// stuckPeer cannot be closed before its gate.
type stuckPeer struct {
	fakePeer
	gate chan struct{}
}

func (p *stuckPeer) Close() { <-p.gate }
