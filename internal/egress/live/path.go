package live

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// cookie is where a page may put the token of a room.
const cookie = "veche-token"

// maxMember is more than a member's id has.
const maxMember = 64

// kind says what a file is.
type kind uint8

const (
	fileMaster kind = iota + 1 // index.m3u8
	fileMPD                    // manifest.mpd
	fileMedia                  // TRACK.m3u8
	fileInit                   // TRACK-iEPOCH.mp4
	fileSegment
	filePart
)

// path is what a request is about.
type path struct {
	key
	kind   kind
	track  string
	number int
}

// parsePath reads hls/{room}/{file}, hls/{room}/{member}/{file}, the same with dash. It takes the escaped form: a room's
// name may have a slash.
func parsePath(escaped string) (p path, ok bool) {
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	if len(parts) < 3 || len(parts) > 4 || parts[0] != "hls" && parts[0] != "dash" {
		return path{}, false
	}
	name, err := url.PathUnescape(parts[1])
	if err != nil || !validRoom(name) {
		return path{}, false
	}
	p.room, p.member = name, session.Speaker
	if len(parts) == 4 {
		if p.member, err = url.PathUnescape(parts[2]); err != nil || p.member == "" || len(p.member) > maxMember || p.member == session.Loud {
			return path{}, false
		}
	}
	return p, p.file(parts[0], parts[len(parts)-1])
}

func (p *path) file(tree, name string) bool {
	base, extension, _ := strings.Cut(name, ".")
	switch {
	case name == "index.m3u8" && tree == "hls":
		p.kind = fileMaster
	case name == "manifest.mpd" && tree == "dash":
		p.kind = fileMPD
	case extension == "m3u8" && tree == "hls":
		p.kind, p.track = fileMedia, base
	default:
		track, rest, found := strings.Cut(base, "-")
		if !found || len(rest) < 2 {
			return false
		}
		n, err := strconv.ParseUint(rest[1:], 10, 48)
		if err != nil || rest[1] == '+' {
			return false
		}
		p.track, p.number = track, int(n)
		p.kind = map[string]kind{"i.mp4": fileInit, "s.m4s": fileSegment, "p.m4s": filePart}[rest[:1]+"."+extension]
		if p.kind == 0 {
			return false
		}
	}
	return p.track == "" || p.track == trackVideo || p.track == trackOpus || p.track == trackAAC
}

func validRoom(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= room.MaxName && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// tokenOf finds the token of a request: Bearer, query or cookie. query is what has to stand behind the URIs of the answer
// so that they carry it too.
func tokenOf(r *http.Request) (token, query string) {
	if scheme, t, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return t, ""
	}
	if r.URL.RawQuery != "" {
		if t := r.URL.Query().Get("token"); t != "" {
			return t, "?token=" + url.QueryEscape(t)
		}
	}
	if len(r.Header["Cookie"]) > 0 {
		if c, err := r.Cookie(cookie); err == nil {
			return c.Value, ""
		}
	}
	return "", ""
}
