package native

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"veche.example/internal/room"
	"veche.example/internal/signal/native/proto"
)

func TestWelcome(t *testing.T) {
	f := newFakeLobby()
	f.onJoin = func(_ context.Context, r JoinRequest, out Outlet) (Participant, Welcome, error) {
		p, w, err := f.join(r, out)
		at := time.UnixMilli(1795700000123)
		w.ICEServers = []ICEServer{{URLs: []string{"stun:x"}}, {URLs: []string{"turn:x"}, Username: "u", Credential: "p"}}
		s := &w.Snapshot
		s.Mode, s.Forced, s.Epoch, s.Locked, s.Publish = room.SFU, true, 3, true, room.Advice{Video: "av1"}
		s.Members = []room.Member{{
			ID: "b", Name: "Боб", Role: room.Viewer, Agent: room.AgentWHIP, State: room.State{Hand: true},
			Tracks: []room.Track{{Source: room.SourceCamera, Kind: "video", Codec: "av1"}},
		}}
		s.Calls = []room.Call{{ID: "c", From: "b", To: "m1", Video: true, State: room.CallRinging, At: at}}
		s.Chat = []room.ChatMessage{{ID: "d", From: "b", Name: "Боб", To: "m1", Text: "x", At: at, File: &room.File{ID: "f", Name: "n", Size: 7, MIME: "m"}}}
		return p, w, err
	}
	l := newLab(t, Config{Lobby: f, Seats: 16})
	got := l.dial().join(helloOf("tea", "speaker"))
	want := plain(t, `{"t":"welcome","re":1,"v":1,
		"you":{"id":"m1","name":"speaker","role":"speaker","agent":"web","connected":true,
			"state":{"mic":false,"camera":false,"screen":false,"hand":false},"tracks":[]},
		"room":{"id":"tea","kind":"meeting","locked":true,"topology":"sfu","forced":true,"epoch":3,
			"video":["vp8"],"audio":["opus"],"publish":{"video":"av1"}},
		"members":[{"id":"b","name":"Боб","role":"viewer","agent":"whip","connected":false,
			"state":{"mic":false,"camera":false,"screen":false,"hand":true},
			"tracks":[{"source":"camera","kind":"video","codec":"av1"}]}],
		"iceServers":[{"urls":["stun:x"]},{"urls":["turn:x"],"username":"u","credential":"p"}],
		"may":["leave","ping","state","offer","candidate","view","signal","ready","ring","accept","decline","cancel","hangup","chat","ice"],
		"resume":"resume:m1","n":0,
		"calls":[{"id":"c","from":"b","to":"m1","video":true,"state":"ringing","at":1795700000123}],
		"chat":[{"id":"d","from":"b","name":"Боб","text":"x","to":"m1","at":1795700000123,"file":{"id":"f","name":"n","size":7,"mime":"m"}}],
		"limits":{"frame":65536,"sdp":524288,"seats":16}}`)
	if d := cmp.Diff(want, map[string]any(got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func plain(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestHelloBecomesAJoinRequest(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.dial()
	c.send(`{"t":"hello","v":[1],"room":"чай","kind":"broadcast","name":"Ann","token":"jwt","role":"viewer","agent":"bot","topology":"sfu",
		"video":["av1"],"audio":["pcmu"],"decode":{"audio":["opus"],"video":["vp9"]},"encode":{"audio":[],"video":["h264"]},
		"state":{"mic":true,"camera":false,"screen":true,"hand":true},"resume":{"token":"stale","n":5}}`)
	if w := c.want("welcome"); w["re"] != nil {
		t.Errorf("re %v of a hello without id", w["re"])
	}
	p := take(t, f.fresh, "a participant")
	got := p.request
	if r := got.Reach; "ws://"+r.Host+"/ws" != l.url || r.Secure || !r.Direct {
		t.Errorf("reach %+v", r)
	}
	if !got.IP.IsLoopback() || len(got.CID) < 8 {
		t.Errorf("ip %v, cid %q", got.IP, got.CID)
	}
	got.IP, got.Reach, got.CID = JoinRequest{}.IP, JoinRequest{}.Reach, ""
	want := JoinRequest{
		Room: "чай", Kind: room.Broadcast, Topology: room.ForceSFU, Audio: []string{"pcmu"}, Video: []string{"av1"},
		Name: "Ann", Agent: room.AgentBot, Token: "jwt", Resume: "stale", Viewer: true, State: room.State{Mic: true, Screen: true, Hand: true},
		Decode: room.Caps{Audio: []string{"opus"}, Video: []string{"vp9"}}, Encode: room.Caps{Audio: []string{}, Video: []string{"h264"}},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestBeforeTheWelcome(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.dial()
	c.send(frame{"t": "chat", "id": 5, "text": "x"})
	c.wantError("not-allowed", 5)
	c.send(frame{"t": "ping"})
	c.wantError("not-allowed", 0)
	c.send("null")
	c.wantError("bad-json", 0)
	c.send(frame{"t": "hello", "id": 6, "v": []int{1}})
	c.wantError("bad-message", 6)
	c.send(frame{"t": "welcome", "id": 7})
	c.wantError("unknown-type", 7)
	c.join(helloOf("tea", "viewer")) // still possible
	c.send(helloOf("tea", "moderator"))
	c.wantError("not-allowed", 1)
	if n := len(f.fresh); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if s := l.a.Stats(); s.Sessions != 1 || s.New != 1 || s.Socket.Pending != 0 {
		t.Errorf("%+v", s)
	}
}

func TestHelloTimeout(t *testing.T) {
	l := newLab(t, Config{Lobby: newFakeLobby(), Hello: 100 * time.Millisecond})
	c := l.dial()
	c.wantBye("hello-timeout", 1008)
	in := l.join("tea", "x") // is not under the deadline any more: sees a later one's end
	l.dial().wantBye("hello-timeout", 1008)
	in.send(frame{"t": "ping", "id": 3})
	in.want("pong")
}

func TestVersion(t *testing.T) {
	l := newLab(t, Config{Lobby: newFakeLobby()})
	c := l.dial()
	c.send(helloOf("tea", "x").with("v", []int{2, 3}))
	c.wantError("version", 1)
	c.wantBye("version", 1008)
	l.dial().join(helloOf("tea", "x").with("v", []int{9, 1}))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, offer := range [][]string{nil, {"veche.v2"}} {
		if ws, _, err := websocket.Dial(ctx, l.url, &websocket.DialOptions{Subprotocols: offer}); err == nil {
			_ = ws.CloseNow()
			t.Errorf("subprotocols %v are accepted", offer)
		}
	}
}

func TestRefusedHello(t *testing.T) {
	for _, c := range []struct {
		err       error
		code      string
		closeCode int
	}{
		{&room.Error{Code: room.CodeToken, Text: "x"}, "token", 1008},
		{&room.Error{Code: room.CodeLocked, Text: "x"}, "locked", 1008},
		{&room.Error{Code: room.CodeFull, Text: "x"}, "full", 1008},
		{&room.Error{Code: room.CodeEnded, Text: "x"}, "ended", 1008},
		{&room.Error{Code: room.CodeNotAllowed, Text: "x"}, "not-allowed", 1008},
		{&room.Error{Code: room.CodeOverloaded, Text: "x"}, "overloaded", 4000},
		{room.ErrPresent, "overloaded", 4000},
		{context.DeadlineExceeded, "overloaded", 4000},
		{errors.New("disk on fire"), "internal", 4000},
	} {
		f := newFakeLobby()
		f.onJoin = func(context.Context, JoinRequest, Outlet) (Participant, Welcome, error) { return nil, Welcome{}, c.err }
		l := newLab(t, Config{Lobby: f})
		k := l.dial()
		k.send(helloOf("tea", "x"))
		k.wantError(c.code, 1)
		k.wantBye(c.code, c.closeCode)
		if s := l.a.Stats(); s.Refused != 1 || s.Sessions != 0 {
			t.Errorf("%s: %+v", c.code, s)
		}
		l.close()
	}
}

// TestEarlyEvents: what happens between the snapshot and the welcome comes after the welcome.
func TestEarlyEvents(t *testing.T) {
	f := newFakeLobby()
	f.onJoin = func(_ context.Context, r JoinRequest, out Outlet) (Participant, Welcome, error) {
		p, w, err := f.join(r, out)
		out.Room(room.Settled{Epoch: 7})
		promoted := w.Snapshot.You
		promoted.Role = room.Moderator
		out.Room(room.Updated{Member: promoted})
		return p, w, err
	}
	l := newLab(t, Config{Lobby: f})
	c := l.dial()
	if w := c.join(helloOf("tea", "viewer")); w.num("n") != 0 {
		t.Errorf("n %v", w["n"])
	}
	if e := c.want("settled"); e.num("n") != 1 {
		t.Errorf("%v", e)
	}
	if e := c.want("updated"); e.num("n") != 2 {
		t.Errorf("%v", e)
	}
	c.send(frame{"t": "lock", "id": 2, "locked": true})
	c.want("ok")
}

// TestEndedWhileWelcomed: the last event came before Join returned.
func TestEndedWhileWelcomed(t *testing.T) {
	f := newFakeLobby()
	f.onJoin = func(_ context.Context, r JoinRequest, out Outlet) (Participant, Welcome, error) {
		p, w, err := f.join(r, out)
		out.Room(room.Removed{Code: room.CodeEnded})
		return p, w, err
	}
	l := newLab(t, Config{Lobby: f})
	c := l.dial()
	c.send(helloOf("tea", "x"))
	c.want("welcome")
	c.wantBye("ended", 1008)
	if n := l.a.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestShutdown(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c, early := l.join("tea", "x"), l.dial()
	l.close()
	c.wantBye("shutdown", proto.CloseAway)
	early.wantBye("shutdown", proto.CloseAway)
	if reload := take(t, take(t, f.fresh, "p").detached, "detach"); reload {
		t.Error("a shutdown is not a reload")
	}
}
