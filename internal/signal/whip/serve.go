package whip

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

const maxRoom = 64 // code points of a room's name (veche-v1 §3)

// path is what a request is about.
type path struct {
	player bool   // whep
	room   string // decoded
	id     string // of the session, "" = the endpoint
	part   string // of a player's session, "" = itself
}

// parsePath reads whip/{room} or whip/{room}/{id}, the same with whep, which also has parts. It takes the escaped form: a
// room's name may have a slash.
func parsePath(escaped string) (p path, ok bool) {
	parts := strings.Split(strings.Trim(escaped, "/"), "/")
	if len(parts) < 2 || len(parts) > 4 || parts[0] != "whip" && parts[0] != "whep" {
		return path{}, false
	}
	p.player = parts[0] == "whep"
	name, err := url.PathUnescape(parts[1])
	if err != nil || !validRoom(name) {
		return path{}, false
	}
	p.room = name
	if len(parts) > 2 {
		p.id = parts[2]
	}
	if len(parts) > 3 {
		p.part = parts[3]
		return p, p.player && (p.part == pathEvents || p.part == pathLayer)
	}
	return p, true
}

func validRoom(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= maxRoom && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// ServeHTTP serves an endpoint or a session.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // RFC 9725 §4.2: players live on other people's pages
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Accept-Post, Allow, Retry-After, WWW-Authenticate")
	p, ok := parsePath(r.URL.EscapedPath())
	if !ok {
		a.problem(w, r, errPath)
		return
	}
	allow := allowed(p)
	var err error
	switch {
	case r.Method == http.MethodOptions:
		a.options(w, p, allow)
	case p.id == "" && r.Method == http.MethodPost:
		if err = a.post(w, r, p); err != nil {
			a.stats.refused.Add(1)
		}
	case p.id == "":
		h.Set("Allow", allow) // RFC 9725 §4.2: GET, HEAD and PUT are reserved
		err = errMethod
	default:
		err = a.session(w, r, p, allow)
	}
	if err != nil {
		a.problem(w, r, err)
	}
}

// allowed are the methods of a path.
func allowed(p path) string {
	switch {
	case p.part == pathEvents:
		return "OPTIONS, GET, POST"
	case p.part == pathLayer, p.id == "":
		return "OPTIONS, POST"
	}
	return "OPTIONS, PATCH, DELETE"
}

// session serves a request for an existing session.
func (a *Adapter) session(w http.ResponseWriter, r *http.Request, p path, allow string) error {
	s := a.find(p)
	if s == nil {
		return errGone
	}
	if p.part != "" {
		return s.extension(w, r, p.part)
	}
	switch r.Method {
	case http.MethodPatch:
		return s.patch(w, r)
	case http.MethodDelete:
		return s.remove(w, r)
	}
	w.Header().Set("Allow", allow)
	return errMethod
}

// options answers a preflight (Fetch §3.2) and says what is accepted.
func (a *Adapter) options(w http.ResponseWriter, p path, allow string) {
	h := w.Header()
	h.Set("Allow", allow)
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Cache-Control, Content-Type, If-Match, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "86400")
	switch {
	case p.part != "":
		h.Set("Accept-Post", jsonType)
	case p.id == "":
		h.Set("Accept-Post", offerType) // RFC 9725 §4.2
	default:
		h.Set("Accept-Patch", fragmentType) // RFC 5789 §3.1
	}
	w.WriteHeader(http.StatusOK)
}
