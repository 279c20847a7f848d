package saltyrtc

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"veche.example/internal/front"
	"veche.example/internal/wsconn"
)

// TestSubprotocol: who offers another one is closed with 1002.
func TestSubprotocol(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	for _, offers := range [][]string{nil, {"v0.saltyrtc.org"}, {"x.example", "sip"}} {
		p := s.dial(s.path(), s.own, &websocket.DialOptions{Subprotocols: offers})
		if got := p.ended(); got != 1002 || p.ws.Subprotocol() != "" {
			t.Errorf("%v: close code %d, subprotocol %q", offers, got, p.ws.Subprotocol())
		}
	}
	if p := s.hello(s.own); p.ws.Subprotocol() != subprotocol {
		t.Errorf("subprotocol %q", p.ws.Subprotocol())
	}
}

func TestPaths(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	good := s.path()
	for path, ok := range map[string]bool{
		good: true, "/saltyrtc" + good: true, "/saltyrtc/token" + good: true, "/token" + good: true, good + "?x=y": true,
		"/": false, good[:64]: false, good + "0": false, strings.ToUpper(good): false, "/" + strings.Repeat("g", 64): false, good + "/": false,
	} {
		p := s.dial(path, s.own, nil)
		if ok {
			p.read()
			continue
		}
		if got := p.ended(); got != 3001 {
			t.Errorf("%s: close code %d", path, got)
		}
	}
	for path, ok := range map[string]bool{good: true, "/saltyrtc" + good: true, "/saltyrtc/x": true, "/x" + good: false, "/": false, strings.ToUpper(good): false} {
		r, _ := http.NewRequest(http.MethodGet, "http://x"+path, nil)
		r.Header.Set("Upgrade", "websocket")
		if _, ours := Mount(r); ours != ok {
			t.Errorf("%s: ours %v", path, ours)
		}
	}
}

// TestPathsAreApart: the same addresses on two paths, no way across.
func TestPathsAreApart(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	i, _ := s.initiator()
	r := s.entered(true)
	i.expect("new-responder")
	s.own = randomPair()
	other, there := s.initiator()
	if len(there) != 0 {
		t.Errorf("the initiator of another path sees %v", there)
	}
	sent := other.to(2, "x")
	if m := other.expect("send-error"); string(m["id"].([]byte)) != string(sent[16:24]) {
		t.Errorf("%v", m)
	}
	other.drop(str("id"), []byte{2})
	other.close()
	r.relayed(i.to(2, "only this")) // and nothing before it
}

// TestComingBack: who authenticates with the key of the path takes the place of an initiator that does not answer.
func TestComingBack(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	old, _ := s.initiator() // reads nothing any more: half open
	r := s.entered(true)
	fresh, there := s.initiator()
	if fmt.Sprint(there) != "[2]" {
		t.Errorf("responders %v", there)
	}
	r.expect("new-initiator")
	r.relayed(fresh.to(2, "here I am"))
	again := s.entered(true) // a responder gets another address
	if m := fresh.expect("new-responder"); m["id"] != int64(3) || again.id != 3 {
		t.Errorf("%v", m)
	}
	if got := old.ended(); got != 3004 {
		t.Errorf("close code %d", got)
	}
}

func TestTokens(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	path := s.path()
	s = newStand(t, front.Config{Authorize: func(token, space string) (front.Grant, error) {
		if token == "good" && "/"+space == path {
			return front.Grant{}, nil
		}
		return front.Grant{}, front.ErrDenied
	}}, Options{})
	for url, ok := range map[string]bool{
		path + "?token=good": true, "/good" + path: true, "/saltyrtc/good" + path: true,
		path: false, path + "?token=bad": false, "/bad" + path: false, "/saltyrtc" + path: false, "/good" + s.path(): false,
	} {
		p := s.dial(url, s.own, nil)
		if ok {
			p.read()
			continue
		}
		if got := p.ended(); got != 1008 {
			t.Errorf("%s: close code %d", url, got)
		}
	}
	if status, _, _ := s.get("/saltyrtc/ice?path="+path[1:], nil); status != http.StatusUnauthorized {
		t.Errorf("ice: %d", status)
	}
	if status, _, _ := s.get("/saltyrtc/ice?token=good&path="+path[1:], nil); status != http.StatusOK {
		t.Errorf("ice: %d", status)
	}
}

func (s *stand) get(path string, header http.Header) (int, string, http.Header) {
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
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(body)), res.Header
}

