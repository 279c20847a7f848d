package session

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"veche.example/internal/auth"
	"veche.example/internal/hub"
	"veche.example/internal/room"
)

func closedRooms(c *Config) { c.Room = func(JoinRequest) room.Options { return room.Options{} } }

func (h *house) grant(g auth.Grant) string {
	h.t.Helper()
	if g.Expires.IsZero() {
		g.Expires = time.Now().Add(time.Hour)
	}
	if g.Room == "" {
		g.Room = "r"
	}
	s, err := h.cfg.Keys.Mint(g)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func TestGrants(t *testing.T) {
	h := newHouse(t, closedRooms)
	h.refuse(JoinRequest{Room: "r"}, room.CodeToken)
	h.refuse(JoinRequest{Room: "r", Token: "nonsense"}, room.CodeToken)
	h.refuse(JoinRequest{Room: "r", Token: h.grant(auth.Grant{Room: "other"})}, room.CodeToken)
	h.refuse(JoinRequest{Room: "r", Token: h.grant(auth.Grant{Expires: time.Now().Add(-time.Hour)})}, room.CodeToken)
	boss := h.join(JoinRequest{Name: "mine", Token: h.grant(auth.Grant{Role: auth.Moderator, Name: "given"})})
	if you := boss.w.Snapshot.You; you.Role != room.Moderator || you.Name != "given" {
		t.Errorf("joined as %+v", you)
	}
	p := h.join(JoinRequest{Name: "mine", Token: h.grant(auth.Grant{Role: auth.Viewer})})
	if you := p.w.Snapshot.You; you.Role != room.Viewer || you.Name != "mine" {
		t.Errorf("joined as %+v", you)
	}
	wantCode(t, p.offerErr(offerOf(1, 0, room.SourceMic)), room.CodeNotAllowed)
	if p = h.join(JoinRequest{Viewer: true, Token: h.grant(auth.Grant{})}); p.w.Snapshot.You.Role != room.Viewer {
		t.Error("the wish to be a viewer is not heard")
	}
	if got := h.Stats(); got.Refused != 4 || got.Sessions != 3 || got.Joined != 3 {
		t.Errorf("stats %+v", got)
	}
}

func TestWelcome(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{
		Room: "r", Kind: room.Meeting, Topology: room.ForceSFU, Video: []string{"vp9"}, Audio: []string{"opus"},
		Name: "n", State: on, Reach: Reach{Host: "veche.test"}, Decode: room.Caps{Video: []string{"vp9"}},
	})
	s := p.w.Snapshot
	if s.Mode != room.SFU || !s.Forced || s.Video[0] != "vp9" || len(s.Video) != 1 || s.Audio[0] != "opus" || s.You.State != on {
		t.Errorf("snapshot %+v", s)
	}
	if w := p.w; len(w.ICEServers) != 1 || w.ICEServers[0].Username != p.id || w.ICEServers[0].URLs[0] != "turn:veche.test" || w.Restored {
		t.Errorf("welcome %+v", w)
	}
	if servers, err := p.Media().ICEServers(testContext(t)); err != nil || len(servers) != 1 {
		t.Errorf("ice %v, %v", servers, err)
	}
	if who, ok := h.Resume(p.w.Resume, "r"); !ok || who != p.ID() || who.Member != p.id {
		t.Errorf("resume %v, %v", who, ok)
	}
	for _, token := range []string{"", "nonsense", h.grant(auth.Grant{})} {
		if _, ok := h.Resume(token, "r"); ok {
			t.Errorf("%q resumes", token)
		}
	}
	if _, ok := h.Resume(p.w.Resume, "other"); ok {
		t.Error("a token resumes in another room")
	}
}

