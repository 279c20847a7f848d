package whip

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

const offerType = "application/sdp"

// Limits of a POST, in bytes.
const (
	maxOffer = 512 << 10
	maxToken = 4 << 10
)

// A player does not say how large it shows the video: as large as there is.
const (
	playWidth  = 3840
	playHeight = 2160
)

// post makes a member and its resource.
func (a *Adapter) post(w http.ResponseWriter, r *http.Request, p path) error {
	ip := a.config.ClientIP(r)
	if !a.posts.take(ip, time.Now()) {
		return errRate
	}
	token, err := bearer(r)
	if err != nil {
		return err
	}
	sdp, err := a.body(w, r, offerType, maxOffer)
	if err != nil {
		return err
	}
	join, err := a.ask(r.URL.Query(), p)
	if err != nil {
		return err
	}
	offer, d, err := offerOf(sdp, p)
	if err != nil {
		return err
	}
	s := a.newResource(p.player, p.room)
	s.view = join.view
	join.req.Token, join.req.IP, join.req.Reach, join.req.CID = token, ip, a.config.Reach(r), s.cid
	describe(&join.req, offer, d)
	s.offer, s.ufrag, s.pwd = offer, d.ufrag, d.pwd
	ctx, cancel := context.WithTimeout(r.Context(), a.config.Timeout)
	defer cancel()
	if !p.player {
		s.key = keyOf(join.req)
		if err := a.makeRoom(ctx, s.key); err != nil {
			return err
		}
	}
	if err := a.add(s); err != nil {
		return err
	}
	answer, servers, err := s.begin(ctx, join)
	s.pass()
	if err == nil && !s.listed() { // a moderator was quick, or the server stops
		err = a.whyGone()
	}
	if err != nil {
		a.end(s, "refused")
		a.log.Info(s.protocol()+" refused", "cid", s.cid, "room", p.room, "ip", ip, "code", statusOf(err).code)
		return err
	}
	a.log.Info(s.protocol()+" began", "cid", s.cid, "room", p.room, "ip", ip)
	a.begun(s)
	h := w.Header()
	h.Set("Content-Type", offerType)
	h.Set("Location", a.location(r, s))
	h.Set("ETag", s.etag)
	h.Set("Accept-Patch", fragmentType)
	h.Set("Cache-Control", "no-store")
	for _, l := range links(servers) {
		h.Add("Link", l)
	}
	if s.player {
		extensions(h, h.Get("Location"))
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a client that is gone does not connect: the deadline ends it
	return nil
}

func (a *Adapter) begun(s *resource) {
	if s.player {
		a.stats.played.Add(1)
	} else {
		a.stats.published.Add(1)
	}
}

// bearer returns the token of a request, "" if it has none (RFC 6750 §2.1).
func bearer(r *http.Request) (string, error) {
	h := r.Header.Get("Authorization")
	if h == "" {
		return "", nil
	}
	scheme, token, _ := strings.Cut(h, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", errScheme
	}
	return token, nil
}

// body reads a body of this type. A client that sends it slowly is given up.
func (a *Adapter) body(w http.ResponseWriter, r *http.Request, typ string, limit int64) (string, error) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != typ {
		switch typ {
		case offerType:
			w.Header().Set("Accept-Post", offerType)
			return "", errOfferType
		case jsonType:
			w.Header().Set("Accept-Post", jsonType)
			return "", errJSONType
		}
		w.Header().Set("Accept-Patch", fragmentType)
		return "", errPatchType
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(a.config.Timeout)) // what cannot has no sockets
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = control.SetReadDeadline(time.Time{})
	var tooBig *http.MaxBytesError
	if err != nil && !errors.As(err, &tooBig) {
		err = bad("the body could not be read")
	}
	return string(data), err
}

// wish is what a client asks for beyond its offer.
type wish struct {
	req  session.JoinRequest
	view session.Wish
	wait bool // a player: for somebody who publishes
}

