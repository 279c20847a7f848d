package peerjs

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"veche.example/internal/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// stand is a front-end behind a web server.
type stand struct {
	t   testing.TB
	a   *Adapter
	url string // http://HOST/
}

func newStand(t testing.TB, c front.Config, o Options) *stand {
	t.Helper()
	a := New(c, o)
	web := httptest.NewServer(a)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		web.CloseClientConnections()
		web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &stand{t, a, web.URL + "/"}
}

// peer is a client by hand.
type peer struct {
	t   testing.TB
	ws  *websocket.Conn
	ctx context.Context
}

func (s *stand) dial(key, id, token string) *peer {
	s.t.Helper()
	q := url.Values{"key": {key}, "id": {id}, "token": {token}, "version": {"1.5.5"}}
	return s.dialURL(s.url+"peerjs?"+q.Encode(), nil)
}

func (s *stand) dialURL(target string, header http.Header) *peer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ws, resp, err := websocket.Dial(ctx, strings.Replace(target, "http", "ws", 1), &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ws.SetReadLimit(-1)
	s.t.Cleanup(func() { _ = ws.CloseNow(); cancel() })
	return &peer{s.t, ws, ctx}
}

// open dials and expects OPEN.
func (s *stand) open(key, id, token string) *peer {
	s.t.Helper()
	p := s.dial(key, id, token)
	p.expect(`{"type":"OPEN"}`)
	return p
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.ws.Write(p.ctx, websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// expect reads one message, which must be this JSON.
func (p *peer) expect(want string) {
	p.t.Helper()
	typ, got, err := p.ws.Read(p.ctx)
	if err != nil {
		p.t.Fatalf("read: %v, want %s", err, want)
	}
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || typ != websocket.MessageText {
		p.t.Fatalf("got %q", got)
	}
	x, _ := json.Marshal(a)
	if y, _ := json.Marshal(b); string(x) != string(y) {
		p.t.Fatalf("got %s, want %s", x, y)
	}
}

// ended reads until the connection is closed and returns the close code.
func (p *peer) ended() websocket.StatusCode {
	p.t.Helper()
	for {
		if _, _, err := p.ws.Read(p.ctx); err != nil {
			if p.ctx.Err() != nil {
				p.t.Fatal("the connection stays open")
			}
			return websocket.CloseStatus(err)
		}
	}
}

// nothing proves that nothing has come so far: what is sent to oneself comes next.
func (p *peer) nothing(self string) {
	p.t.Helper()
	p.send(`{"type":"ANSWER","dst":"` + self + `","payload":"mark"}`)
	p.expect(`{"type":"ANSWER","dst":"` + self + `","src":"` + self + `","payload":"mark"}`)
}

// until waits for what the server is about to notice.
func (s *stand) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
	}
}

func (s *stand) get(path string, header http.Header) (status int, body string, h http.Header) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(text)), res.Header
}