func TestREST(t *testing.T) {
	ice := func(_ *http.Request, client string) []front.ICEServer {
		return []front.ICEServer{{URLs: []string{"turn:x"}, Username: client, Credential: "c"}}
	}
	s := newStand(t, front.Config{ICE: ice, Origins: []string{"https://app.example"}}, Options{Keys: [][32]byte{{1}, {2}}})
	var got struct {
		Subprotocol string
		Keys        []string
	}
	_, body, _ := s.get("/saltyrtc/keys", nil)
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Subprotocol != subprotocol || len(got.Keys) != 2 ||
		got.Keys[0] != hex.EncodeToString(s.a.keys[0].public[:]) || strings.Contains(body, "0100000000") {
		t.Errorf("keys: %s", body)
	}
	path := s.path()[1:]
	if _, body, _ := s.get("/saltyrtc/ice?path="+path, nil); body != `{"iceServers":[{"urls":["turn:x"],"username":"saltyrtc:`+path+`","credential":"c"}]}` {
		t.Errorf("ice: %s", body)
	}
	for path, want := range map[string]int{"/saltyrtc/ice": 400, "/saltyrtc/ice?path=x": 400, "/saltyrtc/": 404, "/": 404} {
		if status, body, _ := s.get(path, nil); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for origin, want := range map[string]int{"https://app.example": 200, "https://evil.example": 403} {
		if status, _, h := s.get("/saltyrtc/keys", http.Header{"Origin": {origin}}); status != want || (h.Get("Access-Control-Allow-Origin") == origin) != (want == 200) {
			t.Errorf("%s: %d", origin, status)
		}
	}
	if res, err := http.Post(s.url+"/saltyrtc/keys", "", nil); err != nil || res.StatusCode != http.StatusMethodNotAllowed || res.Body.Close() != nil {
		t.Errorf("POST: %v", err)
	}
}

// TestPermanentKey: made from the server's secret it outlives a restart.
func TestPermanentKey(t *testing.T) {
	derive := func(purpose string) []byte { return []byte(strings.Repeat(purpose, 4)) }
	a, b := newStand(t, front.Config{Derive: derive}, Options{}), newStand(t, front.Config{Derive: derive}, Options{})
	random := newStand(t, front.Config{}, Options{})
	if a.a.keys[0] != b.a.keys[0] || a.a.keys[0] == random.a.keys[0] {
		t.Error("permanent keys")
	}
}

func TestOrigin(t *testing.T) {
	s := newStand(t, front.Config{Origins: []string{"https://app.example"}}, Options{})
	options := func(origin string) *websocket.DialOptions {
		return &websocket.DialOptions{Subprotocols: []string{subprotocol}, HTTPHeader: http.Header{"Origin": {origin}}}
	}
	s.dial(s.path(), s.own, options("https://app.example")).read()
	_, resp, err := websocket.Dial(t.Context(), s.url+s.path(), options("https://evil.example"))
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page: %v", err)
	}
}

func TestTooBig(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Frame: 4096}}, Options{})
	i, _ := s.initiator()
	r := s.entered(true)
	i.expect("new-responder")
	r.to(1, strings.Repeat("x", 5000))
	if got := r.ended(); got != 1009 {
		t.Errorf("close code %d", got)
	}
	if m := i.expect("disconnected"); m["id"] != int64(2) {
		t.Errorf("%v", m)
	}
}

func TestTooMany(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Rate: 0.001, Burst: 4}}, Options{})
	i, _ := s.initiator()
	r := s.entered(true)
	i.expect("new-responder")
	r.to(1, "a")
	r.to(1, "b")
	sent := r.to(1, "c")
	if m := r.expect("send-error"); string(m["id"].([]byte)) != string(sent[16:24]) {
		t.Errorf("%v", m)
	}
	r.plain([]byte("x")) // what the server does not take it cannot leave out
	if got := r.ended(); got != 1008 {
		t.Errorf("close code %d", got)
	}
}

func TestLimits(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Connections: 2}}, Options{})
	s.initiator()
	s.entered(true)
	o := &websocket.DialOptions{Subprotocols: []string{subprotocol}}
	if _, resp, err := websocket.Dial(t.Context(), s.url+s.path(), o); err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %v", err)
	}
	s = newStand(t, front.Config{Limits: front.Limits{PerIP: 1}, ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }}, Options{})
	s.initiator()
	if _, resp, err := websocket.Dial(t.Context(), s.url+s.path(), o); err == nil || resp == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second connection of the address: %v", err)
	}
}

// TestPing: a client is pinged as it has asked for, and closed when it does not answer.
func TestPing(t *testing.T) {
	s := newStand(t, front.Config{}, Options{Pong: 500 * time.Millisecond})
	pinged := make(chan time.Time, 8)
	o := &websocket.DialOptions{
		Subprotocols: []string{subprotocol},
		OnPingReceived: func(context.Context, []byte) bool {
			pinged <- time.Now()
			return false // no pong
		},
	}
	p := s.dialHello(s.own, o)
	p.clientAuth(map[string][]byte{"ping_interval": {1}})
	p.expect("server-auth")
	silent := s.entered(true) // has asked for none
	p.expect("new-responder")
	began := time.Now()
	if got := p.ended(); got != 3008 {
		t.Errorf("close code %d", got)
	}
	if first := <-pinged; first.Sub(began) > 3*time.Second || first.Sub(began) < 500*time.Millisecond {
		t.Errorf("pinged after %v", first.Sub(began))
	}
	if m := silent.expect("disconnected"); m["id"] != int64(1) {
		t.Errorf("%v", m)
	}
}

