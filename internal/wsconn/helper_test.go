package wsconn

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// message is what a handler was given.
type message struct {
	text    string
	binary  bool
	limited bool
}

// probe is a Handler that tells the test everything; its hooks may be nil.
type probe struct {
	c         *Conn
	opened    func()
	onMessage func(data []byte, binary bool)
	got       chan message
	ended     chan End
}

// Opened hands the probe to the test: only now may others send.
func (p *probe) Opened() {
	if p.opened != nil {
		p.opened()
	}
}

func (p *probe) Message(data []byte, binary bool) {
	if p.onMessage != nil {
		p.onMessage(data, binary)
		return
	}
	p.got <- message{text: string(data), binary: binary}
}

func (p *probe) Limited(data []byte, binary bool) {
	p.got <- message{text: string(data), binary: binary, limited: true}
}

func (p *probe) Farewell(why Reason) Farewell {
	f := Farewell{Last: []byte("bye " + string(why)), Text: string(why)}
	if why == Slow {
		f.Code = 4000
	}
	return f
}

func (p *probe) Closed(e End) { p.ended <- e }

// inline makes labs read and write in place: see TestInline.
var inline bool

// lab is a server on a real port and the probes of its connections.
type lab struct {
	t      *testing.T
	s      *Server
	url    string // ws://…
	probes chan *probe
	setup  func(*probe)

	closing sync.Once
}

func newLab(t *testing.T, c Config, setup func(*probe)) *lab {
	t.Helper()
	if inline {
		c.Direct, c.Inline = true, true
	}
	l := &lab{t: t, s: New(c), probes: make(chan *probe, 64), setup: setup}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.s.Serve(w, r, func(c *Conn) Handler {
			p := &probe{c: c, got: make(chan message, 4096), ended: make(chan End, 1)}
			if l.setup != nil {
				l.setup(p)
			}
			p.opened = func() { l.probes <- p }
			return p
		})
	}))
	l.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/ws"
	t.Cleanup(func() {
		l.close()
		web.CloseClientConnections()
		web.Close()
	})
	return l
}

func (l *lab) close() {
	l.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := l.s.Close(ctx); err != nil {
			l.t.Errorf("Close: %v", err)
		}
	})
}

// dial connects a polite client.
func (l *lab) dial(header http.Header) (*websocket.Conn, *probe) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, l.url, &websocket.DialOptions{
		HTTPHeader: header, Subprotocols: l.s.config.Subprotocols,
	})
	if err != nil {
		l.t.Fatalf("dial: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ws.SetReadLimit(-1)
	l.t.Cleanup(func() { _ = ws.CloseNow() })
	return ws, l.probe()
}

func (l *lab) probe() *probe { return wait(l.t, l.probes, "a connection") }

func wait[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

func read(t testing.TB, ws *websocket.Conn) (websocket.MessageType, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	typ, data, err := ws.Read(ctx)
	return typ, string(data), err
}

// wantText reads one text message.
func wantText(t testing.TB, ws *websocket.Conn, want string) {
	t.Helper()
	typ, got, err := read(t, ws)
	if err != nil || typ != websocket.MessageText || got != want {
		t.Fatalf("got %v %q, %v; want %q", typ, got, err, want)
	}
}

// wantClose reads until the close frame.
func wantClose(t testing.TB, ws *websocket.Conn, code int) {
	t.Helper()
	if _, got, err := read(t, ws); int(websocket.CloseStatus(err)) != code {
		t.Fatalf("got %q, %v; want close %d", got, err, code)
	}
}

func write(t testing.TB, ws *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// raw is a client that does what no library would.
type raw struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

const request = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// rawDial connects and sends the handshake together with what follows it.
func rawDial(t testing.TB, url string, early []byte) *raw {
	t.Helper()
	host := strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/ws")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	return rawHandshake(t, conn, early)
}

func rawHandshake(t testing.TB, conn net.Conn, early []byte) *raw {
	t.Helper()
	r := &raw{t: t, Conn: conn, r: bufio.NewReader(conn)}
	if _, err := conn.Write(append([]byte(request), early...)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r.r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	return r
}

// clientFrame is a frame as a client sends it, masked with zeros.
func clientFrame(first byte, payload string) []byte {
	b := appendHeader(nil, 0, len(payload))
	b[0] = first
	b[1] |= 0x80
	return append(append(b, 0, 0, 0, 0), payload...)
}

func (r *raw) send(frames ...[]byte) error {
	for _, f := range frames {
		if _, err := r.Write(f); err != nil {
			return err
		}
	}
	return nil
}

// frame reads one frame of the server.
func (r *raw) frame() (op byte, payload string, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return 0, "", err
	}
	if h[0]&finalBit == 0 || h[0]&0x70 != 0 || h[1]&0x80 != 0 {
		return 0, "", fmt.Errorf("bad header %x", h)
	}
	n := int(h[1])
	ext := make([]byte, map[int]int{126: 2, 127: 8}[n])
	if _, err := io.ReadFull(r.r, ext); err != nil {
		return 0, "", err
	}
	switch len(ext) {
	case 2:
		n = int(binary.BigEndian.Uint16(ext))
	case 8:
		n = int(binary.BigEndian.Uint64(ext))
	}
	data := make([]byte, n)
	_, err = io.ReadFull(r.r, data)
	return h[0] & 0x0f, string(data), err
}

// farewell reads until the close frame and returns the last text before it and its code; -1 = none.
func (r *raw) farewell() (last string, code int) {
	for {
		op, payload, err := r.frame()
		switch {
		case err != nil:
			return last, -1
		case op == opText:
			last = payload
		case op == opClose:
			return last, int(binary.BigEndian.Uint16([]byte(payload)))
		}
	}
}
