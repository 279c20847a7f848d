package wsconn

import (
	"context"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestIdle(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{Ping: 100 * time.Millisecond, Idle: 800 * time.Millisecond, Handshake: time.Hour, Linger: 100 * time.Millisecond}}, nil)
	silent := rawDial(t, l.url, nil)
	p := l.probe()
	polite, q := l.dial(nil) // its library answers pings while it reads
	reading := make(chan error, 1)
	go func() {
		_, _, err := polite.Read(context.Background())
		reading <- err
	}()
	pings := 0
	for {
		op, _, err := silent.frame()
		if err != nil {
			t.Fatal(err)
		}
		if op == opText {
			break
		}
		if op == opPing {
			pings++
		}
	}
	if pings < 2 {
		t.Errorf("%d pings before the end", pings)
	}
	if _, code := silent.farewell(); code != 1001 {
		t.Errorf("closed with %d", code)
	}
	_ = silent.Close()
	if e := wait(t, p.ended, "end"); e.Reason != Idle {
		t.Errorf("%+v", e)
	}
	select {
	case e := <-q.ended:
		t.Errorf("a client that answers pings ended: %+v", e)
	default:
	}
	l.close()
	wait(t, reading, "the end of the polite one")
}

func TestHandshakeTimeout(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{Handshake: 100 * time.Millisecond}}, nil)
	ws, p := l.dial(nil)
	ready, q := l.dial(nil)
	q.c.Ready()
	q.c.Ready()
	wantText(t, ws, "bye timeout")
	wantClose(t, ws, 1008)
	if e := wait(t, p.ended, "end"); e.Reason != Timeout {
		t.Errorf("%+v", e)
	}
	_ = q.c.Send([]byte("here"))
	wantText(t, ready, "here")
	if s := l.s.Stats(); s.Pending != 0 || s.Open != 1 {
		t.Errorf("%+v", s)
	}
}

func TestShutdown(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{Linger: patience}}, nil)
	ws, p := l.dial(nil)
	ended := make(chan string, 1)
	go func() {
		_, last, _ := ws.Read(context.Background())
		_, _, err := ws.Read(context.Background())
		if websocket.CloseStatus(err) == 1001 {
			ended <- string(last)
		} else {
			ended <- err.Error()
		}
	}()
	l.close()
	if last := wait(t, ended, "the close frame"); last != "bye shutdown" {
		t.Errorf("client saw %q", last)
	}
	if e := wait(t, p.ended, "end"); e.Reason != Shutdown {
		t.Errorf("%+v", e)
	}
	if _, _, err := websocket.Dial(context.Background(), l.url, nil); err == nil {
		t.Error("a newcomer after Close")
	}
}

// TestShutdownCutsOff: a client that never closes its side does not hold us up.
func TestShutdownCutsOff(t *testing.T) {
	s := newLab(t, Config{Limits: Limits{Linger: time.Hour}}, nil)
	rawDial(t, s.url, clientFrame(finalBit|opText, "here"))
	p := s.probe()
	wait(t, p.got, "a message: the connection is under way")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.s.Close(ctx); err != context.DeadlineExceeded {
		t.Errorf("Close: %v", err)
	}
	if e := wait(t, p.ended, "end"); e.Reason != Shutdown {
		t.Errorf("%+v", e)
	}
}

func TestBucket(t *testing.T) {
	l := Limits{Rate: 50, Burst: 200, Offences: 100}
	type step struct {
		n    int           // messages …
		gap  time.Duration // … with this before each
		want verdict       // of the last
	}
	for name, steps := range map[string][]step{
		"the burst":                {{200, 0, pass}, {1, 0, limited}},
		"the rate, for an hour":    {{50 * 3600, 20 * time.Millisecond, pass}},
		"a burst after a pause":    {{200, 0, pass}, {1, 4 * time.Second, pass}, {199, 0, pass}, {1, 0, limited}},
		"no saving beyond a burst": {{1, time.Hour, pass}, {199, 0, pass}, {1, 0, limited}},
		"100 refused":              {{299, 0, limited}, {1, 0, banned}},
		"ten times the rate":       {{311, 2 * time.Millisecond, limited}, {40, 2 * time.Millisecond, banned}},
		"100 with a pause":         {{299, 0, limited}, {51, 1001 * time.Millisecond, pass}, {200, 0, limited}},
		"a little over the rate":   {{200, 0, pass}, {5000, 19 * time.Millisecond, banned}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(l)
			now := int64(0)
			var got verdict
			for i, s := range steps {
				for range s.n {
					now += int64(s.gap)
					if got = b.take(now); got == banned {
						break
					}
				}
				if got != s.want {
					t.Fatalf("step %d: %v, want %v", i, got, s.want)
				}
			}
		})
	}
}
