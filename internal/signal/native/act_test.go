package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"veche.example/internal/room"
	"veche.example/internal/session"
	"veche.example/internal/signal/native/proto"
)

func TestRequestsBecomeCommands(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "moderator")
	p := take(t, f.fresh, "p")
	yes, no := true, false
	for text, want := range map[string]room.Command{
		`{"t":"state","mic":true,"screen":false,"id":7}`:                       room.SetState{Mic: &yes, Screen: &no},
		`{"t":"ready","epoch":4,"id":7}`:                                       room.Ready{Epoch: 4},
		`{"t":"signal","to":"b","link":"m:1","data":{"close":true},"id":7}`:    room.Signal{To: "b", Link: "m:1", Data: []byte(`{"close":true}`)},
		`{"t":"ring","to":"b","video":true,"id":7}`:                            room.Ring{To: "b", Video: true},
		`{"t":"accept","call":"c","id":7}`:                                     room.Accept{Call: "c"},
		`{"t":"decline","call":"c","id":7}`:                                    room.Decline{Call: "c"},
		`{"t":"cancel","call":"c","id":7}`:                                     room.Cancel{Call: "c"},
		`{"t":"hangup","call":"c","id":7}`:                                     room.HangUp{Call: "c"},
		`{"t":"chat","text":"x","to":"b","from":"evil","name":"Bill","id":7}`:  room.Chat{Text: "x", To: "b"},
		`{"t":"chat","text":"","file":{"name":"n","size":1,"mime":""},"id":7}`: room.Chat{File: &room.File{Name: "n", Size: 1}},
		`{"t":"mute","member":"b","source":"camera","id":7}`:                   room.Mute{Member: "b", Source: "camera"},
		`{"t":"remove","member":"b","id":7}`:                                   room.Remove{Member: "b"},
		`{"t":"lock","locked":true,"id":7}`:                                    room.Lock{Locked: true},
		`{"t":"role","member":"b","role":"speaker","id":7}`:                    room.SetRole{Member: "b", Role: room.Speaker},
		`{"t":"end","id":7}`:                                                   room.End{},
	} {
		c.send(text)
		if got := take(t, p.did, text); !cmp.Equal(want, got) {
			t.Errorf("%s became %s", text, show(got))
		}
		if ok := c.want("ok"); len(ok) != 2 || ok.num("re") != 7 {
			t.Errorf("%s: %v", text, ok)
		}
	}
	c.send(`{"t":"lock","locked":false}`)
	take(t, p.did, "lock")
	c.send(frame{"t": "ping", "id": 8})
	if pong := c.want("pong"); pong.num("re") != 8 { // no ok to a request without an id
		t.Errorf("%v", pong)
	}
}

func TestReplies(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f, Seats: 2})
	c := l.join("r", "moderator")
	p := take(t, f.fresh, "p")
	at := time.UnixMilli(12)
	p.onDo = func(_ context.Context, c room.Command) (room.Reply, error) {
		switch c.(type) {
		case room.Ring:
			return room.Reply{Call: &room.Call{ID: "c", From: "m1", To: "b", State: room.CallEnded, Reason: room.CallBusy, At: at}}, nil
		case room.Chat:
			return room.Reply{Chat: &room.ChatMessage{ID: "d", From: "m1", Name: "n", Text: "x", At: at}}, nil
		}
		return room.Reply{}, nil
	}
	for req, want := range map[string]string{
		`{"t":"ring","to":"b","video":false,"id":2}`: `{"t":"ok","re":2,"call":{"id":"c","from":"m1","to":"b","video":false,"state":"ended","reason":"busy","at":12}}`,
		`{"t":"chat","text":"x","id":2}`:             `{"t":"ok","re":2,"chat":{"id":"d","from":"m1","name":"n","text":"x","at":12}}`,
		`{"t":"ice","id":2}`:                         `{"t":"ok","re":2,"iceServers":[{"urls":["turn:192.0.2.1:7788"],"username":"u","credential":"c"}]}`,
		`{"t":"offer","pc":0,"sdp":"v=0","tracks":[{"mid":"a","source":"screen"}],"seats":[{"a":"1","v":"2"}],"id":2}`: `{"t":"ok","re":2,"pc":0,"sdp":"answer to v=0"}`,
		`{"t":"ping","n":3,"id":2}`: `{"t":"pong","re":2}`,
		`{"t":"offer","pc":0,"sdp":"v=0","tracks":[],"seats":[{"a":"1","v":"2"},{"a":"3","v":"4"},{"a":"5","v":"6"}],"id":2}`: `{"t":"error","re":2,"code":"bad-message","message":"seats: more than 2"}`,
		`{"t":"view","seats":[{"seat":2,"member":"b","source":"camera","width":1,"height":1,"paused":false}],"id":2}`:         `{"t":"error","re":2,"code":"bad-message","message":"seats: only 0 to 1"}`,
	} {
		c.send(req)
		if d := cmp.Diff(plain(t, want), map[string]any(c.next())); d != "" {
			t.Errorf("%s (-want +got):\n%s", req, d)
		}
	}
}

