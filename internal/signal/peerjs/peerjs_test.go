package peerjs

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"veche.example/internal/front"
)

func TestRelay(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	a, b := s.open("peerjs", "a", "ta"), s.open("peerjs", "b", "tb")
	for _, typ := range []string{"OFFER", "ANSWER", "CANDIDATE", "LEAVE", "EXPIRE"} {
		a.send(`{"type":"` + typ + `","dst":"b","payload":{"sdp":{"type":"offer","sdp":"v=0\r\n"},"connectionId":"dc_1","n":1e2}}`)
		b.expect(`{"type":"` + typ + `","src":"a","dst":"b","payload":{"sdp":{"type":"offer","sdp":"v=0\r\n"},"connectionId":"dc_1","n":1e2}}`)
	}
	a.send(`{"type":"HEARTBEAT"}`)
	a.nothing("a")
	s.until("all is counted", func() bool { st := s.a.Stats(); return st.Clients == 2 && st.Relayed == 6 })
}

func TestTheSenderIsStamped(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	eve, b := s.open("peerjs", "eve", "te"), s.open("peerjs", "b", "tb")
	for _, spoof := range []string{`"src":"a"`, `"\u0073rc":"a"`, `"src":"x","src":"a"`, `"src":null`} {
		eve.send(`{"type":"OFFER","dst":"b",` + spoof + `,"payload":1}`)
		b.expect(`{"type":"OFFER","dst":"b","src":"eve","payload":1}`)
	}
}

func TestRefused(t *testing.T) {
	deny := func(token, space string) (front.Grant, error) {
		if token == "for-a" && space == "peerjs" {
			return front.Grant{Identity: "a"}, nil
		}
		return front.Grant{}, front.ErrDenied
	}
	for _, c := range []struct {
		name           string
		auth           func(string, string) (front.Grant, error)
		key, id, token string
		want           string
	}{
		{"no key", nil, "", "a", "t", msgParameters},
		{"no id", nil, "peerjs", "", "t", msgParameters},
		{"no token", nil, "peerjs", "a", "", msgParameters},
		{"unknown key", nil, "other", "a", "t", msgInvalidKey},
		{"control character in the id", nil, "peerjs", "a\n", "t", "Invalid id provided"},
		{"long id", nil, "peerjs", strings.Repeat("a", 200), "t", "Invalid id provided"},
		{"long token", nil, "peerjs", "a", strings.Repeat("t", 5000), msgInvalidToken},
		{"bad token", deny, "peerjs", "a", "t", msgInvalidToken},
		{"token for another", deny, "peerjs", "b", "for-a", "The token is for another id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, front.Config{Authorize: c.auth}, Options{})
			p := s.dial(c.key, c.id, c.token)
			p.expect(`{"type":"ERROR","payload":{"msg":"` + c.want + `"}}`)
			if code := p.ended(); code != closePolicy {
				t.Errorf("close code %d", code)
			}
		})
	}
	s := newStand(t, front.Config{Authorize: deny}, Options{})
	s.open("peerjs", "a", "for-a")
}

func TestIDTaken(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	a := s.open("peerjs", "a", "ta")
	other := s.dial("peerjs", "a", "guess")
	other.expect(`{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}`)
	other.ended()
	a.nothing("a")
	if err := a.ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	s.until("the id is free", func() bool { return s.a.Stats().Clients == 0 })
	s.open("peerjs", "a", "guess")
}

// TestComingBack: the same id and token replace the socket that seems to be there, with OPEN.
func TestComingBack(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	b := s.open("peerjs", "b", "tb")
	old := s.open("peerjs", "a", "ta")
	fresh := s.open("peerjs", "a", "ta")
	old.ended()
	b.send(`{"type":"OFFER","dst":"a","payload":1}`)
	fresh.expect(`{"type":"OFFER","dst":"a","src":"b","payload":1}`)
	if st := s.a.Stats(); st.Clients != 2 {
		t.Errorf("%d clients", st.Clients)
	}
	// by identity, with a token that was made anew
	grant := func(token, _ string) (front.Grant, error) { return front.Grant{Identity: "a"}, nil }
	s = newStand(t, front.Config{Authorize: grant}, Options{})
	old = s.open("peerjs", "a", "first")
	s.open("peerjs", "a", "second")
	old.ended()
}

func TestWaiting(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Rate: 1000, Burst: 1000}}, Options{Expire: time.Hour})
	a := s.open("peerjs", "a", "ta")
	for i := range 3 {
		a.send(fmt.Sprintf(`{"type":"CANDIDATE","dst":"b","payload":%d}`, i))
	}
	a.send(`{"type":"LEAVE","dst":"b"}`)
	a.nothing("a")
	b := s.open("peerjs", "b", "tb")
	for i := range 3 {
		b.expect(fmt.Sprintf(`{"type":"CANDIDATE","src":"a","dst":"b","payload":%d}`, i))
	}
	b.nothing("b") // LEAVE does not wait
	for i := range maxWaiting {
		a.send(fmt.Sprintf(`{"type":"CANDIDATE","dst":"c","payload":%d}`, i))
	}
	a.send(`{"type":"OFFER","dst":"c","payload":0}`)
	a.expect(`{"type":"EXPIRE","src":"c","dst":"a"}`) // what is too much is told at once
	if n := s.a.Stats().Dropped["queue-full"]; n != 1 {
		t.Errorf("%d dropped", n)
	}
}

