package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// client accepts the demo's own certificate and keeps no connections.
var client = &http.Client{Transport: &http.Transport{
	DisableKeepAlives: true,
	TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
}}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// launch runs a command until the returned function is called, which returns the exit status.
func launch(t *testing.T, f *fake, args ...string) (url string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := firstLine(f.out)
	f.stdout = out
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, f.system) }()
	t.Cleanup(cancel)
	url = out.wait(t, ended, f.err)
	return url, func() int {
		cancel()
		return <-ended
	}
}

func TestDemo(t *testing.T) {
	f := newFake(t)
	url, stop := launch(t, f, "demo", "--listen", "localhost:0", "--set", "media.udp=localhost:0", "--set", "media.tcp=localhost:0")
	if !strings.HasPrefix(url, "http://localhost:") || !strings.HasSuffix(url, "/") || strings.HasSuffix(url, ":0/") {
		t.Errorf("URL %q", url)
	}
	for path, want := range map[string]string{"healthz": "ok", "readyz": "ready", "metrics": "veche_rooms 0"} {
		if status, body := get(t, url+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ := get(t, url); status != http.StatusOK {
		t.Errorf("the app: %d", status)
	}
	if _, err := os.Stat(filepath.Join(f.dir, "veche", "demo.secret")); err != nil {
		t.Error(err)
	}
	if status := stop(); status != 0 {
		t.Errorf("status %d: %s", status, f.err)
	}
	if _, err := client.Get(url); err == nil {
		t.Error("somebody answers after the end")
	}
}

func TestDemoInTheNetwork(t *testing.T) {
	f := newFake(t)
	url, stop := launch(t, f, "demo", "--lan", "--listen", "127.0.0.1:0", "--set", "media.udp=localhost:0", "--set", "media.tcp=localhost:0")
	if !strings.HasPrefix(url, "https://127.0.0.1:") {
		t.Errorf("URL %q", url)
	}
	if status, body := get(t, url+"readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if !strings.Contains(f.err.String(), "certificate") {
		t.Errorf("no hint: %s", f.err)
	}
	if status := stop(); status != 0 {
		t.Errorf("status %d: %s", status, f.err)
	}
}

func TestDemoWithoutAHome(t *testing.T) {
	f := newFake(t)
	f.configDir = func() (string, error) { return "", os.ErrNotExist }
	_, stop := launch(t, f, "demo", "--listen", "localhost:0", "--set", "media.udp=localhost:0", "--set", "media.tcp=localhost:0")
	if status := stop(); status != 0 || !strings.Contains(f.err.String(), "cannot be kept") {
		t.Errorf("status %d: %s", status, f.err)
	}
}

func TestDemoOnABusyPort(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	port := portOf(taken.Addr().String())
	f := newFake(t)
	status := run(t.Context(), []string{"demo", "--listen", "localhost:" + port}, f.system)
	want := "port " + port + " is in use by another program; choose another: veche demo --listen localhost:8081"
	if status != 1 || !strings.Contains(f.err.String(), want) || f.out.String() != "" {
		t.Errorf("status %d: %s", status, f.err)
	}
}

func TestDemoTakesOtherMediaPorts(t *testing.T) {
	taken, err := net.ListenPacket("udp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	address := "localhost:" + portOf(taken.LocalAddr().String())
	f := newFake(t)
	url, stop := launch(t, f, "demo", "--listen", "localhost:0", "--set", "media.udp="+address, "--set", "media.tcp=localhost:"+freePort(t))
	if status, _ := get(t, url+"readyz"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if !strings.Contains(f.err.String(), "wanted="+address) {
		t.Errorf("nothing said: %s", f.err)
	}
	if status := stop(); status != 0 {
		t.Errorf("status %d: %s", status, f.err)
	}
}

func TestOtherPort(t *testing.T) {
	for _, c := range []struct {
		address string
		n       int
		want    string
	}{{":7788", 1, ":7789"}, {"[::1]:7788", 9, "[::1]:7797"}, {":7788", 0, ":0"}, {":65535", 1, ":0"}, {"", 1, ""}} {
		if got := otherPort(c.address, c.n); got != c.want {
			t.Errorf("%s + %d: %s, want %s", c.address, c.n, got, c.want)
		}
	}
}

func TestServe(t *testing.T) {
	f := newFake(t)
	listen, operators := "localhost:"+freePort(t), "localhost:"+freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	log := firstLine(f.err) // serve says on standard error that it serves
	f.stderr = log
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--listen", listen, "--set", "auth.secret=" + secret, "--set", "metrics.listen=" + operators,
			"--set", "media.udp=localhost:0", "--set", "media.tcp=localhost:0", "--set", "http.tls.selfSigned=true"}, f.system)
	}()
	defer cancel()
	log.wait(t, ended, f.err)
	for url, want := range map[string]int{
		"https://" + listen + "/readyz": 200, "https://" + listen + "/healthz": 200, "https://" + listen + "/metrics": 404,
		"http://" + operators + "/metrics": 200, "http://" + operators + "/debug/pprof/cmdline": 200, "http://" + operators + "/": 404,
	} {
		if status, body := eventually(t, url); status != want {
			t.Errorf("%s: %d, want %d: %s", url, status, want, body)
		}
	}
	cancel()
	if status := <-ended; status != 0 || f.out.String() != "" {
		t.Errorf("status %d: %s", status, f.err)
	}
}

func TestOnlyLocal(t *testing.T) {
	h := onlyLocal(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for name, c := range map[string]struct {
		remote, header string
		want           int
	}{
		"loopback":     {"127.0.0.1:1", "", 200},
		"IPv6":         {"[::1]:1", "", 200},
		"mapped":       {"[::ffff:127.0.0.1]:1", "", 200},
		"network":      {"192.168.1.2:1", "", 404},
		"a proxy":      {"127.0.0.1:1", "X-Forwarded-For", 404},
		"a proxy, new": {"127.0.0.1:1", "Forwarded", 404},
		"no address":   {"", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.RemoteAddr = c.remote
			if c.header != "" {
				r.Header.Set(c.header, "192.0.2.1")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("status %d", w.Code)
			}
		})
	}
}

func TestReadiness(t *testing.T) {
	p := &process{}
	w := httptest.NewRecorder()
	p.readiness(w, nil)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the start: %d", w.Code)
	}
	p.ready.Store(true)
	w = httptest.NewRecorder()
	p.readiness(w, nil)
	if w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

// eventually asks until somebody listens: serve logs before its second listener is up.
func eventually(t *testing.T, url string) (int, string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		r, err := client.Get(url)
		if err == nil {
			if err := r.Body.Close(); err != nil {
				t.Error(err)
			}
			return get(t, url)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestBenchRoom(t *testing.T) {
	f := newFake(t)
	url, stop := launch(t, f, "demo", "--listen", "localhost:0", "--set", "media.udp=localhost:0", "--set", "media.tcp=localhost:0")
	bots := newFake(t)
	status := run(t.Context(), []string{"bench", "room", url, "tea", "--bots", "3", "--seats", "2", "--duration", "1s"}, bots.system)
	if out := bots.out.String(); status != 0 || !strings.Contains(out, "3 bots are in room tea") || strings.Contains(out, "received 0 packets") {
		t.Errorf("status %d: %s%s", status, out, bots.err)
	}
	if status := stop(); status != 0 {
		t.Errorf("status %d: %s", status, f.err)
	}
}

func TestBenchSFUNeedsBothEnds(t *testing.T) {
	f := newFake(t)
	if status := run(t.Context(), []string{"bench", "sfu", "--whip", "http://localhost:1/"}, f.system); status != 1 || !strings.Contains(f.err.String(), "go together") {
		t.Errorf("status %d: %s", status, f.err)
	}
}

// TestBenchSFU runs the yardstick for a moment: the server is a process of its own, and every figure is there.
func TestBenchSFU(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "bench", "sfu", "--publishers", "2", "--subscribers", "2", "--bitrate", "200000", "--duration", "1s", "--warmup", "100ms")
	cmd.Env = append(os.Environ(), asProgram+"=1", "XDG_CONFIG_HOME="+t.TempDir())
	var stderr syncBuffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for _, figure := range []string{
		`(?m)^publishers +2$`, `(?m)^subscribers +4$`, `(?m)^published +[1-9]\d* packets/s$`, `(?m)^forwarded +[1-9]\d* packets/s$`,
		`(?m)^lost +\d+ packets`, `(?m)^latency +p50 \S+s +p95 \S+s +p99 \S+s$`,
		`(?m)^server CPU +\d+\.\d+ µs per forwarded packet`, `(?m)^server memory +\d+\.\d MiB, \d+ KiB per subscriber$`,
	} {
		if !regexp.MustCompile(figure).Match(text) {
			t.Errorf("no %s in\n%s", figure, text)
		}
	}
}
