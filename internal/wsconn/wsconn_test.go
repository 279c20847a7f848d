package wsconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestMessagesBothWays(t *testing.T) {
	l := newLab(t, Config{
		Subprotocols: []string{"b", "a"},
		ClientIP:     func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
	}, nil)
	ws, p := l.dial(nil)
	if ws.Subprotocol() != "b" || p.c.Subprotocol() != "b" || p.c.IP().String() != "192.0.2.7" || len(p.c.ID()) != 12 {
		t.Errorf("subprotocol %q, %q, ip %v, id %q", ws.Subprotocol(), p.c.Subprotocol(), p.c.IP(), p.c.ID())
	}
	for _, n := range []int{0, 1, 125, 126, 600, 65535} {
		text := strings.Repeat("x", n)
		write(t, ws, text)
		if m := wait(t, p.got, "message"); m.text != text || m.binary {
			t.Fatalf("got %d bytes, want %d", len(m.text), n)
		}
	}
	for _, n := range []int{0, 125, 126, 65535, 65536, 300_000} {
		text := strings.Repeat("y", n)
		if err := p.c.Send([]byte(text)); err != nil {
			t.Fatal(err)
		}
		wantText(t, ws, text)
	}
	if err := ws.Write(context.Background(), websocket.MessageBinary, []byte{0, 255}); err != nil {
		t.Fatal(err)
	}
	if m := wait(t, p.got, "message"); m.text != "\x00\xff" || !m.binary {
		t.Errorf("%+v", m)
	}
	if err := p.c.SendBinary([]byte{1, 254}); err != nil {
		t.Fatal(err)
	}
	if typ, got, err := read(t, ws); err != nil || typ != websocket.MessageBinary || got != "\x01\xfe" {
		t.Errorf("%v %q %v", typ, got, err)
	}
	s := l.s.Stats()
	if s.Open != 1 || s.Pending != 1 || s.Messages != 7 || s.Sent != 7 {
		t.Errorf("%+v", s)
	}
}

