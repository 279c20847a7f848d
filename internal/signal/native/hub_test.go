package native

import (
	"fmt"
	"sync"
	"testing"

	"veche.example/internal/room"
)

// These tests run the adapter over real rooms.

func TestCallThroughTheWire(t *testing.T) {
	l := newLab(t, Config{Lobby: newHubLobby(t, room.Options{})})
	ann := l.join("r", "Ann")
	bob := l.join("r", "Bob")
	if j := ann.want("joined"); j.str("member", "name") != "Bob" || j.num("n") != 1 {
		t.Errorf("%v", j)
	}
	reply, _ := ann.ask(frame{"t": "ring", "id": 2, "to": bob.me, "video": true})
	call := reply.str("call", "id")
	if c := bob.want("call"); c.str("call", "from") != ann.me || c.str("call", "state") != "ringing" {
		t.Errorf("%v", c)
	}
	reply, _ = bob.ask(frame{"t": "accept", "id": 3, "call": call})
	if reply.str("t") != "ok" {
		t.Errorf("%v", reply)
	}
	ann.until("call")
	reply, _ = ann.ask(frame{"t": "signal", "id": 4, "to": bob.me, "link": "c:" + call, "data": frame{"meta": frame{"__proto__": 1}}, "from": "evil"})
	if reply.str("t") != "ok" {
		t.Errorf("%v", reply)
	}
	if s := bob.until("signal"); s.str("from") != ann.me {
		t.Errorf("the sender is not stamped: %v", s)
	}
	_ = ann.ws.CloseNow()
	back, w := l.back("r", ann, 99)
	if w.str("resumed") == "" || w.str("you", "id") != ann.me {
		t.Errorf("%v", w)
	}
	reply, _ = back.ask(frame{"t": "hangup", "id": 5, "call": call})
	if reply.str("t") != "ok" {
		t.Errorf("a call does not outlive a lost socket: %v", reply)
	}
	for end := bob.until("call"); end.str("call", "state") != "ended"; end = bob.until("call") {
	}
}

func TestModerationThroughTheWire(t *testing.T) {
	l := newLab(t, Config{Lobby: newHubLobby(t, room.Options{})})
	ann, bob := l.join("r", "Ann"), l.join("r", "Bob")
	bob.send(frame{"t": "remove", "id": 2, "member": ann.me})
	bob.wantError("not-allowed", 2)
	ann.want("joined")
	reply, _ := ann.ask(frame{"t": "remove", "id": 2, "member": bob.me})
	if reply.str("t") != "ok" {
		t.Errorf("%v", reply)
	}
	if bye := bob.until("bye"); bye.str("code") != "removed" {
		t.Errorf("%v", bye)
	}
	k := l.dial()
	k.send(helloOf("r", "Bob").with("resume", frame{"token": bob.resume, "n": 0}))
	k.wantError("token", 1)
	k.wantBye("token", 1008)
	reply, _ = ann.ask(frame{"t": "lock", "id": 3, "locked": true})
	if reply.str("t") != "ok" {
		t.Errorf("%v", reply)
	}
	k = l.dial()
	k.send(helloOf("r", "Eve"))
	k.wantError("locked", 1)
	k.wantBye("locked", 1008)
	if _, w := l.back("r", ann, 0); w.str("resumed") != "replayed" {
		t.Errorf("a lock keeps members out: %v", w)
	}
}

// TestReplayUnderLoad: while others talk, one keeps losing its socket and misses nothing, in order.
func TestReplayUnderLoad(t *testing.T) {
	l := newLab(t, Config{Lobby: newHubLobby(t, room.Options{}), Rate: 1e6, Burst: 1e6})
	ann, bob := l.join("r", "Ann"), l.join("r", "Bob")
	const total = 300
	var talk sync.WaitGroup
	talk.Go(func() {
		for i := range total {
			reply, _ := bob.ask(frame{"t": "chat", "id": 2, "text": fmt.Sprint(i)})
			if reply.str("t") != "ok" {
				t.Errorf("%v", reply)
			}
		}
	})
	defer talk.Wait()
	seen, want := 0, 0
	for want < total {
		f := ann.next()
		if n := f.num("n"); f.str("t") != "welcome" {
			if n != seen+1 {
				t.Fatalf("event %d after %d: %v", n, seen, f)
			}
			seen = n
		}
		if f.str("t") != "chat" {
			continue
		}
		if f.str("chat", "text") != fmt.Sprint(want) {
			t.Fatalf("got %v, want %d", f, want)
		}
		want++
		if want%25 == 0 {
			_ = ann.ws.CloseNow()
			b, w := l.back("r", ann, seen)
			if w.str("resumed") != "replayed" {
				t.Fatalf("%v", w)
			}
			ann = b
		}
	}
}
