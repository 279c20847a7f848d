package veche

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"veche.example/internal/auth"
	"veche.example/internal/egress/live"
	"veche.example/internal/room"
	"veche.example/internal/session"
)

// Output is one way by which a room is watched.
type Output struct {
	// Kind is webrtc (viewers in the app), whep, or hls (DASH too).
	Kind string `json:"kind"`
	// Viewers is how many watch now.
	Viewers int `json:"viewers"`
	// Bitrate is what all of them together are sent, in bit/s, without headers and what is sent again.
	Bitrate int `json:"bitrate"`
	// Delay is how long the way from here to what a viewer sees takes on average, in milliseconds: half a round trip for
	// WebRTC, how far behind the live edge players are for what is cut into segments. nil = not known.
	Delay *int `json:"delay"`
}

// provider is a part of the server by which rooms are watched. It may be called from any goroutine, and returns nothing for a
// room that nobody watches by it.
type provider func(name room.ID) []Output

// viewers tells how rooms are watched. Providers are added before the first request.
type viewers struct {
	sessions  *session.Manager
	keys      *auth.Keys
	providers []provider
}

func newViewers(sessions *session.Manager, keys *auth.Keys) *viewers {
	s := &viewers{sessions: sessions, keys: keys}
	s.providers = append(s.providers, s.overWebRTC)
	return s
}

// of asks all providers.
func (s *viewers) of(name room.ID) []Output {
	list := []Output{}
	for _, p := range s.providers {
		list = append(list, p(name)...)
	}
	return list
}

func watching(list []Output) (n int) {
	for _, o := range list {
		n += o.Viewers
	}
	return n
}

// overWebRTC is the provider of what the SFU sends: to viewers in the app, and to players.
func (s *viewers) overWebRTC(name room.ID) []Output {
	type sum struct {
		viewers, bitrate, known int
		rtt                     time.Duration
	}
	web, whep := &sum{}, &sum{}
	for _, o := range s.sessions.Outputs(name) {
		if !o.Viewer {
			continue
		}
		var to *sum
		switch o.Agent {
		case room.AgentWeb, "":
			to = web
		case room.AgentWHEP:
			to = whep
		default: // of our own
			continue
		}
		to.viewers++
		to.bitrate += o.Bitrate
		if o.RTT > 0 {
			to.known++
			to.rtt += o.RTT
		}
	}
	out := make([]Output, 0, 2)
	for _, k := range []struct {
		kind string
		of   *sum
	}{{"webrtc", web}, {"whep", whep}} {
		o := Output{Kind: k.kind, Viewers: k.of.viewers, Bitrate: k.of.bitrate}
		if k.of.known > 0 {
			ms := int((k.of.rtt / time.Duration(2*k.of.known)).Round(time.Millisecond).Milliseconds())
			o.Delay = &ms
		}
		out = append(out, o)
	}
	return out
}

// overHTTP makes the provider of what is cut into segments, where a viewer is who has asked in the last seconds.
func overHTTP(stats func() []live.Figures) provider {
	return func(name room.ID) []Output {
		o := Output{Kind: "hls"}
		weighted := time.Duration(0)
		for _, f := range stats() {
			if f.Room == name {
				o.Viewers += f.Viewers
				o.Bitrate += f.Viewers * f.Bitrate
				weighted += time.Duration(f.Viewers) * f.Delay
			}
		}
		if o.Viewers > 0 {
			ms := int((weighted / time.Duration(o.Viewers)).Milliseconds())
			o.Delay = &ms
		}
		return []Output{o}
	}
}

// ServeHTTP is GET api/rooms/{room}/outputs: for whoever speaks in that room, by the grant that let it in or by the resume
// token of its membership (veche-v1 §2). Everybody else is denied.
func (s *viewers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("room")
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > room.MaxName {
		refuse(w, http.StatusNotFound, "no-room")
		return
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		h.Set("WWW-Authenticate", `Bearer realm="veche"`)
		refuse(w, http.StatusUnauthorized, "token")
		return
	}
	role, ok := s.roleBy(strings.TrimSpace(token), name)
	switch {
	case !ok:
		h.Set("WWW-Authenticate", `Bearer realm="veche", error="invalid_token"`)
		refuse(w, http.StatusUnauthorized, "token")
	case role < room.Speaker:
		refuse(w, http.StatusForbidden, "not-allowed")
	default:
		list := s.of(name)
		body, _ := json.Marshal(struct { // strings and numbers cannot fail
			Room    string   `json:"room"`
			Viewers int      `json:"viewers"`
			Outputs []Output `json:"outputs"`
		}{name, watching(list), list})
		_, _ = w.Write(body) // whoever asked may be gone
	}
}

// roleBy is the role in a room that a token proves.
func (s *viewers) roleBy(token, name string) (room.Role, bool) {
	text := ""
	if g, err := s.keys.Verify(token, name, time.Now()); err == nil {
		text = g.Role
	} else if who, ok := s.sessions.Resume(token, name); ok && who.Room == name {
		r, err := s.keys.VerifyResume(token, time.Now())
		if err != nil {
			return 0, false
		}
		text = r.Role
	} else {
		return 0, false
	}
	return room.ParseRole(text)
}

func refuse(w http.ResponseWriter, status int, code string) {
	body, _ := json.Marshal(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may be gone
}
