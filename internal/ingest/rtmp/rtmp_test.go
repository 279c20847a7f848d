package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"go.uber.org/goleak"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/room"
	"veche.example/internal/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTarget(t *testing.T) {
	for text, want := range map[string]intake.Target{
		"rtmp://h/live/room":                             {Room: "room"},
		"rtmp://h/live/room/key":                         {Room: "room", Token: "key"},
		"rtmp://h/live/room?token=t&name=A%20B":          {Room: "room", Token: "t", Name: "A B"},
		"rtmp://h/live/room/key?token=t":                 {Room: "room", Token: "t"},
		"rtmp://h/room":                                  {Room: "room"},
		"rtmp://h/live/room?kind=broadcast":              {Room: "room", Kind: room.Broadcast},
		"rtmp://h/live/%D0%B2%D0%B5%D1%87%D0%B5?token=t": {Room: "вече", Token: "t"},
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := targetOf(&gortmplib.ServerConn{URL: u})
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"rtmp://h/", "rtmp://h/live/", "rtmp://h/live/room?kind=lobby", "rtmp://h/live/room?kind=x"} {
		u, _ := url.Parse(text)
		if _, err := targetOf(&gortmplib.ServerConn{URL: u}); !errors.Is(err, intake.ErrTarget) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// nobody lets nobody in.
type nobody struct{}

func (nobody) Join(context.Context, session.JoinRequest, session.Outlet) (*session.Session, session.Welcome, error) {
	return nil, session.Welcome{}, &room.Error{Code: room.CodeToken, Text: "no"}
}

func newServer(t testing.TB, c Config) *Server {
	t.Helper()
	c.Intake = intake.New(intake.Config{Host: nobody{}})
	s := New(c)
	t.Cleanup(func() {
		s.Close()
		c.Intake.Close()
	})
	return s
}

// TestLimits: connections over a limit are closed, the others stay.
func TestLimits(t *testing.T) {
	s := newServer(t, Config{PerIP: 2})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(l)
	closed := make(chan error, 3)
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		go func() {
			_, err := c.Read(make([]byte, 1))
			closed <- err
		}()
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("three of two are served")
	}
	select {
	case err := <-closed:
		t.Error("a second one was closed", err)
	default:
	}
	s.Close() // ends the others
	for range 2 {
		<-closed
	}
}

// script is a connection on which a client says all it has to say.
type script struct {
	net.Conn
	r *bytes.Reader
}

func (s script) Read(b []byte) (int, error)     { return s.r.Read(b) }
func (script) Write(b []byte) (int, error)      { return len(b), nil }
func (script) Close() error                     { return nil }
func (script) SetDeadline(time.Time) error      { return nil }
func (script) SetReadDeadline(time.Time) error  { return nil }
func (script) SetWriteDeadline(time.Time) error { return nil }

// chunk is a message of a client in one chunk (RTMP 1.0 §5.3).
func chunk(kind byte, stream uint32, body []byte) []byte {
	b := []byte{3, 0, 0, 0, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body)), kind}
	b = binary.LittleEndian.AppendUint32(b, stream)
	return append(b, body...)
}

func text(s string) []byte { return append([]byte{2, byte(len(s) >> 8), byte(len(s))}, s...) }

func number(n byte) []byte { return []byte{0, 0x40, n, 0, 0, 0, 0, 0, 0} }

// FuzzConn: whatever a client says after the handshake ends its connection only.
func FuzzConn(f *testing.F) {
	connect := bytes.Join([][]byte{text("connect"), number(0), {3, 0, 3, 'a', 'p', 'p'}, text("live"), {0, 5, 't', 'c', 'U', 'r', 'l'}, text("rtmp://h/live"), {0, 0, 9}}, nil)
	publish := bytes.Join([][]byte{text("publish"), number(0), {5}, text("room"), text("live")}, nil)
	f.Add(bytes.Join([][]byte{
		chunk(20, 0, connect), chunk(20, 0, bytes.Join([][]byte{text("createStream"), number(8), {5}}, nil)), chunk(20, 1, publish),
		chunk(9, 1, []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee}),
		chunk(8, 1, []byte{0xaf, 0, 0x12, 0x10}), chunk(9, 1, []byte{0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 1}),
	}, nil))
	f.Add(chunk(20, 0, connect))
	f.Add(chunk(1, 0, []byte{0x7f, 0xff, 0xff, 0xff}))
	f.Add([]byte{0xff, 0xff, 0xff})
	s := newServer(f, Config{})
	hello := append([]byte{3}, make([]byte, 2*1536)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := script{r: bytes.NewReader(append(bytes.Clone(hello), b...))}
		if err := s.talk(c, netip.Addr{}, slog.New(slog.DiscardHandler)); err == nil {
			t.Error("let in")
		}
	})
}