func TestExpire(t *testing.T) {
	s := newStand(t, front.Config{}, Options{Expire: 200 * time.Millisecond})
	a, c := s.open("peerjs", "a", "ta"), s.open("peerjs", "c", "tc")
	began := time.Now()
	a.send(`{"type":"OFFER","dst":"b","payload":1}`)
	a.send(`{"type":"CANDIDATE","dst":"b","payload":1}`)
	c.send(`{"type":"OFFER","dst":"b","payload":1}`)
	a.expect(`{"type":"EXPIRE","src":"b","dst":"a"}`)
	c.expect(`{"type":"EXPIRE","src":"b","dst":"c"}`)
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("after %v", took)
	}
	a.nothing("a") // once
	s.open("peerjs", "b", "tb").nothing("b")
}

func TestKeysAreApart(t *testing.T) {
	s := newStand(t, front.Config{}, Options{Keys: []string{"one", "two"}, Discovery: true, Expire: 50 * time.Millisecond})
	a1, a2 := s.open("one", "a", "t1"), s.open("two", "a", "t2")
	b := s.open("one", "b", "tb")
	a2.send(`{"type":"OFFER","dst":"b","payload":1}`)
	a2.expect(`{"type":"EXPIRE","src":"b","dst":"a"}`)
	b.nothing("b")
	b.send(`{"type":"OFFER","dst":"a","payload":1}`)
	a1.expect(`{"type":"OFFER","src":"b","dst":"a","payload":1}`)
	a2.nothing("a")
	for key, want := range map[string]string{"one": `["a","b"]`, "two": `["a"]`} {
		if status, body, _ := s.get(key+"/peers", nil); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %s", key, status, body)
		}
	}
}

func TestLeave(t *testing.T) {
	s := newStand(t, front.Config{}, Options{Expire: 50 * time.Millisecond})
	a, b := s.open("peerjs", "a", "ta"), s.open("peerjs", "b", "tb")
	b.send(`{"type":"LEAVE"}`) // the id is free, the socket stays
	other := s.open("peerjs", "b", "other")
	a.send(`{"type":"OFFER","dst":"b","payload":1}`)
	other.expect(`{"type":"OFFER","src":"a","dst":"b","payload":1}`)
	b.send(`{"type":"OFFER","dst":"a","payload":"from nobody"}`)
	b.send(`{bad`)
	b.expect(`{"type":"ERROR","payload":{"msg":"Invalid message: not valid JSON"}}`)
	a.nothing("a")
}

