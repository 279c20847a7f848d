package article

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"veche.example/internal/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 15 * time.Second

// stand is a front-end behind a web server.
type stand struct {
	t   testing.TB
	a   *Adapter
	url string
}

func newStand(t testing.TB, c front.Config) *stand {
	t.Helper()
	a := New(c)
	web := httptest.NewServer(a)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		web.CloseClientConnections()
		web.Close()
	})
	return &stand{t, a, "ws" + strings.TrimPrefix(web.URL, "http") + "/"}
}

// message is every frame there is.
type message struct {
	Type, ID, ClientID, Target, Code, Message string
	SDP, Candidate                            json.RawMessage
	binary                                    bool
}

// person is a client by hand.
type person struct {
	t   testing.TB
	ws  *websocket.Conn
	ctx context.Context
	id  string
}

func (s *stand) dial(query string) *person {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ws, resp, err := websocket.Dial(ctx, s.url+query, nil)
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ws.SetReadLimit(-1)
	s.t.Cleanup(func() { _ = ws.CloseNow(); cancel() })
	return &person{s.t, ws, ctx, ""}
}

// join dials and reads its own id.
func (s *stand) join(query string) *person {
	s.t.Helper()
	p := s.dial(query)
	p.id = p.read().ID
	if len(p.id) != 22 {
		s.t.Fatalf("id %q", p.id)
	}
	return p
}

func (p *person) read() message {
	p.t.Helper()
	typ, b, err := p.ws.Read(p.ctx)
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	m := message{binary: typ == websocket.MessageBinary}
	if err := json.Unmarshal(b, &m); err != nil {
		p.t.Fatalf("%q: %v", b, err)
	}
	return m
}

// until reads up to a message of the type.
func (p *person) until(typ string) message {
	p.t.Helper()
	for {
		if m := p.read(); m.Type == typ {
			return m
		}
	}
}

func (p *person) send(text string) {
	p.t.Helper()
	if err := p.ws.Write(p.ctx, websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

func (p *person) ended() websocket.StatusCode {
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

// TestIDs: the first id is one's own; then come those of who is there, and later of who comes and goes.
func TestIDs(t *testing.T) {
	s := newStand(t, front.Config{})
	a := s.join("")
	b := s.join("")
	if m := b.read(); m.Type != "id" || m.ID != a.id {
		t.Errorf("%+v", m)
	}
	if m := a.read(); m.Type != "id" || m.ID != b.id {
		t.Errorf("%+v", m)
	}
	other := s.join("?room=other")
	_ = b.ws.Close(websocket.StatusNormalClosure, "")
	if m := a.read(); m.Type != "left" || m.ID != b.id {
		t.Errorf("%+v", m)
	}
	other.send(`{"type":"hang-up","target":"` + a.id + `"}`)
	if m := other.read(); m.Code != "no-target" {
		t.Errorf("%+v", m)
	}
}

// TestCall is the article's flow, with both kinds of frames.
func TestCall(t *testing.T) {
	s := newStand(t, front.Config{})
	a, b := s.join(""), s.join("")
	b.read()
	a.read()
	a.send(`{"clientId":"somebody else","target":"` + b.id + `","type":"video-offer","sdp":{"type":"offer","sdp":"v=0"}}`)
	if m := b.read(); m.Type != "video-offer" || m.ClientID != a.id || m.Target != b.id || string(m.SDP) != `{"type":"offer","sdp":"v=0"}` || m.binary {
		t.Errorf("%+v", m)
	}
	if err := b.ws.Write(b.ctx, websocket.MessageBinary, []byte(`{"target":"`+a.id+`","type":"video-answer","sdp":{}}`)); err != nil {
		t.Fatal(err)
	}
	if m := a.read(); m.Type != "video-answer" || m.ClientID != b.id || !m.binary {
		t.Errorf("%+v", m)
	}
	for _, p := range []struct{ from, to *person }{{a, b}, {b, a}} {
		p.from.send(`{"type":"new-ice-candidate","target":"` + p.to.id + `","candidate":null}`)
		if m := p.to.read(); m.Type != "new-ice-candidate" || string(m.Candidate) != "null" {
			t.Errorf("%+v", m)
		}
	}
	// A third one does not disturb them, and is told.
	c := s.join("")
	c.send(`{"type":"video-offer","target":"` + b.id + `","sdp":{}}`)
	if m := c.until("error"); m.Code != "busy" {
		t.Errorf("%+v", m)
	}
	if m := c.read(); m.Type != "hang-up" || m.ClientID != b.id {
		t.Errorf("%+v", m)
	}
	// Nor can it hang up a call of others: it has no place in it, and what it says says who it is.
	c.send(`{"type":"hang-up","clientId":"` + a.id + `","target":"` + b.id + `"}`)
	if m := b.until("hang-up"); m.ClientID != c.id {
		t.Errorf("%+v", m)
	}
	// Who is gone is hung up.
	_ = a.ws.CloseNow()
	if m := b.until("hang-up"); m.ClientID != a.id {
		t.Errorf("%+v", m)
	}
	c.send(`{"type":"video-offer","target":"` + b.id + `","sdp":{}}`)
	if m := b.until("video-offer"); m.ClientID != c.id {
		t.Errorf("%+v", m)
	}
}

// TestFramesThatKill: each of these ends the article's server; here the sender is told, and goes on.
func TestFramesThatKill(t *testing.T) {
	s := newStand(t, front.Config{})
	a, b := s.join(""), s.join("")
	b.read()
	a.read()
	for _, frame := range []string{
		"hello", "null", `{"target":"constructor"}`, `{"target":"__proto__"}`, `{"target":"__proto__","type":"hang-up"}`,
		`{"target":"constructor","type":"video-offer"}`, "", "[]", "1", `"x"`, `{"type":"id","target":"x"}`, `{"type":"hang-up"}`,
		`{"type":"hang-up","target":null}`, `{"type":"hang-up","target":{}}`, `{"type":"hang-up","target":0}`, `{`, strings.Repeat("[", 10_000),
		`{"type":"hang-up","target":"` + a.id + `"}`,
	} {
		a.send(frame)
		if m := a.until("error"); m.Code != "malformed" && m.Code != "no-target" && m.Code != "self" {
			t.Errorf("%q: %+v", frame, m)
		}
	}
	if err := a.ws.Write(a.ctx, websocket.MessageBinary, []byte{'{', '"', 0xff, '"', ':', '1', '}'}); err != nil {
		t.Fatal(err)
	}
	if m := a.until("error"); m.Code != "malformed" {
		t.Errorf("%+v", m)
	}
	a.send(`{"type":"hang-up","target":"` + b.id + `"}`)
	if m := b.read(); m.Type != "hang-up" || m.ClientID != a.id {
		t.Errorf("%+v", m)
	}
}

func TestLimits(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Connections: 1, Frame: 1000}})
	a := s.join("")
	b := s.dial("")
	if m := b.read(); m.Code != "full" {
		t.Errorf("%+v", m)
	}
	if code := b.ended(); code != closePolicy {
		t.Error(code)
	}
	a.send(strings.Repeat("x", 2000))
	if m := a.until("error"); m.Code != "too-big" {
		t.Errorf("%+v", m)
	}
	a.ended()
}

