package sip

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"veche.example/internal/front"
	"veche.example/internal/signal/sip/message"
)

func TestMain(m *testing.M) {
	beat = 5 * time.Millisecond
	goleak.VerifyTestMain(m)
}

const patience = 10 * time.Second

// clock is the time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// stand is a front-end behind a web server.
type stand struct {
	t     testing.TB
	a     *Adapter
	url   string
	clock *clock
}

func newStand(t testing.TB, c front.Config, o Options) *stand {
	t.Helper()
	clk := &clock{now: time.Unix(1_700_000_000, 0)}
	a := newAdapter(c, o, clk.read)
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
	return &stand{t, a, web.URL + "/sip", clk}
}

// phone is a client by hand.
type phone struct {
	t    testing.TB
	name string
	host string // of the server
	ws   *websocket.Conn
	ctx  context.Context
	seq  int
}

func (s *stand) dial(name string) *phone {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ws, resp, err := websocket.Dial(ctx, strings.Replace(s.url, "http", "ws", 1), &websocket.DialOptions{Subprotocols: []string{"sip"}})
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ws.SetReadLimit(-1)
	s.t.Cleanup(func() { _ = ws.CloseNow(); cancel() })
	return &phone{t: s.t, name: name, host: strings.Split(s.url, "/")[2], ws: ws, ctx: ctx}
}

// registered dials and registers NAME@x by the contact NAME@c.invalid.
func (s *stand) registered(name string, more ...string) *phone {
	s.t.Helper()
	p := s.dial(name)
	p.send(p.request("REGISTER", "sip:x", name, append([]string{"Contact: <sip:" + name + "@c.invalid;transport=ws>"}, more...)...))
	p.expect(200)
	return p
}

// request makes a request to NAME@x, or in the domain if it is REGISTER.
func (p *phone) request(method, uri, to string, more ...string) string {
	p.seq++
	lines := []string{
		method + " " + uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/WS %s.invalid;branch=z9hG4bK%s%d", p.name, p.name, p.seq),
		"Max-Forwards: 70", "From: <sip:" + p.name + "@x>;tag=" + p.name, "To: <sip:" + to + "@x>", "Call-ID: call-" + p.name,
		fmt.Sprintf("CSeq: %d %s", p.seq, method),
	}
	for _, m := range more {
		name, value, _ := strings.Cut(m, ": ")
		replaced := false
		for i := range lines[1:] {
			if strings.HasPrefix(lines[i+1], name+": ") && name != "Via" {
				lines[i+1], replaced = m, true
			}
		}
		if !replaced && value != "" {
			lines = append(lines, m)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func (p *phone) send(text string) {
	p.t.Helper()
	if err := p.ws.Write(p.ctx, websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatalf("%s: send: %v", p.name, err)
	}
}

func (p *phone) read() *message.Message {
	p.t.Helper()
	_, data, err := p.ws.Read(p.ctx)
	if err != nil {
		p.t.Fatalf("%s: read: %v", p.name, err)
	}
	m, err := message.Parse(data)
	if err != nil {
		p.t.Fatalf("%s: %v: %q", p.name, err, data)
	}
	return m
}

// expect reads a response with the status.
func (p *phone) expect(status int) *message.Message {
	p.t.Helper()
	m := p.read()
	if m.Status != status {
		p.t.Fatalf("%s: got\n%s\nwant %d", p.name, m.Bytes(), status)
	}
	return m
}

// asked reads a request with the method.
func (p *phone) asked(method string) *message.Message {
	p.t.Helper()
	m := p.read()
	if m.Method != method {
		p.t.Fatalf("%s: got\n%s\nwant %s", p.name, m.Bytes(), method)
	}
	return m
}

// answer responds to a request.
func (p *phone) answer(q *message.Message, status int, more ...string) {
	p.t.Helper()
	r := q.Respond(status, "Reason", "tag-"+p.name)
	r.Headers = append(r.Headers, routesOf(q)...)
	for i := 0; i+1 < len(more); i += 2 {
		r.Add(more[i], more[i+1])
	}
	p.send(string(r.Bytes()))
}

func routesOf(q *message.Message) []message.Header {
	var out []message.Header
	for _, v := range q.All("Record-Route") {
		out = append(out, message.Header{Name: "Record-Route", Value: v})
	}
	return out
}

// nothing proves that nothing has come so far: the answer to a request of one's own comes next.
func (p *phone) nothing() {
	p.t.Helper()
	p.send(p.request("OPTIONS", "sip:x", "x"))
	p.expect(200)
}

// ended reads until the connection is closed and returns the close code.
func (p *phone) ended() websocket.StatusCode {
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

// until waits for what the server is about to notice.
func (s *stand) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
	}
}

func (s *stand) pending() int { s.a.mu.Lock(); defer s.a.mu.Unlock(); return len(s.a.transactions) }