// ask reads the query: kind (for the one who creates the room), name, and what a player shall show.
func (a *Adapter) ask(q url.Values, p path) (wish, error) {
	w := wish{
		req:  session.JoinRequest{Room: p.room, Name: "WHIP", Agent: room.AgentWHIP},
		view: session.Wish{Member: session.First, Source: room.SourceCamera, Width: playWidth, Height: playHeight},
		wait: !a.config.Absent,
	}
	if p.player {
		w.req.Name, w.req.Agent, w.req.Viewer = "WHEP", room.AgentWHEP, true
	}
	if k := q.Get("kind"); k != "" {
		kind, ok := room.ParseKind(k)
		if !ok || kind == room.Lobby {
			return w, bad("kind: meeting or broadcast")
		}
		w.req.Kind = kind
	}
	if n := q.Get("name"); n != "" {
		if !validRoom(n) {
			return w, bad("name: at most %d characters", maxRoom)
		}
		w.req.Name = n
	}
	switch q.Get("wait") {
	case "":
	case "true":
		w.wait = true
	case "false":
		w.wait = false
	default:
		return w, bad("wait: true or false")
	}
	if m := q.Get("member"); m != "" {
		if len(m) > maxRoom {
			return w, bad("member: not an id")
		}
		w.view.Member = m
	}
	if s := room.Source(q.Get("source")); s != "" {
		if s != room.SourceCamera && s != room.SourceScreen {
			return w, bad("source: camera or screen")
		}
		w.view.Source = s
	}
	return w, nil
}

// offerOf is the client's offer in the words of a session.
func offerOf(sdp string, p path) (session.Offer, description, error) {
	d, err := scan(sdp)
	if err != nil {
		return session.Offer{}, d, err
	}
	o := session.Offer{PC: generation, SDP: sdp}
	if !p.player {
		o.Tracks, err = d.published()
		return o, d, err
	}
	pair, err := d.seat()
	o.Seats = []session.SeatPair{pair}
	return o, d, err
}

// describe fills in what a request says by its offer: what is sent, and which codecs are understood.
func describe(r *session.JoinRequest, o session.Offer, d description) {
	if len(o.Seats) > 0 {
		r.Decode = d.caps(func(s section) bool { return s.recv })
		return
	}
	r.Encode = d.caps(func(s section) bool { return s.send })
	for _, t := range o.Tracks {
		switch t.Source {
		case room.SourceMic:
			r.State.Mic = true
		case room.SourceCamera:
			r.State.Camera = true
		case room.SourceScreen:
			r.State.Screen = true
		}
	}
}

// begin joins, makes the media connection and asks for what shall be shown. The caller has the turn.
func (s *resource) begin(ctx context.Context, w wish) (answer string, servers []session.ICEServer, err error) {
	lobby := s.a.config.Lobby
	existed, _ := lobby.Live(s.room)
	p, welcome, err := lobby.Join(ctx, w.req, s)
	if err != nil {
		return "", nil, err
	}
	s.p = p
	if s.player && !w.wait { // after the join, so that only who may watch is told
		if !existed {
			return "", nil, errNoRoom
		}
		if _, live := lobby.Live(s.room); !live {
			return "", nil, errNoPublisher
		}
	}
	if answer, err = p.Media().Offer(ctx, s.offer); err != nil {
		return "", nil, err
	}
	if s.player {
		err = p.Media().View(ctx, []session.Wish{w.view})
	}
	return answer, welcome.ICEServers, err
}

// location is the path of a session as the client sees it: below what a proxy or a handler around
// ours has stripped. It is a path, not relative to the request's: encoders expect that.
func (a *Adapter) location(r *http.Request, s *resource) string {
	inside, _, _ := strings.Cut(r.RequestURI, "?")
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil && u.Host != "" {
		inside = u.EscapedPath() // the absolute form (RFC 9112 §3.2.2)
	}
	inside, ok := strings.CutSuffix(inside, r.URL.EscapedPath())
	if !ok || inside != "" && inside[0] != '/' || strings.HasPrefix(inside, "//") {
		inside = ""
	}
	prefix := a.config.Prefix(r) + strings.TrimSuffix(inside, "/")
	return prefix + "/" + s.protocol() + "/" + url.PathEscape(s.room) + "/" + s.id
}

// links are ICE servers as Link headers (RFC 9725 §4.6), one for each URL.
func links(servers []session.ICEServer) (out []string) {
	for _, s := range servers {
		for _, u := range s.URLs {
			l := "<" + u + `>; rel="ice-server"`
			if s.Username != "" {
				l += "; username=" + quoted(s.Username) + "; credential=" + quoted(s.Credential) + `; credential-type="password"`
			}
			out = append(out, l)
		}
	}
	return out
}

// quoted is a quoted-string (RFC 9110 §5.6.4); control characters cannot be in one.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		if c >= ' ' && c != 0x7f {
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}