func TestToken(t *testing.T) {
	s := newStand(t, front.Config{Authorize: func(token, space string) (front.Grant, error) {
		if token != "good" || space != "r" {
			return front.Grant{}, front.ErrDenied
		}
		return front.Grant{}, nil
	}})
	s.join("?room=r&token=good")
	for _, q := range []string{"?room=r", "?room=other&token=good", "?" + url.Values{"room": {strings.Repeat("r", 300)}}.Encode()} {
		if m := s.dial(q).read(); m.Type != "error" || m.Code != "token" && m.Code != "room" {
			t.Errorf("%s: %+v", q, m)
		}
	}
}

func TestOrigin(t *testing.T) {
	s := newStand(t, front.Config{ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }})
	_, resp, err := websocket.Dial(context.Background(), s.url, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || resp.StatusCode != http.StatusForbidden {
		t.Error(err, resp)
	}
}

// TestIdleMemory reports what an idle connection costs, both ends counted.
func TestIdleMemory(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Connections: 1100, Pending: 2000}})
	held := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapInuse + m.StackInuse)
	}
	before := held()
	for i := range 1000 {
		s.join(fmt.Sprintf("?room=%d", i))
	}
	t.Logf("%.1f KiB for each of 1000 connections, the test's own end included", float64(held()-before)/1000/1024)
	if n := s.a.Stats().Clients; n != 1000 {
		t.Error(n)
	}
}

// FuzzMessage: whatever a client says, the others hear nothing that is not JSON with its true sender.
func FuzzMessage(f *testing.F) {
	s := newStand(f, front.Config{Limits: front.Limits{Rate: 1e9, Burst: 1 << 30}})
	a, b := s.join(""), s.join("")
	b.read()
	a.read()
	for _, m := range []string{
		`{"type":"hang-up","target":"` + b.id + `","clientId":"x"}`, `{"type":"video-offer","target":"` + b.id + `","cli\u0065ntId":1}`,
		"hello", "null", `{"target":"__proto__"}`,
	} {
		f.Add([]byte(m))
	}
	mark := `{"type":"new-ice-candidate","target":"` + b.id + `","candidate":"mark"}`
	f.Fuzz(func(t *testing.T, data []byte) {
		a.t, b.t = t, t
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		a.ctx, b.ctx = ctx, ctx
		if len(data) > 60_000 {
			return
		}
		if err := a.ws.Write(ctx, websocket.MessageText, data); err != nil {
			t.Fatal(err)
		}
		a.send(mark)
		for {
			m := b.read()
			if m.ClientID != a.id {
				t.Fatalf("%+v", m)
			}
			if string(m.Candidate) == `"mark"` {
				break
			}
		}
		// What it was told is read too, up to an error of our own making.
		a.send(`{"type":"hang-up","target":"end"}`)
		for a.until("error").Target != "end" {
		}
	})
}
