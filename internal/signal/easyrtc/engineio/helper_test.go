package engineio

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"veche.example/internal/wsconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a handler that sends back what it gets.
type echo struct {
	x *Session

	mu    sync.Mutex // guards the following
	ended wsconn.Reason
}

func (h *echo) Message(data []byte, binary bool) {
	switch {
	case string(data) == "panic":
		panic("as wanted")
	case string(data) == "bye":
		h.x.Close([]byte("4last"), "bye")
	case string(data) == "ready":
		h.x.Ready()
	default:
		_ = h.x.Send(fmt.Appendf(nil, "4%s %v", data, binary))
	}
}
func (h *echo) Limited([]byte)                     { _ = h.x.Send([]byte("4limited")) }
func (h *echo) LastWords(why wsconn.Reason) []byte { return []byte("4" + string(why)) }
func (h *echo) Closed(why wsconn.Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = why
}

// stand is a server behind a web server.
type stand struct {
	t   *testing.T
	s   *Server
	url string

	mu   sync.Mutex // guards the following
	list []*echo
}

func newStand(t *testing.T, c Config) *stand {
	t.Helper()
	st := &stand{t: t}
	c.Open = func(x *Session) Handler {
		h := &echo{x: x}
		st.mu.Lock()
		defer st.mu.Unlock()
		st.list = append(st.list, h)
		return h
	}
	st.s = New(c)
	web := httptest.NewServer(st.s)
	st.url = web.URL + "/socket.io/"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := st.s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		web.CloseClientConnections()
		web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return st
}

// ended waits for the end of the n-th session.
func (st *stand) ended(n int, want wsconn.Reason) {
	st.t.Helper()
	st.mu.Lock()
	h := st.list[n]
	st.mu.Unlock()
	var got wsconn.Reason
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		h.mu.Lock()
		got = h.ended
		h.mu.Unlock()
		if got != "" {
			break
		}
	}
	if got != want {
		st.t.Fatalf("session %d ended with %q, want %q", n, got, want)
	}
}

// call makes a request.
func (st *stand) call(method, query, body string, header http.Header) (status int, text string, h http.Header) {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, st.url+"?"+query, strings.NewReader(body))
	if err != nil {
		st.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		st.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		st.t.Fatal(err)
	}
	return res.StatusCode, string(out), res.Header
}

const polling = "EIO=4&transport=polling"

// begin makes a session by polling and returns its query.
func (st *stand) begin() string {
	st.t.Helper()
	status, body, _ := st.call(http.MethodGet, polling, "", nil)
	_, rest, ok := strings.Cut(body, `"sid":"`)
	if status != http.StatusOK || !ok || body[0] != '0' {
		st.t.Fatalf("handshake: %d %s", status, body)
	}
	sid, _, _ := strings.Cut(rest, `"`)
	return polling + "&sid=" + sid
}

func (st *stand) post(query, body string) {
	st.t.Helper()
	if status, text, _ := st.call(http.MethodPost, query, body, nil); status != http.StatusOK || text != "ok" {
		st.t.Fatalf("post %q: %d %s", body, status, text)
	}
}

// expect polls until this packet comes, and nothing else but pings.
func (st *stand) expect(query, want string) {
	st.t.Helper()
	for {
		status, body, _ := st.call(http.MethodGet, query, "", nil)
		if body == "2" && want != "2" {
			continue
		}
		if status != http.StatusOK || body != want {
			st.t.Fatalf("poll: %d %q, want %q", status, body, want)
		}
		return
	}
}

// wire is a WebSocket by hand.
type wire struct {
	t   *testing.T
	ws  *websocket.Conn
	ctx context.Context
}

func (st *stand) dial(query string) *wire {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ws, resp, err := websocket.Dial(ctx, strings.Replace(st.url, "http", "ws", 1)+"?"+query, nil)
	if err != nil {
		st.t.Fatalf("dial: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	st.t.Cleanup(func() { _ = ws.CloseNow(); cancel() })
	return &wire{st.t, ws, ctx}
}

func (w *wire) send(text string) {
	w.t.Helper()
	if err := w.ws.Write(w.ctx, websocket.MessageText, []byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) read() string {
	w.t.Helper()
	_, data, err := w.ws.Read(w.ctx)
	if err != nil {
		w.t.Fatalf("read: %v", err)
	}
	return string(data)
}

func (w *wire) expect(want string) {
	w.t.Helper()
	if got := w.read(); got != want {
		w.t.Fatalf("got %q, want %q", got, want)
	}
}

// ended reads to the end: the last message, and the close code.
func (w *wire) ended() (last string, code websocket.StatusCode) {
	w.t.Helper()
	for {
		_, data, err := w.ws.Read(w.ctx)
		if err != nil {
			if w.ctx.Err() != nil {
				w.t.Fatal("the connection stays open")
			}
			return last, websocket.CloseStatus(err)
		}
		last = string(data)
	}
}
