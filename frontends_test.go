package veche_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"veche.example"
	"veche.example/internal/auth"
	"veche.example/internal/config"
)

// frontStand is a server with front-ends behind a web server.
func frontStand(t *testing.T, change func(*veche.Config)) (*veche.Server, string) {
	t.Helper()
	c := veche.DefaultConfig()
	c.Auth.OpenRooms = true
	c.Media.UDP, c.Media.TCP, c.Media.Loopback = "127.0.0.1:0", "", true
	change(&c)
	s, err := veche.New(c)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s, web.URL
}

func status(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// firstMessage connects a PeerJS client and reads what it is told.
func firstMessage(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1), nil)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	defer func() { _ = ws.CloseNow() }()
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	_, data, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFrontendsAreOffUntilNamed(t *testing.T) {
	_, url := frontStand(t, func(*veche.Config) {})
	if code, _ := status(t, url+"/peerjs/peerjs/id"); code != http.StatusNotFound {
		t.Errorf("status %d", code)
	}
}

func TestFrontendUnderAPrefix(t *testing.T) {
	s, url := frontStand(t, func(c *veche.Config) { c.HTTP.Prefix, c.Frontends.PeerJS.Enabled = "/rtc/v", true })
	if code, _ := status(t, url+"/peerjs/peerjs/id"); code != http.StatusNotFound {
		t.Errorf("without the prefix: status %d", code)
	}
	if code, body := status(t, url+"/rtc/v/peerjs/peerjs/id"); code != http.StatusOK || len(body) != 36 {
		t.Errorf("status %d %q", code, body)
	}
	for _, path := range []string{"/rtc/v/peerjs/peerjs", "/rtc/v/peerjs"} { // with path /rtc/v/peerjs, and with path /rtc/v
		if m := firstMessage(t, url+path+"?key=peerjs&id=a&token=t"); m != `{"type":"OPEN"}` {
			t.Errorf("%s: %s", path, m)
		}
	}
	w := httptest.NewRecorder()
	s.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !strings.Contains(w.Body.String(), `veche_frontend_clients{frontend="peerjs"}`) {
		t.Error("the metrics do not show the front-end")
	}
}

func TestFrontendOnAPortOfItsOwn(t *testing.T) {
	s, _ := frontStand(t, func(c *veche.Config) { c.Frontends.PeerJS.Enabled, c.Frontends.PeerJS.Listen = true, "127.0.0.1:0" })
	ports := s.FrontendPorts()
	if len(ports) != 1 || ports[0].Name != "peerjs" || ports[0].Listen != "127.0.0.1:0" {
		t.Fatalf("ports: %+v", ports)
	}
	own := httptest.NewServer(ports[0].Handler)
	defer own.Close()
	if m := firstMessage(t, own.URL+"/peerjs?key=peerjs&id=a&token=t"); m != `{"type":"OPEN"}` {
		t.Errorf("%s", m)
	}
	if code, _ := status(t, own.URL+"/peerjs/id"); code != http.StatusOK {
		t.Errorf("status %d", code)
	}
}

// TestFrontendAccess: without open rooms a client needs a token for its key, unless the front-end is open.
func TestFrontendAccess(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	keys, err := auth.NewKeys([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	good, err := keys.Mint(auth.Grant{Room: "peerjs", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	other, err := keys.Mint(auth.Grant{Room: "other", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	const refused = `{"type":"ERROR","payload":{"msg":"Invalid token provided"}}`
	for _, c := range []struct{ access, token, want string }{
		{"auto", good, `{"type":"OPEN"}`}, {"auto", "abc", refused}, {"token", other, refused}, {"open", "abc", `{"type":"OPEN"}`},
	} {
		_, url := frontStand(t, func(v *veche.Config) {
			v.Auth.OpenRooms, v.Auth.Secret = false, config.Secret(secret)
			v.Frontends.PeerJS.Enabled, v.Frontends.PeerJS.Access = true, c.access
		})
		if m := firstMessage(t, url+"/peerjs/peerjs?key=peerjs&id=a&token="+c.token); m != c.want {
			t.Errorf("%s: %s", c.access, m)
		}
		code, body := status(t, url+"/peerjs/peerjs/ice?id=a&token="+c.token)
		if (code == http.StatusOK) != (c.want != refused) {
			t.Errorf("%s: ice: %d", c.access, code)
		}
		var ice struct {
			ICEServers []struct{ URLs []string }
		}
		if code == http.StatusOK && (json.Unmarshal([]byte(body), &ice) != nil || len(ice.ICEServers) != 2 || !strings.HasPrefix(ice.ICEServers[1].URLs[0], "turn:127.0.0.1:")) {
			t.Errorf("%s: ice: %s", c.access, body)
		}
	}
}
