// Package site serves the embedded web app and the SDK with strict security headers,
// under any path prefix: every URL in the page is relative.
package site

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// rootMark is the literal that the web build puts where a relative path to the app's root belongs.
const rootMark = "/__root__/"

// Pages are the first path segments that the single-page app owns besides "/".
var Pages = []string{"r", "b", "watch", "call"}

// Site is an http.Handler for the app's pages and static files. It is immutable after New.
type Site struct {
	app   fs.FS
	index []byte
	embed []byte // the player page, nil = none
	files http.Handler
}

// embedPage is the player page in dist, which is at watch/{room}/embed.
const embedPage = "embed.html"

// New serves the app in dist, which must hold index.html. frames says whether foreign pages may have the player page in a
// frame; otherwise there is none.
func New(dist fs.FS, frames bool) (*Site, error) {
	index, err := fs.ReadFile(dist, "index.html")
	if err != nil {
		return nil, fmt.Errorf("site: the web app has no index.html: %w", err)
	}
	s := &Site{app: dist, index: index, files: http.FileServerFS(dist)}
	if frames {
		if s.embed, err = fs.ReadFile(dist, embedPage); err != nil {
			return nil, fmt.Errorf("site: the web app has no player page: %w", err)
		}
	}
	return s, nil
}

// ServeHTTP answers GET and HEAD; other methods get 405, unknown paths 404.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if root, ok := pageRoot(r.URL.Path); ok {
		page(w, r, s.index, root)
		return
	}
	if s.embed != nil && isEmbed(r.URL.Path) {
		framed(w.Header())
		page(w, r, s.embed, "../../")
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	st, err := fs.Stat(s.app, name)
	if err != nil || st.IsDir() || name == "index.html" || name == embedPage {
		http.NotFound(w, r)
		return
	}
	cache := "no-cache"
	if strings.HasPrefix(name, "assets/") {
		// Asset names carry a content hash.
		cache = "public, max-age=31536000, immutable"
	}
	if name == "embed.js" || name == "embed.css" { // a page in a sandboxed frame is of no origin
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	w.Header().Set("Cache-Control", cache)
	s.files.ServeHTTP(w, r)
}

func page(w http.ResponseWriter, r *http.Request, text []byte, root string) {
	body := bytes.ReplaceAll(text, []byte(rootMark), []byte(root))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the client went away: nobody is left to tell
}

// pageRoot tells whether the app owns the path and where the app's root is relative to it.
func pageRoot(p string) (string, bool) {
	if p == "/" || p == "" {
		return "./", true
	}
	first, rest, found := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	if !found || rest == "" || strings.Contains(rest, "/") {
		return "", false
	}
	for _, known := range Pages {
		if first == known {
			return "../", true
		}
	}
	return "", false
}

// isEmbed tells whether a path is watch/{room}/embed.
func isEmbed(p string) bool {
	rest, ok := strings.CutPrefix(p, "/watch/")
	name, last, _ := strings.Cut(rest, "/")
	return ok && name != "" && last == "embed"
}

// framed loosens what Secure has set for the one page that foreign pages may show. It has no camera and no secrets.
func framed(h http.Header) {
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors *", 1))
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Del("Cross-Origin-Opener-Policy")
	h.Set("Permissions-Policy", "camera=(), microphone=(), display-capture=(), geolocation=(), payment=(), usb=()")
}

// contentSecurityPolicy has no unsafe-* source. connect-src names ws and wss of any port of this host
// because older engines do not count WebSockets to 'self'.
func contentSecurityPolicy(host string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
		"connect-src 'self' ws://" + host + " wss://" + host + "; font-src 'self'; worker-src 'self'; manifest-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
}

// Secure puts the security headers on every answer of next. host gives the Host the client sees, https whether it uses TLS.
func Secure(next http.Handler, seen func(*http.Request) (host string, https bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, https := seen(r)
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy(cspHost(host)))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), fullscreen=(self), speaker-selection=(self), geolocation=(), payment=(), usb=()")
		if https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// cspHost keeps a forged Host header from adding sources to the policy.
func cspHost(host string) string {
	for _, c := range host {
		ok := c == '.' || c == '-' || c == ':' || c == '[' || c == ']' ||
			c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !ok {
			return "invalid"
		}
	}
	if host == "" {
		return "invalid"
	}
	return host
}
