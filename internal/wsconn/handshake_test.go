package wsconn

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// upgrade is a valid handshake as a request, changed by edits of the form "Header: value"
// ("Header:" removes it).
func upgrade(edits ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://meet.example/ws", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for _, e := range edits {
		k, v, _ := strings.Cut(e, ":")
		if v = strings.TrimSpace(v); v == "" {
			r.Header.Del(k)
		} else {
			r.Header.Add(k, v)
		}
	}
	return r
}

func TestOrigin(t *testing.T) {
	own := Config{}
	list := Config{Origins: []string{"https://app.example", "http://dev.example:3000", "nonsense"}}
	behind := Config{Host: func(*http.Request) string { return "public.example" }}
	for _, c := range []struct {
		config Config
		edits  []string
		want   bool
	}{
		{own, nil, true}, // not a browser
		{own, []string{"Origin: http://meet.example"}, true},
		{own, []string{"Origin: https://MEET.example"}, true},
		{own, []string{"Origin: http://meet.example:80"}, true},
		{own, []string{"Origin: http://meet.example:8080"}, false},
		{own, []string{"Origin: https://meet.example.evil.example"}, false},
		{own, []string{"Origin: https://evil.example/meet.example"}, false},
		{own, []string{"Origin: null"}, false},
		{own, []string{"Origin: file://"}, false},
		{own, []string{"Origin: meet.example"}, false},
		{own, []string{"Origin: http://[::1"}, false},
		{own, []string{"Origin: http://meet.example", "Origin: http://evil.example"}, false},
		{list, []string{"Origin: https://app.example"}, true},
		{list, []string{"Origin: https://app.example:443"}, true},
		{list, []string{"Origin: http://app.example"}, false},
		{list, []string{"Origin: http://dev.example:3000"}, true},
		{list, []string{"Origin: http://dev.example:3001"}, false},
		{list, []string{"Origin: https://sub.app.example"}, false},
		{list, []string{"Origin: http://meet.example"}, true},
		{behind, []string{"Origin: https://public.example"}, true},
		{behind, []string{"Origin: https://meet.example"}, false},
		{Config{Origins: []string{"*"}}, []string{"Origin: null"}, true},
		{Config{Host: func(*http.Request) string { return "" }}, []string{"Origin: http://"}, false},
	} {
		if got := c.config.origins().Allows(upgrade(c.edits...)); got != c.want {
			t.Errorf("%v with %v: %t", c.edits, c.config.Origins, got)
		}
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	for origin, want := range map[string]bool{
		"http://localhost:3000": true, "http://127.0.0.1:3000": true, "http://[::1]": true, "http://dev.example:3000": false, "null": false,
	} {
		r := upgrade("Origin: " + origin)
		p := OriginPolicy{Local: true, ClientIP: func(*http.Request) netip.Addr { return loopback }}
		if got := p.Allows(r); got != want {
			t.Errorf("%s on this machine: %t", origin, got)
		}
		p.ClientIP = func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }
		if p.Allows(r) {
			t.Errorf("%s from elsewhere", origin)
		}
	}
}

