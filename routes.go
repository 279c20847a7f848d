package veche

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"

	"veche.example/internal/session"
	"veche.example/internal/site"
	"veche.example/web"
)

// routes is the table of URLs, below the configured prefix.
func (s *Server) routes() (http.Handler, error) {
	pages, err := site.New(web.Dist(), s.cfg.WHIP.Embed)
	if err != nil {
		return nil, err
	}
	info, err := json.Marshal(appInfo{Version: s.opt.version, OpenRooms: s.cfg.Auth.OpenRooms, DemoRoom: s.opt.demoRoom})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", s.native)
	mux.Handle("/whip/", s.whip)
	mux.Handle("/whep/", s.whip)
	mux.Handle("/hls/", s.live)
	mux.Handle("/dash/", s.live)
	mux.Handle("GET /api/rooms/{room}/outputs", site.Secure(s.viewers, s.seen))
	mux.Handle("/", site.Secure(pages, s.seen))
	mux.Handle("GET /app.json", site.Secure(jsonBody(info), s.seen))
	prefix := strings.TrimSuffix(s.cfg.HTTP.Prefix, "/")
	if prefix == "" {
		return s.withFrontends(mux), nil
	}
	return underPrefix(prefix, s.withFrontends(mux)), nil
}

// appInfo is app.json: what the web app wants to know before anybody joins.
type appInfo struct {
	Version   string `json:"version"`
	OpenRooms bool   `json:"openRooms"`
	DemoRoom  string `json:"demoRoom,omitempty"`
}

func jsonBody(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(body) // the client went away: nobody is left to tell
	})
}

// underPrefix redirects the prefix itself: without a slash every
// relative URL would have a wrong base.
func underPrefix(prefix string, next http.Handler) http.Handler {
	stripped := http.StripPrefix(prefix, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == prefix:
			u := *r.URL
			u.Path, u.RawPath = prefix+"/", ""
			http.Redirect(w, r, u.RequestURI(), http.StatusPermanentRedirect)
		case strings.HasPrefix(r.URL.Path, prefix+"/"):
			stripped.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// seen is the host as the client sees it, and whether it uses TLS.
func (s *Server) seen(r *http.Request) (host string, https bool) {
	o := s.trust.Of(r)
	return o.Host, o.Scheme == "https"
}

func (s *Server) clientIP(r *http.Request) netip.Addr { return s.trust.Of(r).IP }

// reach is how the client of a request reaches us.
func (s *Server) reach(r *http.Request) session.Reach {
	o := s.trust.Of(r)
	direct := r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
	return session.Reach{Host: o.Host, Secure: o.Scheme == "https", Direct: direct}
}

// stripped is the path prefix that a trusted proxy has taken away.
func (s *Server) stripped(r *http.Request) string { return s.trust.Of(r).Prefix }