// TestMalformed: what kills the project's own server is answered to its sender, and nobody else notices.
func TestMalformed(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	eve, a := s.open("peerjs", "eve", "te"), s.open("peerjs", "a", "ta")
	for _, c := range []struct{ in, want string }{
		{`{bad`, "Invalid message: not valid JSON"}, {``, "Invalid message: not valid JSON"},
		{`null`, "Invalid message: not a JSON object"}, {`5`, "Invalid message: not a JSON object"}, {`[]`, "Invalid message: not a JSON object"},
		{`{}`, "Message unrecognized"}, {`{"type":"NEWS","dst":"a"}`, "Message unrecognized"}, {`{"type":5}`, "Message unrecognized"},
		{`{"type":"OFFER"}`, "Invalid message: dst is missing"}, {`{"type":"OFFER","dst":["a"]}`, "Invalid message: dst is missing"},
		{`{"type":"OFFER","dst":"a","payload":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "Invalid message: too deep or too many members"},
	} {
		eve.send(c.in)
		eve.expect(`{"type":"ERROR","payload":{"msg":"` + c.want + `"}}`)
	}
	a.nothing("a")
	if n := s.a.Stats().Dropped["malformed"]; n != 11 {
		t.Errorf("%d malformed", n)
	}
	for _, id := range []string{"constructor", "__proto__", "toString"} {
		s.open("peerjs", id, "t").nothing(id)
	}
}

func TestTooBig(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Frame: 4096}}, Options{})
	p, a := s.open("peerjs", "p", "tp"), s.open("peerjs", "a", "ta")
	p.send(`{"type":"OFFER","dst":"a","payload":"` + strings.Repeat("x", 5000) + `"}`)
	p.expect(`{"type":"ERROR","payload":{"msg":"The message is too big"}}`)
	if code := p.ended(); code != websocket.StatusMessageTooBig {
		t.Errorf("close code %d", code)
	}
	a.nothing("a")
}

func TestLimits(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Connections: 2}}, Options{})
	s.open("peerjs", "a", "ta")
	s.open("peerjs", "b", "tb")
	p := s.dial("peerjs", "c", "tc")
	p.expect(`{"type":"ERROR","payload":{"msg":"` + msgLimit + `"}}`)
	p.ended()
	s.open("peerjs", "a", "ta") // coming back needs no place
	s = newStand(t, front.Config{Limits: front.Limits{PerIP: 1}, ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }}, Options{})
	s.open("peerjs", "a", "ta")
	if _, resp, err := websocket.Dial(t.Context(), s.url+"peerjs?key=peerjs&id=b&token=t", nil); err == nil || resp == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second connection of the address: %v", err)
	}
}

func TestIdle(t *testing.T) {
	s := newStand(t, front.Config{}, Options{Idle: 300 * time.Millisecond})
	p := s.open("peerjs", "a", "ta")
	if code := p.ended(); code != websocket.StatusGoingAway {
		t.Errorf("close code %d", code)
	}
	s.until("idle is counted", func() bool { return s.a.Stats().Socket.Ended["idle"] == 1 })
}

func TestREST(t *testing.T) {
	ice := func(_ *http.Request, client string) []front.ICEServer {
		return []front.ICEServer{{URLs: []string{"turn:x"}, Username: client, Credential: "c"}}
	}
	s := newStand(t, front.Config{ICE: ice, Origins: []string{"https://app.example"}}, Options{})
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, path := range []string{"peerjs/id", "peerjs/id?ts=1&version=1.5.5", "id", "any/path/peerjs/id"} {
		if status, body, h := s.get(path, nil); status != http.StatusOK || !uuid.MatchString(body) || h.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for path, want := range map[string]int{"other/id": 401, "other/peers": 401, "peerjs/peers": 401, "peerjs/what": 404, "what": 404, "peerjs/ice": 400} {
		if status, body, _ := s.get(path, nil); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body, _ := s.get("", nil); status != http.StatusOK || !strings.Contains(body, `"name":"PeerJS Server"`) {
		t.Errorf("root: %d %s", status, body)
	}
	if status, body, _ := s.get("peerjs/ice?id=a&token=t", nil); status != http.StatusOK || body != `{"iceServers":[{"urls":["turn:x"],"username":"peerjs:peerjs:a","credential":"c"}]}` {
		t.Errorf("ice: %d %s", status, body)
	}
	for origin, want := range map[string]int{"https://app.example": 200, "https://evil.example": 403, "null": 403} {
		status, _, h := s.get("peerjs/id", http.Header{"Origin": {origin}})
		if allowed := h.Get("Access-Control-Allow-Origin"); status != want || (want == 200) != (allowed == origin) {
			t.Errorf("%s: %d, allowed %q", origin, status, allowed)
		}
	}
}

func TestOrigin(t *testing.T) {
	s := newStand(t, front.Config{Origins: []string{"https://app.example"}}, Options{})
	target := s.url + "peerjs?key=peerjs&id=a&token=t"
	s.dialURL(target, http.Header{"Origin": {"https://app.example"}}).expect(`{"type":"OPEN"}`)
	_, resp, err := websocket.Dial(t.Context(), target, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page: %v", err)
	}
}

func TestSlowReader(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Rate: 1e6, Burst: 1e6, Frame: 1 << 20}}, Options{})
	a, slow := s.open("peerjs", "a", "ta"), s.open("peerjs", "slow", "ts")
	big := `{"type":"OFFER","dst":"slow","payload":"` + strings.Repeat("x", 500<<10) + `"}`
	done := make(chan error, 1)
	go func() {
		for {
			if err := a.ws.Write(a.ctx, websocket.MessageText, []byte(big)); err != nil {
				done <- err
				return
			}
			if s.a.Stats().Dropped["dead"] > 0 {
				done <- nil
				return
			}
		}
	}()
	a.expect(`{"type":"LEAVE","src":"slow","dst":"a"}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := s.a.Stats().Socket.Ended["slow"]; n > 1 {
		t.Errorf("slow: %d", n)
	}
	var last string
	for {
		_, data, err := slow.ws.Read(slow.ctx)
		if err != nil {
			var said websocket.CloseError
			if !errors.As(err, &said) || said.Reason != "slow" || !strings.Contains(last, "Too slow") {
				t.Errorf("closed with %v after %.60q", err, last)
			}
			return
		}
		last = string(data)
	}
}

// TestIdleMemory reports what connections hold that do nothing; the bound is for the day somebody gives each a buffer.
func TestIdleMemory(t *testing.T) {
	const conns, most = 1000, 8 << 10 // both ends are in this process
	s := newStand(t, front.Config{Limits: front.Limits{Pending: conns}}, Options{})
	before := held()
	list := make([]net.Conn, 0, conns)
	for i := range conns {
		c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		list = append(list, c)
		if _, err := fmt.Fprintf(c, "GET /peerjs?key=peerjs&id=p%d&token=t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", i); err != nil {
			t.Fatal(err)
		}
	}
	s.until("all are in", func() bool { return s.a.Stats().Clients == len(list) })
	per := (held() - before) / conns
	t.Logf("%d bytes per idle connection, both ends", per)
	if per > most {
		t.Errorf("%d bytes per idle connection", per)
	}
}

// held is what the heap and the stacks hold.
func held() int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}