// The server has restarted: the same secret, and nothing else.
func TestRestart(t *testing.T) {
	before := newHouse(t, closedRooms)
	roles := []string{auth.Moderator, auth.Speaker, auth.Viewer, auth.Speaker, auth.Viewer}
	var people []*person
	for _, role := range roles {
		people = append(people, before.join(JoinRequest{
			Kind: room.Broadcast, Video: []string{"vp9", "vp8"}, Name: role, State: on, Token: before.grant(auth.Grant{Role: role}),
		}))
	}
	people[0].do(room.Lock{Locked: true})
	for i, p := range people {
		w, err := p.Attach(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		people[i].w = w
	}
	before.close()
	after := newHouse(t, closedRooms)
	var back [5]*person
	var wg sync.WaitGroup
	for i := len(people) - 1; i >= 0; i-- { // any order
		wg.Go(func() {
			back[i] = after.join(JoinRequest{Name: "other", Token: "ignored", State: on, Resume: people[i].w.Resume})
		})
	}
	wg.Wait()
	for i, p := range back {
		was, is := people[i].w.Snapshot, p.w.Snapshot
		if !p.w.Restored || is.You.ID != was.You.ID || is.You.Role != was.You.Role || is.You.Name != was.You.Name || is.You.State != was.You.State {
			t.Errorf("%v came back as %+v (restored: %v)", was.You, is.You, p.w.Restored)
		}
		if is.Kind != room.Broadcast || is.Video[0] != "vp9" || len(is.Video) != 2 || !is.Locked {
			t.Errorf("the room came back as %+v", is)
		}
	}
	after.refuse(JoinRequest{Room: "r", Token: after.grant(auth.Grant{})}, room.CodeLocked)
}

// TestRenewedTokens: a restart takes back neither a role that was given nor a lock.
func TestRenewedTokens(t *testing.T) {
	before := newHouse(t, closedRooms)
	host := before.join(JoinRequest{Token: before.grant(auth.Grant{Role: auth.Moderator})})
	guest := before.join(JoinRequest{Token: before.grant(auth.Grant{Role: auth.Viewer})})
	host.do(room.SetRole{Member: guest.id, Role: room.Moderator})
	guest.out.renewed(1)
	host.do(room.Lock{Locked: true})
	token := guest.out.renewed(2)
	before.close()
	after := newHouse(t, closedRooms)
	s := after.join(JoinRequest{Resume: token}).w.Snapshot
	if s.You.ID != guest.id || s.You.Role != room.Moderator || !s.Locked {
		t.Errorf("came back as %+v, locked: %v", s.You, s.Locked)
	}
}

func TestTokenOfSomebodyRemoved(t *testing.T) {
	h := newHouse(t)
	boss, p := h.join(JoinRequest{}), h.join(JoinRequest{})
	boss.do(room.Remove{Member: p.id})
	p.out.removed(room.CodeRemoved)
	h.refuse(JoinRequest{Room: "r", Resume: p.w.Resume}, room.CodeToken)
	boss.do(room.Leave{}) // the room is gone, and what it remembered
	if _, ok := h.Resume(p.w.Resume, "r"); ok {
		t.Error("the token is good again")
	}
	h.refuse(JoinRequest{Room: "r", Resume: p.w.Resume}, room.CodeToken)
}

func TestTokenOfARoomThatWasEnded(t *testing.T) {
	h := newHouse(t)
	boss := h.join(JoinRequest{})
	boss.do(room.End{})
	boss.out.removed(room.CodeEnded)
	again := h.join(JoinRequest{Resume: boss.w.Resume})
	if again.w.Restored || again.id == boss.id {
		t.Error("a session of an ended room came back")
	}
}

func TestTokenExpires(t *testing.T) {
	now := time.Now()
	h := newHouse(t, func(c *Config) { c.Now = func() time.Time { return now }; c.ResumeTTL = time.Minute })
	p := h.join(JoinRequest{})
	now = now.Add(2 * time.Minute)
	if _, ok := h.Resume(p.w.Resume, "r"); ok {
		t.Error("an old token resumes")
	}
	if q := h.join(JoinRequest{Resume: p.w.Resume}); q.w.Restored || q.id == p.id {
		t.Error("an old token brings a session back")
	}
}

// Somebody who left by itself may come back with the role it had last.
func TestLeftAndBack(t *testing.T) {
	h := newHouse(t)
	boss, p := h.join(JoinRequest{}), h.join(JoinRequest{})
	boss.do(room.SetRole{Member: p.id, Role: room.Moderator})
	p.do(room.Leave{})
	back := h.join(JoinRequest{Resume: p.w.Resume})
	if you := back.w.Snapshot.You; you.ID != p.id || you.Role != room.Moderator || !back.w.Restored {
		t.Errorf("came back as %+v", you)
	}
	back.connect(offerOf(1, 1, room.SourceMic))
}

func TestTakeOver(t *testing.T) {
	h := newHouse(t)
	p := h.join(JoinRequest{State: on}).connect(offerOf(5, 1))
	old := p.peer
	p.Detach(false)
	q := h.join(JoinRequest{Resume: p.w.Resume})
	p.out.removed(CodeReplaced)
	if q.Session != p.Session || q.id != p.id || !q.w.Restored || !q.w.Snapshot.You.Connected {
		t.Errorf("took over %+v", q.w.Snapshot.You)
	}
	eventually(t, "the old peer is closed", old.isClosed)
	q.connect(offerOf(1, 1)) // knows nothing of the former numbers
	other := h.join(JoinRequest{})
	q.out.wait("the other", func(v any) bool { j, ok := v.(room.Joined); return ok && j.Member.ID == other.id })
	if got := h.Stats(); got.Replaced != 1 || got.Sessions != 2 {
		t.Errorf("stats %+v", got)
	}
	// The session is there for others, but not for whoever comes in between.
	h.mu.Lock()
	delete(h.sessions, q.who)
	h.mu.Unlock()
	if _, _, err := h.Join(testContext(t), JoinRequest{Room: "r", Resume: p.w.Resume}, newOutlet(t)); err != room.ErrPresent {
		t.Errorf("error %v", err)
	}
}

func TestDetachAndAttach(t *testing.T) {
	h := newHouse(t)
	p, other := h.join(JoinRequest{}), h.join(JoinRequest{})
	connected := func(want bool) func(any) bool {
		return func(v any) bool {
			u, ok := v.(room.Updated)
			return ok && u.Member.ID == p.id && u.Member.Connected == want
		}
	}
	p.Detach(true)
	other.out.wait("gone", connected(false))
	if w, err := p.Attach(testContext(t)); err != nil || len(w.Snapshot.Members) != 1 || w.Resume == "" || w.Restored {
		t.Errorf("attach: %+v, %v", w, err)
	}
	other.out.wait("back", connected(true))
	p.do(room.Leave{})
	p.out.removed(room.CodeLeft)
	p.Detach(false)
	if _, err := p.Attach(testContext(t)); err == nil {
		t.Error("a session that is over can be attached")
	}
	if who := <-h.revoked; who != p.id {
		t.Errorf("revoked %q", who)
	}
}

// A socket that is lost while the room has too much to do is not forgotten.
func TestDetachInARush(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{}, 1)
	rooms := hub.New(hub.Config{Limits: hub.Limits{Queue: 1}})
	h := newHouse(t, func(c *Config) { c.Hub = rooms })
	t.Cleanup(func() { _ = rooms.Close(context.Background()) })
	p, busy := h.join(JoinRequest{}), h.join(JoinRequest{})
	busy.out.refuse(func(v any) bool {
		if _, ok := v.(room.ChatPosted); ok {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-gate
		}
		return false
	})
	var wg sync.WaitGroup
	wg.Go(func() { p.do(room.Chat{Text: "hello"}) })
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Do(ctx, room.SetState{}); err != context.Canceled { // given up, but in the queue
		t.Fatalf("error %v", err)
	}
	if _, err := p.Do(testContext(t), room.SetState{}); err != hub.ErrOverloaded {
		t.Fatalf("error %v", err)
	}
	p.Detach(false)
	close(gate)
	wg.Wait()
	busy.out.wait("the socket is gone", func(v any) bool {
		u, ok := v.(room.Updated)
		return ok && u.Member.ID == p.id && !u.Member.Connected
	})
}

func grantOf(name string) auth.Grant {
	return auth.Grant{Room: name, Expires: time.Now().Add(time.Hour)}
}

// TestBusy: while the server is busy nobody new is let in, but whoever was there comes back.
func TestBusy(t *testing.T) {
	var busy atomic.Bool
	h := newHouse(t, func(c *Config) { c.Busy = busy.Load })
	p := h.join(JoinRequest{})
	busy.Store(true)
	h.refuse(JoinRequest{Room: "r"}, room.CodeOverloaded)
	h.refuse(JoinRequest{Room: "r", Resume: "not one of ours"}, room.CodeOverloaded)
	p.Detach(false)
	if q := h.join(JoinRequest{Resume: p.w.Resume}); !q.w.Restored {
		t.Error("not brought back")
	}
	busy.Store(false)
	h.join(JoinRequest{})
	if got := h.Stats().Refused; got != 2 {
		t.Error(got, "refused")
	}
}
