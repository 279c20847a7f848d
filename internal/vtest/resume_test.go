package vtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"veche.example"
	"veche.example/internal/signal/native/proto"
)

// TestMediaOutlivesTheSocket: whoever has lost its socket sends and receives on; what it has missed is told once and in
// order to the next socket, which has the same rights, and a third replaces that one at once.
func TestMediaOutlivesTheSocket(t *testing.T) {
	s := newStand(t)
	boss := s.join(Bot{Name: "boss", Seats: 1})
	c := s.join(Bot{Name: "c", Publish: true, Seats: 1})
	c.view(wish(proto.First))
	boss.view(wish(c.ID()))
	boss.sees(0, c.ID(), "live", "live")
	p := s.join(Bot{Name: "p", Publish: true})
	c.view(wish(p.ID()))
	c.sees(0, p.ID(), "live", "live")
	c.wire.close()
	c.wait("the socket is gone", func(s State) bool { return s.Closed })
	boss.wait("told so", func(s State) bool { m, ok := s.Member(c.ID()); return ok && !m.Connected })
	for i := range 20 {
		boss.must(proto.Chat{Text: fmt.Sprint(i)})
	}
	boss.flows(0)
	packets, _ := c.State().Total()
	for end := time.Now().Add(patience); ; time.Sleep(look) {
		if now, _ := c.State().Total(); now >= packets+50 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing comes any more to one without a socket")
		}
	}
	back := s.stranger()
	resume := fmt.Sprintf(`,"resume":{"token":%q,"n":0}`, c.Welcome().Resume)
	if w := back.hello(resume); w["resumed"] != "replayed" || w["you"].(map[string]any)["id"] != c.ID() {
		t.Fatalf("%v", w)
	}
	for n, said := 1, 0; said < 20; n++ {
		f := back.until(func(map[string]any) bool { return true })
		if f["n"] != float64(n) {
			t.Fatalf("event %v, want %d: %v", f["n"], n, f)
		}
		if f["t"] != "chat" {
			continue
		}
		if text := f["chat"].(map[string]any)["text"]; text != fmt.Sprint(said) {
			t.Fatalf("text %v, want %d", text, said)
		}
		said++
	}
	boss.wait("told that it is back", func(s State) bool { m, ok := s.Member(c.ID()); return ok && m.Connected })
	if len(c.State().Media) != 1 || len(boss.State().Members) != 2 {
		t.Errorf("%+v, %+v", c.State().Media, boss.State().Members)
	}
	third := s.stranger()
	if w := third.hello(resume); w["resumed"] != "replayed" {
		t.Fatalf("%v", w)
	}
	back.ends("replaced")
	boss.flows(0)
}

// TestBehindAProxy: everything works below a path that a trusted proxy strips, and under http.prefix; the URLs that the
// server makes are those that the client sees.
func TestBehindAProxy(t *testing.T) {
	for name, c := range map[string]struct {
		strip   string // by the proxy
		prefix  string // http.prefix
		trusted bool
		turn    string // host of the TURN URLs
	}{
		"stripped":    {"/veche", "", true, "meet.example"},
		"handed on":   {"", "/veche", true, "meet.example"},
		"not trusted": {"", "/veche", false, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, func(conf *veche.Config) {
				conf.HTTP.Prefix = c.prefix
				if c.trusted {
					conf.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
				}
			})
			inner, err := url.Parse(s.url)
			if err != nil {
				t.Fatal(err)
			}
			outer := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(inner)
				r.SetXForwarded()
				r.Out.Header.Set("X-Forwarded-Host", "meet.example")
				r.Out.Header.Set("X-Forwarded-Prefix", c.strip)
				r.Out.URL.Path, r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.Path, c.strip), ""
			}})
			t.Cleanup(outer.Close)
			s.url = outer.URL + "/veche"
			p := s.join(Bot{Name: "p", Publish: true})
			w := s.join(Bot{Name: "w", Seats: 1, Watch: true})
			w.sees(0, p.ID(), "live", "live")
			if way := urls(w.Welcome().ICEServers)[0]; !strings.HasPrefix(way, "turn:"+c.turn+":") {
				t.Errorf("TURN at %s", way)
			}
			for _, page := range []string{"/", "/r/x", "/app.json", "/sdk/veche-client.js"} {
				if res, err := http.Get(s.url + page); err != nil || res.StatusCode != http.StatusOK || res.Body.Close() != nil {
					t.Errorf("%s: %v %v", page, res, err)
				}
			}
			if location := s.published(); !strings.HasPrefix(location, "/veche/whip/") {
				t.Errorf("Location %q", location)
			}
		})
	}
}

// published publishes by WHIP and returns the Location, which must answer a DELETE.
func (s *stand) published() string {
	s.t.Helper()
	p, err := newPeer(Bot{Publish: true}, &board{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer p.close()
	o, err := p.offer(s.ctx, 1)
	if err != nil {
		s.t.Fatal(err)
	}
	post := s.url + "/whip/r"
	res, err := http.Post(post, "application/sdp", strings.NewReader(o.SDP))
	if err != nil || res.StatusCode != http.StatusCreated || res.Body.Close() != nil {
		s.t.Fatalf("%v %v", res, err)
	}
	location := res.Header.Get("Location")
	target, err := res.Request.URL.Parse(location)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.ctx, http.MethodDelete, target.String(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if res, err = http.DefaultClient.Do(r); err != nil || res.StatusCode != http.StatusOK || res.Body.Close() != nil {
		s.t.Errorf("DELETE %s: %v %v", target, res, err)
	}
	return location
}