func TestSendersKeepTheirOrder(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{QueueMessages: 10_000}}, nil)
	ws, p := l.dial(nil)
	const senders, each = 8, 200
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for k := range each {
				if err := p.c.Send(fmt.Appendf(nil, "%d %d", i, k)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var next [senders]int
	for range senders * each {
		_, text, err := read(t, ws)
		if err != nil {
			t.Fatal(err)
		}
		var i, k int
		if _, err := fmt.Sscan(text, &i, &k); err != nil || next[i] != k {
			t.Fatalf("sender %d: got %d, want %d (%v)", i, k, next[i], err)
		}
		next[i]++
	}
	wg.Wait()
}

func TestCloseBySide(t *testing.T) {
	l := newLab(t, Config{}, nil)
	t.Run("ours", func(t *testing.T) {
		ws, p := l.dial(nil)
		_ = p.c.Send([]byte("first"))
		p.c.Close(Farewell{Last: []byte("last"), Code: 4123, Text: strings.Repeat("long", 50)})
		p.c.Close(Farewell{Code: 1000})
		if err := p.c.Send(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after Close: %v", err)
		}
		if p.c.Context().Err() == nil {
			t.Error("the context goes on")
		}
		wantText(t, ws, "first")
		wantText(t, ws, "last")
		wantClose(t, ws, 4123)
		if e := wait(t, p.ended, "end"); e != (End{Closed, 4123}) {
			t.Errorf("%+v", e)
		}
	})
	for code, want := range map[websocket.StatusCode]int{1000: 1000, 1001: 1001, 4321: 4321} {
		t.Run(fmt.Sprint("theirs ", code), func(t *testing.T) {
			ws, p := l.dial(nil)
			if err := ws.Close(code, "x"); err != nil {
				t.Errorf("not answered: %v", err)
			}
			if e := wait(t, p.ended, "end"); e != (End{Gone, want}) {
				t.Errorf("%+v", e)
			}
		})
	}
	t.Run("theirs, without a code", func(t *testing.T) {
		r := rawDial(t, l.url, nil)
		p := l.probe()
		_ = r.send(clientFrame(finalBit|opClose, ""))
		if e := wait(t, p.ended, "end"); e != (End{Gone, 1005}) {
			t.Errorf("%+v", e)
		}
		if _, code := r.farewell(); code != 1000 {
			t.Errorf("answered with %d", code)
		}
	})
	t.Run("abrupt", func(t *testing.T) {
		r := rawDial(t, l.url, nil)
		p := l.probe()
		_ = r.Conn.(*net.TCPConn).SetLinger(0) // a reset
		_ = r.Close()
		if e := wait(t, p.ended, "end"); e != (End{Gone, 1006}) {
			t.Errorf("%+v", e)
		}
	})
	t.Run("cut off in a message", func(t *testing.T) {
		r := rawDial(t, l.url, clientFrame(finalBit|opText, "hello")[:9])
		p := l.probe()
		_ = r.Close()
		if e := wait(t, p.ended, "end"); e != (End{Gone, 1006}) {
			t.Errorf("%+v", e)
		}
	})
	if n := l.s.Stats().Open; n != 0 {
		t.Errorf("%d connections left", n)
	}
}

func TestTooBig(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{Frame: 1000, Linger: patience}}, nil)
	ws, p := l.dial(nil)
	write(t, ws, strings.Repeat("a", 1000))
	wait(t, p.got, "a message of just the limit")
	// More than socket buffers hold: we say why although the client still writes.
	go func() { _ = ws.Write(context.Background(), websocket.MessageText, make([]byte, 4<<20)) }()
	wantText(t, ws, "bye too-big")
	wantClose(t, ws, 1009)
	_ = ws.CloseNow()
	if e := wait(t, p.ended, "end"); e.Reason != TooBig {
		t.Errorf("%+v", e)
	}
	t.Run("in fragments", func(t *testing.T) {
		r := rawDial(t, l.url, nil)
		p := l.probe()
		_ = r.send(clientFrame(opText, strings.Repeat("a", 600)), clientFrame(finalBit, strings.Repeat("a", 600)))
		if last, code := r.farewell(); last != "bye too-big" || code != 1009 {
			t.Errorf("%q, %d", last, code)
		}
		_ = r.Close()
		wait(t, p.ended, "end")
	})
	t.Run("without an end", func(t *testing.T) {
		r := rawDial(t, l.url, clientFrame(opText, "a"))
		p := l.probe()
		flood := []byte(strings.Repeat(string(clientFrame(0, "")), 1000))
		for r.send(flood) == nil && p.c.Context().Err() == nil { // empty fragments for ever
		}
		if last, code := r.farewell(); last != "bye too-big" || code != 1009 {
			t.Errorf("%q, %d", last, code)
		}
		_ = r.Close()
		wait(t, p.ended, "end")
	})
}

func TestFlood(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{Rate: 0.001, Burst: 5, Offences: 10}}, nil)
	ws, p := l.dial(nil)
	for i := range 5 + 9 {
		write(t, ws, "x")
		if m := wait(t, p.got, "message"); m.limited != (i >= 5) {
			t.Fatalf("message %d: limited %t", i, m.limited)
		}
	}
	write(t, ws, "the last straw")
	wantText(t, ws, "bye rate")
	wantClose(t, ws, 1008)
	if e := wait(t, p.ended, "end"); e.Reason != Rate {
		t.Errorf("%+v", e)
	}
	if s := l.s.Stats(); s.Limited != 10 || s.Messages != 15 || s.Ended[Rate] != 1 {
		t.Errorf("%+v", s)
	}
	t.Run("of pings", func(t *testing.T) {
		r := rawDial(t, l.url, nil)
		p := l.probe()
		for r.send(clientFrame(finalBit|opPing, "p")) == nil && p.c.Context().Err() == nil {
		}
		if last, code := r.farewell(); last != "bye rate" || code != 1008 {
			t.Errorf("%q, %d", last, code)
		}
	})
}

// TestSlowReader: a client that does not read costs the sender nothing and others nothing.
func TestSlowReader(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{QueueMessages: 100, QueueBytes: 1 << 20, Linger: 300 * time.Millisecond}}, nil)
	r := rawDial(t, l.url, nil)
	p := l.probe()
	other, q := l.dial(nil)
	data := make([]byte, 64<<10)
	var err error
	for err == nil {
		start := time.Now()
		err = p.c.Send(data)
		if d := time.Since(start); d > time.Second {
			t.Fatalf("Send took %v", d)
		}
	}
	if !errors.Is(err, ErrSlow) {
		t.Fatal(err)
	}
	if err := p.c.Send(data); !errors.Is(err, ErrClosed) {
		t.Errorf("after that: %v", err)
	}
	_ = q.c.Send([]byte("still here"))
	wantText(t, other, "still here")
	if e := wait(t, p.ended, "end"); e != (End{Slow, 1006}) {
		t.Errorf("%+v", e)
	}
	if l.s.Stats().Ended[Slow] != 1 {
		t.Error("not counted")
	}
	_ = r.Close()
}

