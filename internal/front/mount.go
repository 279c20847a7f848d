package front

import (
	"net/http"
	"net/url"
	"strings"
)

// Mount is a front-end's place on the shared port. It says whether a request is the front-end's, and how it shall
// see it; the path of the request is the one below the server's prefix.
type Mount func(*http.Request) (*http.Request, bool)

// Below is everything at and below a path like "/peerjs", which the front-end does not see.
func Below(path string) Mount {
	return func(r *http.Request) (*http.Request, bool) {
		rest, ok := strings.CutPrefix(r.URL.Path, path)
		if !ok || rest != "" && rest[0] != '/' {
			return nil, false
		}
		u := new(url.URL)
		*u = *r.URL
		u.Path, u.RawPath = "/"+strings.TrimPrefix(rest, "/"), ""
		if raw, ok := strings.CutPrefix(r.URL.RawPath, path); ok {
			u.RawPath = "/" + strings.TrimPrefix(raw, "/")
		}
		out := new(http.Request)
		*out = *r
		out.URL = u
		return out, true
	}
}

// Upgrade is the WebSocket upgrades at exactly this path; with subprotocols only those that offer one of them.
func Upgrade(path string, subprotocols ...string) Mount {
	return UpgradeIf(func(p string) bool { return p == path }, subprotocols...)
}

// UpgradeIf is Upgrade for the paths that match says yes to.
func UpgradeIf(match func(path string) bool, subprotocols ...string) Mount {
	return func(r *http.Request) (*http.Request, bool) {
		if !match(r.URL.Path) || !token(r.Header, "Upgrade", "websocket") {
			return nil, false
		}
		for _, p := range subprotocols {
			if token(r.Header, "Sec-WebSocket-Protocol", p) {
				return r, true
			}
		}
		return r, len(subprotocols) == 0
	}
}

// At is a path and everything below it, which the front-end sees as it is.
func At(path string) Mount {
	path = strings.TrimSuffix(path, "/")
	return func(r *http.Request) (*http.Request, bool) {
		rest, ok := strings.CutPrefix(r.URL.Path, path)
		return r, ok && (rest == "" || rest[0] == '/')
	}
}

func token(h http.Header, key, want string) bool {
	for _, line := range h.Values(key) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), want) {
				return true
			}
		}
	}
	return false
}