func TestRefusedHandshakes(t *testing.T) {
	s := New(Config{Subprotocols: []string{"veche.v1"}})
	defer func() { _ = s.Close(context.Background()) }()
	for _, c := range []struct {
		name   string
		edits  []string
		change func(*http.Request)
		want   int
	}{
		{"a page", []string{"Connection:", "Upgrade:"}, nil, http.StatusUpgradeRequired},
		{"another upgrade", []string{"Upgrade:", "Upgrade: h2c"}, nil, http.StatusUpgradeRequired},
		{"POST", nil, func(r *http.Request) { r.Method = http.MethodPost }, http.StatusBadRequest},
		{"HTTP/1.0", nil, func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 }, http.StatusBadRequest},
		{"HTTP/2", nil, func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0 }, http.StatusBadRequest},
		{"foreign origin", []string{"Origin: https://evil.example"}, nil, http.StatusForbidden},
		{"no subprotocol", nil, nil, http.StatusBadRequest},
		{"unknown subprotocol", []string{"Sec-WebSocket-Protocol: veche.v2, graphql-ws"}, nil, http.StatusBadRequest},
		{"old WebSocket", []string{"Sec-WebSocket-Protocol: veche.v1", "Sec-WebSocket-Version:", "Sec-WebSocket-Version: 8"}, nil, http.StatusBadRequest},
		{"short key", []string{"Sec-WebSocket-Protocol: veche.v1", "Sec-WebSocket-Key:", "Sec-WebSocket-Key: AAAA"}, nil, http.StatusBadRequest},
		{"no way to take the connection", []string{"Sec-WebSocket-Protocol: veche.v1"}, nil, http.StatusNotImplemented},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := upgrade(c.edits...)
			if c.change != nil {
				c.change(r)
			}
			w := httptest.NewRecorder()
			s.Serve(struct{ http.ResponseWriter }{w}, r, func(*Conn) Handler {
				t.Error("accepted")
				return nil
			})
			if c.want == http.StatusNotImplemented {
				if w.Code < 400 && w.Code != http.StatusSwitchingProtocols {
					t.Errorf("status %d", w.Code)
				}
			} else if w.Code != c.want {
				t.Errorf("status %d, want %d: %s", w.Code, c.want, w.Body)
			}
		})
	}
	if st := s.Stats(); st.Open != 0 || st.Pending != 0 || st.Ended[Refused] != 11 {
		t.Errorf("%+v", st)
	}
}

func TestSubprotocol(t *testing.T) {
	s := &Server{config: Config{Subprotocols: []string{"new", "old"}}}
	for offer, want := range map[string]string{
		"old": "old", "old, new": "new", " new ,x": "new", "older": "", "": "",
	} {
		if got := s.subprotocol(upgrade("Sec-WebSocket-Protocol: " + offer)); got != want {
			t.Errorf("%q: %q, want %q", offer, got, want)
		}
	}
	two := upgrade("Sec-WebSocket-Protocol: x", "Sec-WebSocket-Protocol: old")
	if got := s.subprotocol(two); got != "old" {
		t.Errorf("in two lines: %q", got)
	}
}

func TestCaps(t *testing.T) {
	ip := make(chan string, 1)
	l := newLab(t, Config{
		ClientIP: func(*http.Request) netip.Addr {
			a := <-ip
			ip <- a
			return netip.MustParseAddr(a)
		},
		Limits: Limits{PendingPerIP: 2, Connections: 5},
	}, nil)
	status := func() int {
		ws, resp, err := websocket.Dial(context.Background(), l.url, nil)
		if err == nil {
			t.Cleanup(func() { _ = ws.CloseNow() })
		}
		if resp == nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	ip <- "2001:db8::1"
	for range 2 {
		if status() != 101 {
			t.Fatal("the first two are refused")
		}
	}
	a, b := l.probe(), l.probe()
	<-ip
	ip <- "2001:db8::2" // the same customer
	if got := status(); got != http.StatusTooManyRequests {
		t.Errorf("third unfinished one: %d", got)
	}
	a.c.Ready()
	if got := status(); got != 101 {
		t.Errorf("after one got ready: %d", got)
	}
	c := l.probe()
	if got := status(); got != http.StatusTooManyRequests {
		t.Errorf("and again: %d", got)
	}
	b.c.Close(Farewell{})
	_ = b.c.net.Close() // the library's client does not answer while nobody reads
	wait(t, b.ended, "end")
	if got := status(); got != 101 {
		t.Errorf("after one was closed: %d", got)
	}
	l.probe()
	<-ip
	ip <- "192.0.2.1"
	for range 2 {
		if status() != 101 {
			t.Error("another address is refused")
		}
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("over the total: %d", got)
	}
	c.c.Ready()
	if s := l.s.Stats(); s.Open != 5 || s.Pending != 3 || s.Ended[Refused] != 3 {
		t.Errorf("%+v", s)
	}
}

func TestSite(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::", "::1": "::",
	} {
		if got := site(netip.MustParseAddr(in)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s", in, got)
		}
	}
	if site(netip.Addr{}).IsValid() {
		t.Error("the unknown address is one site of its own")
	}
}