func TestMediaRequests(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "speaker")
	m := take(t, f.fresh, "p").media
	ask := func(text string) {
		t.Helper()
		c.send(text)
		c.want("ok")
	}
	ask(`{"t":"offer","pc":3,"sdp":"S","tracks":[{"mid":"a","source":"screen-audio"}],"seats":[{"a":"1","v":"2"}],"id":1}`)
	if d := cmp.Diff(Offer{
		PC: 3, SDP: "S", Tracks: []Section{{MID: "a", Source: room.SourceScreenAudio}}, Seats: []SeatPair{{Audio: "1", Video: "2"}},
	}, m.offer); d != "" {
		t.Error(d)
	}
	ask(`{"t":"candidate","pc":3,"candidate":{"candidate":"candidate:1","sdpMid":"a","sdpMLineIndex":4,"usernameFragment":"u"},"id":1}`)
	if d := cmp.Diff(Candidate{PC: 3, Line: "candidate:1", MID: "a", Index: 4, Fragment: "u"}, m.candidate); d != "" {
		t.Error(d)
	}
	ask(`{"t":"candidate","pc":4,"candidate":null,"id":1}`)
	if d := cmp.Diff(Candidate{PC: 4, Index: -1}, m.candidate); d != "" {
		t.Error(d)
	}
	ask(`{"t":"view","seats":[{"seat":5,"member":"first","source":"screen","width":10.5,"height":20,"paused":true}],"id":1}`)
	if d := cmp.Diff([]Wish{{Seat: 5, Member: session.First, Source: room.SourceScreen, Width: 11, Height: 20, Paused: true}}, m.view); d != "" {
		t.Error(d)
	}
	m.err = &room.Error{Code: proto.CodeSDP, Text: "section 3: no codec"}
	c.send(`{"t":"offer","pc":3,"sdp":"S","tracks":[],"seats":[],"id":9}`)
	c.wantError("sdp", 9)
}

