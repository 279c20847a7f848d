package native

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/signal/native/proto"
)

// back says hello with the resume token of an earlier client.
func (l *lab) back(room string, of *client, seen int) (*client, frame) {
	l.t.Helper()
	c := l.dial()
	w := c.join(helloOf(room, "x").with("resume", frame{"token": of.resume, "n": seen}))
	return c, w
}

func tellSettled(p *fakePerson, from, to int) {
	for i := from; i <= to; i++ {
		p.out.Room(room.Settled{Epoch: i})
	}
}

// wantSettled wants exactly these events, in order, whose epoch is their number.
func (c *client) wantSettled(from, to int) {
	c.t.Helper()
	for i := from; i <= to; i++ {
		if f := c.want("settled"); f.num("n") != i || f.num("epoch") != i {
			c.t.Fatalf("got %v, want event %d", f, i)
		}
	}
}

// quiet proves that nothing is on its way: the next frame is the reply to a ping.
func (c *client) quiet() {
	c.t.Helper()
	c.send(frame{"t": "ping", "id": 77})
	if f := c.want("pong"); f.num("re") != 77 {
		c.t.Fatalf("%v", f)
	}
}

func TestReplay(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	tellSettled(p, 1, 3)
	c.wantSettled(1, 3)
	_ = c.ws.CloseNow()
	if reload := take(t, p.detached, "detach"); reload {
		t.Error("a lost socket is no reload")
	}
	tellSettled(p, 4, 6)
	b, w := l.back("r", c, 2) // event 3 came, but the client says that it did not see it
	if w.str("resumed") != proto.Replayed || w.num("n") != 2 || w.num("re") != 1 || w.str("you", "id") != c.me {
		t.Errorf("%v", w)
	}
	b.wantSettled(3, 6)
	b.quiet()
	tellSettled(p, 7, 7)
	b.wantSettled(7, 7)
	take(t, p.attached, "attach")
	if s := l.a.Stats(); s.Replayed != 1 || s.New != 1 || s.Sessions != 1 || len(f.people) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestReloadIsToldApart(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	_ = c.ws.Close(proto.CloseAway, "")
	if !take(t, p.detached, "detach") {
		t.Error("close code 1001 is a reload")
	}
}

// TestPingTrims: what the client says it has seen is forgotten; a claim from the future is not believed.
func TestPingTrims(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	tellSettled(p, 1, 5)
	c.wantSettled(1, 5)
	c.send(frame{"t": "ping", "id": 2, "n": 3})
	c.want("pong")
	b, w := l.back("r", c, 2)
	if w.str("resumed") != proto.Restored || w.num("n") != 5 {
		t.Errorf("2 is forgotten: %v", w)
	}
	b.quiet()
	b, w = l.back("r", c, 3)
	if w.str("resumed") != proto.Replayed || w.num("n") != 3 {
		t.Errorf("3 is kept: %v", w)
	}
	b.wantSettled(4, 5)
	b.send(frame{"t": "ping", "id": 2, "n": 1 << 40})
	b.want("pong")
	tellSettled(p, 6, 6)
	b.wantSettled(6, 6)
	b, w = l.back("r", c, 5)
	if w.str("resumed") != proto.Replayed {
		t.Errorf("%v", w)
	}
	b.wantSettled(6, 6)
}

// TestTooMuchMissed: beyond 1000 events, or from the future, the client starts from the state.
func TestTooMuchMissed(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	_ = c.ws.CloseNow()
	take(t, p.detached, "detach")
	tellSettled(p, 1, maxEvents)
	b, w := l.back("r", c, 0)
	if w.str("resumed") != proto.Replayed || w.num("n") != 0 {
		t.Fatalf("%v", w)
	}
	b.wantSettled(1, maxEvents)
	_ = b.ws.CloseNow()
	take(t, p.detached, "detach")
	tellSettled(p, maxEvents+1, maxEvents+1)
	for _, seen := range []int{0, maxEvents + 2} {
		b, w = l.back("r", c, seen)
		if w.str("resumed") != proto.Restored || w.num("n") != maxEvents+1 {
			t.Fatalf("seen %d: %v", seen, w)
		}
		b.quiet()
	}
	tellSettled(p, maxEvents+2, maxEvents+2)
	b.wantSettled(maxEvents+2, maxEvents+2)
}

// TestReplace: the old socket of a half-open connection is told at once and has no rights any more.
func TestReplace(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	tellSettled(p, 1, 2)
	c.wantSettled(1, 2)
	b, w := l.back("r", c, 2)
	if w.str("resumed") != proto.Replayed {
		t.Errorf("%v", w)
	}
	c.wantBye("replaced", 1008)
	tellSettled(p, 3, 3)
	b.wantSettled(3, 3)
	reply, _ := b.ask(frame{"t": "chat", "id": 9, "text": "x"})
	if reply.str("t") != "ok" {
		t.Errorf("%v", reply)
	}
	eventually(t, "one socket", func() bool { return l.a.Stats().Socket.Open == 1 })
	if len(p.detached) > 0 {
		t.Error("the replaced socket detached the session")
	}
}

// TestReplaceFreesACallThatHangs: the old socket's command must not hold up the new one.
func TestReplaceFreesACallThatHangs(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	p.onDo = func(ctx context.Context, _ room.Command) (room.Reply, error) {
		<-ctx.Done()
		return room.Reply{}, ctx.Err()
	}
	c.send(frame{"t": "chat", "id": 2, "text": "x"})
	take(t, p.did, "chat")
	_, w := l.back("r", c, 0)
	if w.str("resumed") != proto.Replayed {
		t.Errorf("%v", w)
	}
	c.wantBye("replaced", 1008)
}

// TestManyReplace: sockets that fight for one session end with exactly one that has it.
func TestManyReplace(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f, Pending: 100})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	hello := helloOf("r", "x").with("resume", frame{"token": c.resume, "n": 0})
	var fighters []*client
	for range 12 {
		k := l.dial()
		k.send(hello)
		fighters = append(fighters, k)
	}
	for _, k := range fighters {
		k.want("welcome")
	}
	eventually(t, "one socket", func() bool { return l.a.Stats().Socket.Open == 1 })
	tellSettled(p, 1, 1)
	told := 0
	for _, k := range fighters {
		if f := k.next(); f.str("t") == "settled" {
			told++
		} else if f.str("code") != "replaced" {
			t.Errorf("%v", f)
		}
	}
	if told != 1 || l.a.Stats().Sessions != 1 {
		t.Errorf("%d sockets were told, %d sessions", told, l.a.Stats().Sessions)
	}
}

