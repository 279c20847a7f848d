package veche

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"veche.example/internal/config"
	"veche.example/internal/session"
	"veche.example/internal/turnd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testServer is a server on loopback with free ports.
func testServer(t *testing.T, change func(*Config), opts ...Option) *Server {
	t.Helper()
	c := DefaultConfig()
	c.Auth.OpenRooms = true
	c.Media.UDP, c.Media.TCP = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&c)
	}
	s, err := New(c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func ask(t *testing.T, h http.Handler, r *http.Request) (int, http.Header, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Result().Header, string(body)
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no secret":          {func(c *Config) { c.Auth.OpenRooms = false }, "auth.secret"},
		"bad UDP address":    {func(c *Config) { c.Media.UDP = "192.0.2.1:0" }, "media.udp"},
		"bad TCP address":    {func(c *Config) { c.Media.TCP = "192.0.2.1:0" }, "media.tcp"},
		"bad configuration":  {func(c *Config) { c.TURN.PortMin = 9; c.TURN.PortMax = 8 }, "turn.port"},
		"bad listen address": {func(c *Config) { c.HTTP.Listen = "nonsense" }, "http.listen"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.Auth.OpenRooms = true
			cfg.Media.UDP, cfg.Media.TCP = "127.0.0.1:0", "127.0.0.1:0"
			c.change(&cfg)
			s, err := New(cfg)
			if err == nil {
				t.Fatal("accepted", s.Close(t.Context()))
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not name %s", err, c.want)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	for _, prefix := range []string{"", "/veche"} {
		s := testServer(t, func(c *Config) { c.HTTP.Prefix = prefix }, WithVersion("1.2"), WithDemoRoom("demo"))
		for path, want := range map[string]int{
			"/": 200, "/r/x": 200, "/b/x": 200, "/watch/x": 200, "/call/x": 200, "/app.json": 200, "/ws": 426, "/nothing": 404,
			"/whip/x": 405, "/index.html": 404, "/r/": 404, "/sdk/veche-client.js": 200,
			"/examples/call.html": 200, "/examples/room.html": 200, "/examples/broadcast.html": 200, "/examples/room.js": 200,
		} {
			status, header, _ := ask(t, s, httptest.NewRequest(http.MethodGet, prefix+path, nil))
			if status != want {
				t.Errorf("%s%s: %d, want %d", prefix, path, status, want)
			}
			if csp := header.Get("Content-Security-Policy"); status == 200 && (csp == "" || strings.Contains(csp, "unsafe-")) {
				t.Errorf("%s%s: policy %q", prefix, path, csp)
			}
		}
		_, _, body := ask(t, s, httptest.NewRequest(http.MethodGet, prefix+"/app.json", nil))
		var got appInfo
		if err := json.Unmarshal([]byte(body), &got); err != nil || got != (appInfo{"1.2", true, "demo"}) {
			t.Errorf("app.json: %s %v", body, err)
		}
	}
}

func TestPrefixWithoutSlash(t *testing.T) {
	s := testServer(t, func(c *Config) { c.HTTP.Prefix = "/veche" })
	status, header, _ := ask(t, s, httptest.NewRequest(http.MethodGet, "/veche?x=1", nil))
	if status != http.StatusPermanentRedirect || header.Get("Location") != "/veche/?x=1" {
		t.Errorf("%d to %s", status, header.Get("Location"))
	}
	if status, _, _ := ask(t, s, httptest.NewRequest(http.MethodGet, "/vecheria/", nil)); status != http.StatusNotFound {
		t.Errorf("a path that only begins alike: %d", status)
	}
}

// TestReach: what a client says of proxies counts only when a trusted one says it.
func TestReach(t *testing.T) {
	s := testServer(t, func(c *Config) { c.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for name, c := range map[string]struct {
		peer   string
		header map[string]string
		want   session.Reach
		ip     string
	}{
		"direct":           {"198.51.100.1:5", nil, session.Reach{Host: "example.com", Direct: true}, "198.51.100.1"},
		"a stranger's lie": {"198.51.100.1:5", map[string]string{"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https"}, session.Reach{Host: "example.com"}, "198.51.100.1"},
		"a trusted proxy":  {"192.0.2.7:5", map[string]string{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "meet.example", "X-Forwarded-Proto": "https"}, session.Reach{Host: "meet.example", Secure: true}, "203.0.113.9"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		r.RemoteAddr = c.peer
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		if got := s.reach(r); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if got := s.clientIP(r).String(); got != c.ip {
			t.Errorf("%s: address %s, want %s", name, got, c.ip)
		}
	}
}

func TestICEServers(t *testing.T) {
	s := testServer(t, nil)
	n := s.net
	udp, tcp := n.udp.Addr().String(), netip.AddrPortFrom(n.udp.Addr().Addr(), n.tcpPort).String()
	on := func(host, address string) string { return host + address[strings.LastIndexByte(address, ':'):] }
	for name, c := range map[string]struct {
		http  uint16
		tls   bool
		reach session.Reach
		want  []string
	}{
		"the embedding program listens": {0, false, session.Reach{Host: "meet.example:8080", Direct: true}, []string{
			"stun:" + on("meet.example", udp), "turn:" + on("meet.example", udp) + "?transport=udp", "turn:" + on("meet.example", tcp) + "?transport=tcp"}},
		"one port for all": {8080, false, session.Reach{Host: "meet.example:8080", Direct: true}, []string{
			"stun:" + on("meet.example", udp), "turn:" + on("meet.example", udp) + "?transport=udp", "turn:" + on("meet.example", tcp) + "?transport=tcp",
			"turn:meet.example:8080?transport=tcp"}},
		"HTTPS on its own port": {443, true, session.Reach{Host: "meet.example", Secure: true, Direct: true}, []string{
			"stun:" + on("meet.example", udp), "turn:" + on("meet.example", udp) + "?transport=udp", "turn:" + on("meet.example", tcp) + "?transport=tcp",
			"turns:meet.example:443?transport=tcp"}},
		"behind a proxy": {8080, false, session.Reach{Host: "meet.example", Secure: true}, []string{
			"stun:" + on("meet.example", udp), "turn:" + on("meet.example", udp) + "?transport=udp", "turn:" + on("meet.example", tcp) + "?transport=tcp"}},
		"IPv6": {8080, false, session.Reach{Host: "[2001:db8::1]:8080", Direct: true}, []string{
			"stun:" + on("[2001:db8::1]", udp), "turn:" + on("[2001:db8::1]", udp) + "?transport=udp", "turn:" + on("[2001:db8::1]", tcp) + "?transport=tcp",
			"turn:[2001:db8::1]:8080?transport=tcp"}},
		"unknown": {8080, false, session.Reach{Direct: true}, []string{
			"stun:" + udp, "turn:" + udp + "?transport=udp", "turn:" + tcp + "?transport=tcp"}},
	} {
		n.httpPort, n.tls = c.http, c.tls
		var got []string
		for _, server := range n.iceServers("m", c.reach) {
			got = append(got, server.URLs...)
			if secret := server.Username != "" && server.Credential != ""; secret == strings.HasPrefix(server.URLs[0], "stun") {
				t.Errorf("%s: credentials of %v: %t", name, server.URLs, secret)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestClientAddrs(t *testing.T) {
	all, one := netip.IPv6Unspecified(), netip.MustParseAddr("192.0.2.1")
	loopback4, loopback6 := netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()
	public := []netip.Addr{netip.MustParseAddr("203.0.113.5")}
	for name, c := range map[string]struct {
		media config.Media
		bound netip.Addr
		want  []netip.Addr
	}{
		"bound to one":            {config.Media{}, one, []netip.Addr{one}},
		"configured":              {config.Media{IPs: public}, all, public},
		"configured and loopback": {config.Media{IPs: public, Loopback: true}, all, []netip.Addr{public[0], loopback4, loopback6}},
	} {
		got, err := clientAddrs(&c.media, c.bound)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v %v, want %v", name, got, err, c.want)
		}
	}
	got, err := clientAddrs(&config.Media{Loopback: true}, all)
	if err != nil || !slices.Contains(got, loopback4) || !slices.Contains(got, loopback6) {
		t.Errorf("interfaces and loopback: %v %v", got, err)
	}
}

func TestRelays(t *testing.T) {
	a := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	got := relays([]netip.Addr{a("127.0.0.1"), a("192.0.2.1"), a("198.51.100.1"), a("2001:db8::1"), a("::1")})
	want := []turnd.Relay{{Advertise: a("192.0.2.1")}, {Advertise: a("2001:db8::1")}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := relays([]netip.Addr{a("127.0.0.1")}); !slices.Equal(got, []turnd.Relay{{Advertise: a("127.0.0.1")}}) {
		t.Errorf("only loopback: %v", got)
	}
}

func TestMetrics(t *testing.T) {
	s := testServer(t, nil)
	_, _, body := ask(t, s.Metrics(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{"veche_rooms 0", "veche_peers 0", `veche_dropped_total{part="udp"`, `veche_dropped_total{part="tcp"`, `veche_dropped_total{part="turn"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
}