// TestFarewells: the close code for each way in which a connection can end.
func TestFarewells(t *testing.T) {
	for why, want := range map[wsconn.Reason]int{
		wsconn.Idle: 3008, wsconn.Timeout: 3008, wsconn.Slow: 3008, wsconn.Panic: 3002,
		wsconn.Shutdown: 0, wsconn.TooBig: 0, wsconn.Protocol: 0, wsconn.Rate: 0, // the usual: 1001, 1009, 1002, 1008
	} {
		if got := (&client{}).Farewell(why); got.Code != want || got.Text == "" {
			t.Errorf("%s: %+v", why, got)
		}
	}
	s := newStand(t, front.Config{}, Options{})
	i, _ := s.initiator()
	go func() { _ = s.a.Close(i.ctx) }()
	if got := i.ended(); got != 1001 {
		t.Errorf("the server stops: close code %d", got)
	}
}

// TestSlowReader: who reads nothing is closed, and who writes to it is told.
func TestSlowReader(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Rate: 1e6, Burst: 1e6, Frame: 1 << 20}}, Options{})
	i, _ := s.initiator()
	slow := s.entered(true)
	i.expect("new-responder")
	n := makeNonce(cookie{1}, 1, 2, 1)
	big := append(n[:], make([]byte, 500<<10)...)
	done := make(chan error, 1)
	go func() {
		for s.a.Stats().Dropped["undelivered"] == 0 {
			if err := i.ws.Write(i.ctx, websocket.MessageBinary, big); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	if m := i.expect("send-error"); string(m["id"].([]byte)) != string(n[16:]) {
		t.Errorf("%v", m)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := slow.ws.Read(slow.ctx); err != nil {
			var said websocket.CloseError
			if !errors.As(err, &said) || said.Code != 3008 || said.Reason != "slow" {
				t.Errorf("closed with %v", err)
			}
			return
		}
	}
}

// TestIdleMemory reports what clients hold that do nothing; the bound is for the day somebody gives each a buffer.
func TestIdleMemory(t *testing.T) {
	const conns, most = 1000, 12 << 10 // both ends are in this process
	s := newStand(t, front.Config{Limits: front.Limits{Pending: conns}}, Options{})
	before, keys := held(), randomPair()
	for i := range conns {
		if i%200 == 0 { // a path holds 254
			s.own = randomPair()
		}
		c := s.bare(keys)
		t.Cleanup(func() { _ = c.Close() })
	}
	s.until("all are in", func() bool { return s.a.Stats().Clients == conns })
	per := (held() - before) / conns
	t.Logf("%d bytes per idle client, both ends", per)
	if per > most {
		t.Errorf("%d bytes per idle client", per)
	}
}

// bare does the handshake of a responder and keeps nothing but the socket.
func (s *stand) bare(keys pair) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", s.path(), subprotocol); err != nil {
		s.t.Fatal(err)
	}
	head := make([]byte, 0, 1024)
	one := make([]byte, 1)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		if _, err := io.ReadFull(conn, one); err != nil {
			s.t.Fatal(err)
		}
		head = append(head, one...)
	}
	p := &peer{t: s.t, keys: keys, out: newOutgoing()}
	hello := frame(s.t, conn)
	p.server = cookie(hello[:cookieSize])
	p.session = key(hello[len(hello)-keySize:])
	p.shared = p.keys.shared(p.session)
	n := p.next(server)
	masked(s.t, conn, append(n[:], encode(map[string][]byte{"type": str("client-hello"), "key": bin(p.keys.public[:]...)})...))
	masked(s.t, conn, seal(p.next(server), p.authWith(nil), &p.shared))
	frame(s.t, conn)
	return conn
}

// frame reads a short frame of the server's, masked writes one to it (RFC 6455 §5.2; the mask is 0).
func frame(t testing.TB, c net.Conn) []byte {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatal(err)
	}
	n := int(head[1])
	if n == 126 {
		if _, err := io.ReadFull(c, head); err != nil {
			t.Fatal(err)
		}
		n = int(head[0])<<8 | int(head[1])
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(c, data); err != nil {
		t.Fatal(err)
	}
	return data
}

func masked(t testing.TB, c net.Conn, data []byte) {
	t.Helper()
	head := []byte{0x82, 0xfe, byte(len(data) >> 8), byte(len(data)), 0, 0, 0, 0}
	if len(data) < 126 {
		head = []byte{0x82, 0x80 | byte(len(data)), 0, 0, 0, 0}
	}
	if _, err := c.Write(append(head, data...)); err != nil {
		t.Fatal(err)
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