// TestRestored: the server no longer has the session (another adapter stands for a restart).
func TestRestored(t *testing.T) {
	c := newLab(t, Config{Lobby: newFakeLobby()}).join("r", "x")
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	b, w := l.back("r", c, 40)
	if w.str("resumed") != proto.Restored || w.num("n") != 0 || w.str("you", "id") != c.me {
		t.Errorf("%v", w)
	}
	tellSettled(take(t, f.fresh, "p"), 1, 1)
	b.wantSettled(1, 1)
	if s := l.a.Stats(); s.Restored != 1 || s.New != 0 {
		t.Errorf("%+v", s)
	}
}

// TestResumeAfterTheEnd: a session that ends while it is resumed is brought back as the lobby decides.
func TestResumeAfterTheEnd(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	p.onAttach = func(context.Context) error { return room.ErrEnded }
	_, w := l.back("r", c, 0)
	if w.str("resumed") != proto.Restored || len(f.people) != 2 {
		t.Errorf("%v", w)
	}
	p = take(t, f.fresh, "the second p")
	p.onAttach = func(context.Context) error { return context.DeadlineExceeded }
	k := l.dial()
	k.send(helloOf("r", "x").with("resume", frame{"token": c.resume, "n": 0}))
	k.wantError("overloaded", 1)
	k.wantBye("overloaded", proto.CloseComeBack)
	if take(t, p.detached, "detach"); l.a.Stats().Sessions != 1 {
		t.Error("a session that could not be attached is lost")
	}
}

// TestSlowReader: a client that does not read ends with "slow"; the others notice nothing.
func TestSlowReader(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	slow := l.mute("r")
	p := take(t, f.fresh, "p")
	other := l.join("r", "y")
	q := take(t, f.fresh, "q")
	big := room.Signalled{From: "b", Link: "m:1", Data: []byte(`{"meta":"` + strings.Repeat("x", 60_000) + `"}`)}
	full := false
	for i := 0; i < 2000 && !full; i++ {
		full = !p.out.Room(big)
	}
	if !full {
		t.Fatal("120 MB fit into the queue")
	}
	p.out.Room(room.Removed{Code: room.CodeSlow})
	tellSettled(q, 1, 1)
	other.wantSettled(1, 1)
	eventually(t, "the slow one is gone", func() bool { s := l.a.Stats(); return s.Sessions == 1 && s.Socket.Open == 1 })
	if s := l.a.Stats(); s.Slow != 1 {
		t.Errorf("%+v", s)
	}
	if len(p.detached) > 0 {
		t.Error("Detach of a session that is over")
	}
	_ = slow.Close()
}

// mute joins by hand and never reads.
func (l *lab) mute(name string) net.Conn {
	l.t.Helper()
	host := strings.TrimSuffix(strings.TrimPrefix(l.url, "ws://"), "/ws")
	c, err := net.DialTimeout("tcp", host, patience)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	hello, _ := json.Marshal(helloOf(name, "x"))
	frame := []byte{0x81, 0x80 | 126, byte(len(hello) >> 8), byte(len(hello)), 0, 0, 0, 0} // a masked text frame (RFC 6455 §5.2)
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err = c.Write(append([]byte("GET /ws HTTP/1.1\r\nHost: "+host+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "+proto.Subprotocol+"\r\n\r\n"), append(frame, hello...)...))
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}
