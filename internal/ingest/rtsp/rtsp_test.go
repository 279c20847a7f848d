package rtsp

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/room"
	"veche.example/internal/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nobody lets nobody in.
type nobody struct{}

func (nobody) Join(context.Context, session.JoinRequest, session.Outlet) (*session.Session, session.Welcome, error) {
	return nil, session.Welcome{}, &room.Error{Code: room.CodeToken, Text: "no"}
}

func serve(t testing.TB, c Config) string {
	t.Helper()
	c.Intake = intake.New(intake.Config{Host: nobody{}})
	s := New(c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(l)
	t.Cleanup(func() {
		s.Close()
		c.Intake.Close()
	})
	return l.Addr().String()
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

const announce = "ANNOUNCE rtsp://h/live/room RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 81\r\n\r\n" +
	"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n"

// TestRefused: without a token nobody comes in, and is told so.
func TestRefused(t *testing.T) {
	c := dial(t, serve(t, Config{}))
	if _, err := io.WriteString(c, announce); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 200)
	n, err := c.Read(b)
	if err != nil || string(b[:min(n, 12)]) != "RTSP/1.0 403" {
		t.Errorf("%q %v", b[:n], err)
	}
}

func TestLimits(t *testing.T) {
	address := serve(t, Config{PerIP: 1})
	a := dial(t, address)
	if _, err := io.WriteString(a, "OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, address).Read(make([]byte, 1)); err == nil {
		t.Error("a second one is served")
	}
}

// FuzzConn: whatever a client says ends its connection only.
func FuzzConn(f *testing.F) {
	f.Add([]byte(announce))
	f.Add([]byte("OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"))
	f.Add([]byte("SETUP rtsp://h/live/room RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\nRECORD rtsp://h/live/room RTSP/1.0\r\nCSeq: 3\r\n\r\n$\x00\x00\x04aaaa"))
	f.Add([]byte{0x24, 0, 0xff, 0xff})
	address := serve(f, Config{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(b); err != nil {
			return // it has heard enough
		}
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
}
