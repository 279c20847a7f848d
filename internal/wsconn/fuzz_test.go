package wsconn

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// pipes is a listener whose connections have no sockets.
type pipes struct {
	c    chan net.Conn
	once sync.Once
	done chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.c:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// FuzzStream throws bytes at a connection after its handshake: whatever they are, the handler gets
// messages within the limits, one end, and nothing else happens.
func FuzzStream(f *testing.F) {
	for _, seed := range [][]byte{
		clientFrame(finalBit|opText, "hello"), clientFrame(finalBit|opClose, "\x03\xe9"), clientFrame(finalBit|opPing, "p"),
		append(clientFrame(opText, "a"), clientFrame(finalBit, "b")...), clientFrame(finalBit|opBinary, string(make([]byte, 300))),
		{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, {0x81, 0xfe}, {0x88}, {},
	} {
		f.Add(seed)
	}
	const limit = 256
	s := New(Config{Limits: Limits{Frame: limit, Linger: 50 * time.Millisecond}})
	l := &pipes{c: make(chan net.Conn), done: make(chan struct{})}
	ended := make(chan End, 1)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Serve(w, r, func(c *Conn) Handler {
			p := &probe{c: c, ended: ended}
			p.onMessage = func(data []byte, _ bool) {
				if len(data) > limit {
					panic("over the limit")
				}
				_ = c.Send(append([]byte(nil), data...))
			}
			return p
		})
	})}
	go func() { _ = web.Serve(l) }()
	f.Cleanup(func() {
		_ = s.Close(context.Background())
		_ = web.Close()
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		here, there := net.Pipe()
		defer func() { _ = here.Close() }()
		l.c <- there
		_ = here.SetDeadline(time.Now().Add(patience))
		r := rawHandshake(t, here, nil)
		go func() { // a pipe has no buffer
			_, _ = here.Write(data)
			_, _ = here.Write(clientFrame(finalBit|opClose, "\x03\xe8"))
			_ = here.Close() // data may have begun a frame that does not end
		}()
		r.farewell()
		if e := wait(t, ended, "end"); e.Reason == Panic || e.Reason == "" {
			t.Fatalf("%+v", e)
		}
	})
}