// TestSlowReaderIsTold: one that wakes up in time learns why.
func TestSlowReaderIsTold(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{QueueMessages: 100, QueueBytes: 64 << 20, Linger: patience}}, nil)
	r := rawDial(t, l.url, nil)
	p := l.probe()
	for p.c.Send(make([]byte, 64<<10)) == nil {
	}
	if last, code := r.farewell(); last != "bye slow" || code != 4000 {
		t.Errorf("%q, %d", last, code)
	}
	_ = r.Close()
	if e := wait(t, p.ended, "end"); e.Reason != Slow {
		t.Errorf("%+v", e)
	}
}

// TestStuckWrite: a queue that does not overflow but a write that does not end.
func TestStuckWrite(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{QueueBytes: 64 << 20, Write: 100 * time.Millisecond}}, nil)
	rawDial(t, l.url, nil)
	p := l.probe()
	if err := p.c.Send(make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, p.ended, "end"); e != (End{Slow, 1006}) {
		t.Errorf("%+v", e)
	}
}

func TestNotUTF8IsTheHandlersMatter(t *testing.T) {
	l := newLab(t, Config{}, nil)
	r := rawDial(t, l.url, clientFrame(finalBit|opText, "early \xff")) // in the packet of the handshake
	p := l.probe()
	if m := wait(t, p.got, "message"); m.text != "early \xff" {
		t.Errorf("%+v", m)
	}
	_ = r.send(clientFrame(opText, "a\xc3"), clientFrame(finalBit|opPing, "between"), clientFrame(finalBit, "\xa9"))
	if op, payload, err := r.frame(); op != opPong || payload != "between" || err != nil {
		t.Errorf("%x %q %v", op, payload, err)
	}
	if m := wait(t, p.got, "message"); m.text != "aé" {
		t.Errorf("%+v", m)
	}
}

func TestNotWebSocket(t *testing.T) {
	l := newLab(t, Config{Limits: Limits{Linger: patience}}, nil)
	for name, data := range map[string][]byte{
		"length of -1":         {0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"unmasked":             {0x81, 1, 'x'},
		"reserved bits":        clientFrame(0x70|finalBit|opText, "x"),
		"reserved opcode":      clientFrame(finalBit|3, "x"),
		"reserved control":     clientFrame(finalBit|0xb, "x"),
		"continues nothing":    clientFrame(finalBit, "x"),
		"fragmented ping":      clientFrame(opPing, "x"),
		"long ping":            clientFrame(finalBit|opPing, strings.Repeat("x", 126)),
		"text inside a text":   append(clientFrame(opText, "x"), clientFrame(finalBit|opText, "y")...),
		"close with one byte":  clientFrame(finalBit|opClose, "\x03"),
		"close with code 1006": clientFrame(finalBit|opClose, "\x03\xee"),
	} {
		t.Run(name, func(t *testing.T) {
			r := rawDial(t, l.url, data)
			p := l.probe()
			if last, code := r.farewell(); last != "bye protocol" || code != 1002 {
				t.Errorf("%q, %d", last, code)
			}
			_ = r.Close()
			if e := wait(t, p.ended, "end"); e != (End{Protocol, 1006}) {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestPanicEndsOneConnection(t *testing.T) {
	l := newLab(t, Config{}, func(p *probe) {
		p.onMessage = func(data []byte, _ bool) {
			if string(data) == "boom" {
				panic("boom")
			}
			_ = p.c.Send([]byte("fine"))
		}
	})
	bad, p := l.dial(nil)
	good, _ := l.dial(nil)
	write(t, bad, "boom")
	wantText(t, bad, "bye internal")
	wantClose(t, bad, 1011)
	if e := wait(t, p.ended, "end"); e.Reason != Panic {
		t.Errorf("%+v", e)
	}
	write(t, good, "x")
	wantText(t, good, "fine")
}