// TestErrorsThatStay: every code of veche-v1 §6 after which the socket lives on.
func TestErrorsThatStay(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f, Timeout: time.Second})
	c := l.join("r", "speaker")
	p := take(t, f.fresh, "p")
	var err error
	p.onDo = func(context.Context, room.Command) (room.Reply, error) { return room.Reply{}, err }
	for text, code := range map[string]string{
		"null": "bad-json", "5": "bad-json", `"x"`: "bad-json", "[]": "bad-json", `{"t":"end","t":"ping"}`: "bad-json",
		"{}": "bad-message", `{"t":"lock"}`: "bad-message", `{"t":"__proto__"}`: "unknown-type", `{"t":"lock","locked":true}`: "not-allowed",
		strings.Repeat("[", 20_000): "bad-json",
	} {
		c.send(text)
		c.wantError(code, 0)
	}
	if err := c.ws.Write(context.Background(), websocket.MessageBinary, []byte(`{"t":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	c.wantError("bad-json", 0)
	if err := c.ws.Write(context.Background(), websocket.MessageText, []byte("{\"t\":\"chat\",\"text\":\"\xff\"}")); err != nil {
		t.Fatal(err)
	}
	c.wantError("bad-json", 0)
	for _, e := range []error{
		&room.Error{Code: room.CodeNoMember, Text: "x"}, &room.Error{Code: room.CodeNoCall, Text: "x"},
		&room.Error{Code: room.CodeBusy, Text: "x"}, &room.Error{Code: room.CodeOverloaded, Text: "x"},
		&room.Error{Code: room.CodeNotAllowed, Text: "x"}, fmt.Errorf("wrapped: %w", &room.Error{Code: room.CodeEnded, Text: "x"}),
	} {
		err = e
		var re *room.Error
		errors.As(e, &re)
		c.send(frame{"t": "chat", "id": 3, "text": "x"})
		c.wantError(string(re.Code), 3)
	}
	err = errors.New("password is hunter2")
	c.send(frame{"t": "chat", "id": 4, "text": "x"})
	if e := c.wantError("internal", 4); strings.Contains(e.str("message"), "hunter2") {
		t.Error("an inner error is shown to the client")
	}
	err = context.DeadlineExceeded
	c.send(frame{"t": "chat", "id": 5, "text": "x"})
	c.wantError("overloaded", 5)
	c.send(frame{"t": "ping"})
	c.want("pong")
}

func TestTooBig(t *testing.T) {
	l := newLab(t, Config{Lobby: newFakeLobby()})
	long := func(n int) string { return `{"t":"chat","id":2,"text":"` + strings.Repeat("x", n) + `"}` }
	c := l.join("r", "x")
	c.send(long(70_000))
	c.wantError("too-big", 2)
	c.wantBye("too-big", 1009)
	c = l.join("r", "x")
	go func() { _ = c.ws.Write(context.Background(), websocket.MessageText, []byte(long(600_000))) }()
	c.wantBye("too-big", 1009)
	c = l.join("r", "x")
	c.send(`{"t":"offer","id":2,"pc":1,"tracks":[],"seats":[],"sdp":"` + strings.Repeat("x", 500_000) + `"}`)
	c.want("ok")
}

// TestSmallerLimits: an operator may allow less than the protocol.
func TestSmallerLimits(t *testing.T) {
	l := newLab(t, Config{Lobby: newFakeLobby(), Frame: 4096, SDP: 20_000})
	text := func(n int) string { return `{"t":"chat","id":2,"text":"` + strings.Repeat("x", n) + `"}` }
	offer := func(n int) string {
		return `{"t":"offer","id":2,"pc":1,"tracks":[],"seats":[],"sdp":"` + strings.Repeat("x", n) + `"}`
	}
	c := l.join("r", "x")
	c.send(text(3900))
	c.want("ok")
	c.send(offer(19_000))
	c.want("ok")
	c.send(`{"t":"chat","id":2,"text":"x","pad":"` + strings.Repeat("x", 4096) + `"}`)
	c.wantError("too-big", 2)
	c.wantBye("too-big", 1009)
	c = l.join("r", "x")
	c.send(`{"t":"chat","id":2,"text":"` + strings.Repeat("x", 21_000) + `"}`)
	c.wantBye("too-big", 1009)
}

func TestRate(t *testing.T) {
	l := newLab(t, Config{Lobby: newFakeLobby(), Rate: 0.001, Burst: 10})
	c := l.join("r", "x") // the first message
	for i := range 9 {
		c.send(frame{"t": "ping", "id": 100 + i})
		c.want("pong")
	}
	for i := range 99 {
		c.send(frame{"t": "ping", "id": 200 + i})
		c.wantError("rate", 200+i)
	}
	c.send(frame{"t": "ping"})
	c.wantBye("rate", 1008)
}

func TestEvents(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	rtp, at := uint32(0), time.UnixMilli(5)
	bob := room.Member{ID: "b", Role: room.Speaker, Agent: room.AgentBot, Connected: true}
	const bobJSON = `{"id":"b","name":"","role":"speaker","agent":"bot","connected":true,"state":{"mic":false,"camera":false,"screen":false,"hand":false},"tracks":[]}`
	n := 0
	for _, e := range []struct {
		tell func() bool
		want string
	}{
		{func() bool { return p.out.Room(room.Joined{Member: bob}) }, `{"t":"joined","member":` + bobJSON + `}`},
		{func() bool { return p.out.Room(room.Updated{Member: bob}) }, `{"t":"updated","member":` + bobJSON + `}`},
		{func() bool { return p.out.Room(room.Left{Member: "b", Reason: room.ReasonGone}) }, `{"t":"left","member":"b","reason":"gone"}`},
		{func() bool { return p.out.Room(room.RoomChanged{Locked: true, Publish: room.Advice{Video: "vp9"}}) }, `{"t":"room","locked":true,"video":[],"audio":[],"publish":{"video":"vp9"}}`},
		{func() bool { return p.out.Room(room.TopologyChanged{Mode: room.SFU, Epoch: 2}) }, `{"t":"topology","mode":"sfu","epoch":2}`},
		{func() bool { return p.out.Room(room.Settled{Epoch: 2}) }, `{"t":"settled","epoch":2}`},
		{func() bool {
			return p.out.Room(room.CallChanged{Call: room.Call{ID: "c", From: "b", To: "m1", Video: true, State: room.CallRinging, At: at}})
		}, `{"t":"call","call":{"id":"c","from":"b","to":"m1","video":true,"state":"ringing","at":5}}`},
		{func() bool {
			return p.out.Room(room.ChatPosted{Chat: room.ChatMessage{ID: "d", From: "b", Name: "n", Text: "<b>", At: at}})
		}, `{"t":"chat","chat":{"id":"d","from":"b","name":"n","text":"<b>","at":5}}`},
		{func() bool { return p.out.Room(room.Signalled{From: "b", Link: "m:1", Data: []byte(`{"meta":[1]}`)}) }, `{"t":"signal","from":"b","link":"m:1","data":{"meta":[1]}}`},
		{func() bool { return p.out.Room(room.MutedBy{Source: room.SourceMic, By: "b"}) }, `{"t":"muted","source":"mic","by":"b"}`},
		{func() bool { return p.out.Media(3, session.MediaConnected) }, `{"t":"media","pc":3,"state":"connected"}`},
		{func() bool {
			return p.out.Seats([]Seat{{Seat: 1, Member: "b", Source: room.SourceCamera, Audio: session.SeatLive, Video: session.SeatWaiting, Codec: "av1", RTP: &rtp}, {Seat: 2, Source: room.SourceScreen, Audio: session.SeatNone, Video: session.SeatNone}})
		}, `{"t":"seats","seats":[{"seat":1,"member":"b","source":"camera","audio":"live","video":"waiting","codec":"av1","rtp":0},{"seat":2,"source":"screen","audio":"none","video":"none"}]}`},
	} {
		n++
		if !e.tell() {
			t.Fatal("refused")
		}
		want := plain(t, e.want)
		want["n"] = float64(n)
		if d := cmp.Diff(want, map[string]any(c.next())); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

// TestEveryRoomEventHasAWord fails when package room gets an event that the adapter cannot write.
func TestEveryRoomEventHasAWord(t *testing.T) {
	for _, e := range []room.Event{
		room.Joined{}, room.Left{}, room.Updated{}, room.RoomChanged{}, room.TopologyChanged{}, room.Settled{},
		room.CallChanged{}, room.ChatPosted{}, room.Signalled{}, room.MutedBy{},
	} {
		body := eventOf(e)
		if body == nil {
			t.Errorf("%T has no word", e)
			continue
		}
		if !json.Valid(proto.Encode(body, 1, 0)) {
			t.Errorf("%T: %s", e, proto.Encode(body, 1, 0))
		}
	}
}

func TestRemoved(t *testing.T) {
	for code, closeCode := range map[room.Code]int{
		room.CodeRemoved: 1008, room.CodeEnded: 1008, room.CodeSlow: 4000, room.CodeShutdown: 1001, room.CodeInternal: 4000,
	} {
		f := newFakeLobby()
		l := newLab(t, Config{Lobby: f})
		c := l.join("r", "x")
		p := take(t, f.fresh, "p")
		p.out.Room(room.Settled{})
		p.out.Room(room.Removed{Code: code, By: "b"})
		if !p.out.Room(room.Settled{}) || !p.out.Media(1, session.MediaClosed) || !p.out.Seats(nil) {
			t.Error("the outlet refuses after the end")
		}
		c.want("settled")
		c.wantBye(string(code), closeCode)
		if n := l.a.Stats().Sessions; n != 0 {
			t.Errorf("%d sessions", n)
		}
		l.close()
		if len(p.detached) > 0 {
			t.Error("Detach of a session that is over")
		}
	}
}

func TestLeave(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c := l.join("r", "x")
	p := take(t, f.fresh, "p")
	c.send(frame{"t": "leave", "id": 2})
	if ok := c.want("ok"); ok.num("re") != 2 {
		t.Errorf("%v", ok)
	}
	c.wantBye("left", 1000)
	c = l.join("r", "x")
	c.send(frame{"t": "leave"})
	c.wantBye("left", 1000)
	eventually(t, "no sessions", func() bool { return l.a.Stats().Sessions == 0 && l.a.Stats().Socket.Open == 0 })
	if len(p.detached) > 0 {
		t.Error("Detach after leave")
	}
	// One that fails leaves everything as it was.
	c = l.join("r", "x")
	take(t, f.fresh, "p")
	p = take(t, f.fresh, "p")
	p.onDo = func(context.Context, room.Command) (room.Reply, error) { return room.Reply{}, context.DeadlineExceeded }
	c.send(frame{"t": "leave", "id": 3})
	c.wantError("overloaded", 3)
	p.out.Room(room.Removed{Code: room.CodeEnded})
	c.wantBye("ended", 1008)
}

// TestPanic: a participant that panics costs its own socket; the session waits for another.
func TestPanic(t *testing.T) {
	f := newFakeLobby()
	l := newLab(t, Config{Lobby: f})
	c, other := l.join("r", "x"), l.join("r", "y")
	p := take(t, f.fresh, "p")
	p.onDo = func(context.Context, room.Command) (room.Reply, error) { panic("boom") }
	c.send(frame{"t": "chat", "id": 2, "text": "x"})
	c.wantBye("internal", 4000)
	take(t, p.detached, "detach")
	p.onDo = nil
	back := l.dial()
	back.join(helloOf("r", "x").with("resume", frame{"token": c.resume, "n": 0}))
	reply, _ := back.ask(frame{"t": "chat", "id": 2, "text": "x"})
	if reply.str("t") != "ok" {
		t.Errorf("%v", reply)
	}
	other.send(frame{"t": "ping"})
	other.want("pong")
}
