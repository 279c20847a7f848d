package site

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func testSite(t *testing.T) http.Handler {
	t.Helper()
	s, err := New(fstest.MapFS{
		"index.html":        {Data: []byte(`<script src="/__root__/assets/a-1.js"></script><meta content="/__root__/">`)},
		"assets/a-1.js":     {Data: []byte("1")},
		"favicon.svg":       {Data: []byte("<svg/>")},
		"assets/sub/b-2.js": {Data: []byte("2")},
		"embed.html":        {Data: []byte(`<script src="/__root__/embed.js"></script>`)},
		"embed.js":          {Data: []byte("3")},
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	return Secure(s, func(r *http.Request) (string, bool) { return r.Host, r.TLS != nil })
}

func TestServe(t *testing.T) {
	h := testSite(t)
	cases := []struct {
		method, path string
		code         int
		body, cache  string
	}{
		{"GET", "/", 200, `src="./assets/a-1.js"`, "no-cache"},
		{"GET", "/r/x-y", 200, `src="../assets/a-1.js"`, "no-cache"},
		{"GET", "/b/x", 200, `content="../"`, "no-cache"},
		{"GET", "/watch/x", 200, `content="../"`, "no-cache"},
		{"GET", "/call/x", 200, `content="../"`, "no-cache"},
		{"HEAD", "/r/x", 200, "", "no-cache"},
		{"GET", "/assets/a-1.js", 200, "1", "public, max-age=31536000, immutable"},
		{"GET", "/favicon.svg", 200, "<svg/>", "no-cache"},
		{"GET", "/watch/x/embed", 200, `src="../../embed.js"`, "no-cache"},
		{"GET", "/embed.js", 200, "3", "no-cache"},
		{"GET", "/embed.html", 404, "", ""},
		{"GET", "/watch/x/other", 404, "", ""},
		{"GET", "/r/x/embed", 404, "", ""},
		{"GET", "/r/", 404, "", ""},
		{"GET", "/r/x/y", 404, "", ""},
		{"GET", "/r", 404, "", ""},
		{"GET", "/other/x", 404, "", ""},
		{"GET", "/assets", 404, "", ""},
		{"GET", "/assets/sub", 404, "", ""},
		{"GET", "/index.html", 404, "", ""},
		{"GET", "/assets/../../etc/passwd", 404, "", ""},
		{"POST", "/", 405, "", ""},
	}
	for _, c := range cases {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(c.method, "http://veche.test"+c.path, nil))
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.code, c.body)
			}
			if c.cache != "" && w.Header().Get("Cache-Control") != c.cache {
				t.Errorf("cache %q, want %q", w.Header().Get("Cache-Control"), c.cache)
			}
			if c.code == 200 && strings.Contains(w.Body.String(), rootMark) {
				t.Error("a root mark was left in the page")
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	h := testSite(t)
	for _, host := range []string{"veche.test", "veche.test:8443", "[::1]:8080", "a; script-src *"} {
		r := httptest.NewRequest("GET", "http://veche.test/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		csp := w.Header().Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src *") || !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("host %q: policy %q", host, csp)
		}
		for _, k := range []string{"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy"} {
			if w.Header().Get(k) == "" {
				t.Errorf("no %s", k)
			}
		}
	}
}

// TestFrames: only the player page may be in a frame of somebody else's page, and only if that is wanted.
func TestFrames(t *testing.T) {
	h := testSite(t)
	get := func(h http.Handler, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://veche.test"+path, nil))
		return w
	}
	for path, want := range map[string]string{"/": "'none'", "/watch/x": "'none'", "/embed.js": "'none'", "/watch/x/embed": "*"} {
		csp := get(h, path).Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors "+want+";") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
	}
	if got := get(h, "/watch/x/embed").Header(); got.Get("Cross-Origin-Opener-Policy") != "" || !strings.Contains(got.Get("Permissions-Policy"), "camera=()") {
		t.Errorf("%v", got)
	}
	dist := fstest.MapFS{"index.html": {Data: []byte("x")}}
	if _, err := New(dist, true); err == nil {
		t.Error("a player page that is not there")
	}
	s, err := New(dist, false)
	if err != nil {
		t.Fatal(err)
	}
	if code := get(s, "/watch/x/embed").Code; code != 404 {
		t.Errorf("the player page is not wanted, but %d", code)
	}
}

func TestNoIndex(t *testing.T) {
	if _, err := New(fstest.MapFS{}, false); err == nil {
		t.Error("an app without index.html was accepted")
	}
}
