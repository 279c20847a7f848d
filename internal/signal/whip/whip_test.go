package whip

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

func TestPublish(t *testing.T) {
	f := &fakeLobby{servers: []session.ICEServer{
		{URLs: []string{"stun:192.0.2.1:7788"}},
		{URLs: []string{"turn:192.0.2.1:7788?transport=udp", "turns:example.org"}, Username: `17:"m"`, Credential: `a\b`},
	}}
	l := newLab(t, Config{Lobby: f})
	r := l.do("POST", "/whip/"+"%D1%87%D0%B0%D0%B9%2F5?kind=broadcast", offer("audio sendrecv 0", "video sendonly v", "application sendrecv d", "video sendonly s", "audio sendonly a", "video sendonly x"),
		"Content-Type: Application/SDP; charset=utf-8", "Authorization: bearer the.jwt.here")
	r.want(t, http.StatusCreated)
	if r.body != answerSDP || r.Header.Get("Content-Type") != "application/sdp" {
		t.Errorf("%s %q", r.Header.Get("Content-Type"), r.body)
	}
	if loc := r.Header.Get("Location"); !regexp.MustCompile(`^/whip/%D1%87%D0%B0%D0%B9%2F5/[0-9a-f]{32}$`).MatchString(loc) {
		t.Errorf("Location %q", loc)
	}
	if tag := r.Header.Get("ETag"); !regexp.MustCompile(`^"[0-9a-f]{16}"$`).MatchString(tag) {
		t.Errorf("ETag %q", tag)
	}
	if got := r.Header.Get("Accept-Patch"); got != fragmentType {
		t.Errorf("Accept-Patch %q", got)
	}
	links := []string{
		`<stun:192.0.2.1:7788>; rel="ice-server"`,
		`<turn:192.0.2.1:7788?transport=udp>; rel="ice-server"; username="17:\"m\""; credential="a\\b"; credential-type="password"`,
		`<turns:example.org>; rel="ice-server"; username="17:\"m\""; credential="a\\b"; credential-type="password"`,
	}
	if d := cmp.Diff(links, r.Header.Values("Link")); d != "" {
		t.Error(d)
	}
	p := f.last()
	want := session.JoinRequest{
		Room: "чай/5", Kind: room.Broadcast, Name: "WHIP", Agent: room.AgentWHIP, Token: "the.jwt.here",
		State:  room.State{Mic: true, Camera: true, Screen: true},
		Encode: room.Caps{Audio: []string{"pcmu", "opus"}, Video: []string{"vp8"}},
		IP:     netip.MustParseAddr("127.0.0.1"), Reach: session.Reach{Host: r.Request.Host, Direct: true},
	}
	if len(p.request.CID) != 12 {
		t.Errorf("cid %q", p.request.CID)
	}
	if d := cmp.Diff(want, p.request, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(want, "CID")); d != "" {
		t.Error(d)
	}
	tracks := []session.Section{
		{MID: "0", Source: room.SourceMic}, {MID: "v", Source: room.SourceCamera},
		{MID: "s", Source: room.SourceScreen}, {MID: "a", Source: room.SourceScreenAudio},
	}
	o := p.snapshot().offers[0]
	if d := cmp.Diff(tracks, o.Tracks); d != "" || o.PC != 1 || len(o.Seats) != 0 {
		t.Errorf("%+v %s", o, d)
	}
	if p.snapshot().view != nil {
		t.Error("a publisher watches")
	}
	if s := l.a.Stats(); s.Publishers != 1 || s.Players != 0 || s.Published != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPlay(t *testing.T) {
	for _, c := range []struct {
		query, offer string
		seat         session.SeatPair
		wish         session.Wish
	}{
		{"", play, session.SeatPair{Audio: "0", Video: "1"}, session.Wish{Member: session.First, Source: room.SourceCamera}},
		{"", offer("audio recvonly 7"), session.SeatPair{Audio: "7"}, session.Wish{Member: session.First, Source: room.SourceCamera}},
		{"?source=screen", offer("video sendrecv 7", "video recvonly 8"), session.SeatPair{Video: "7"}, session.Wish{Member: session.First, Source: room.SourceScreen}},
		{"?member=abc", play, session.SeatPair{Audio: "0", Video: "1"}, session.Wish{Member: "abc", Source: room.SourceCamera}},
	} {
		f := &fakeLobby{}
		l := newLab(t, Config{Lobby: f})
		r := l.begin("/whep/tea"+c.query, c.offer)
		if !strings.HasPrefix(r.Header.Get("Location"), "/whep/tea/") {
			t.Errorf("Location %q", r.Header.Get("Location"))
		}
		p := f.last()
		if p.request.Agent != room.AgentWHEP || !p.request.Viewer || p.request.Name != "WHEP" || p.request.State != (room.State{}) {
			t.Errorf("%+v", p.request)
		}
		if len(p.request.Decode.Audio)+len(p.request.Decode.Video) == 0 || p.request.Encode.Audio != nil {
			t.Errorf("caps %+v %+v", p.request.Decode, p.request.Encode)
		}
		s := p.snapshot()
		if len(s.offers[0].Tracks) != 0 || !slices.Equal(s.offers[0].Seats, []session.SeatPair{c.seat}) {
			t.Errorf("%+v", s.offers[0])
		}
		c.wish.Width, c.wish.Height = playWidth, playHeight
		if !slices.Equal(s.view, []session.Wish{c.wish}) {
			t.Errorf("%+v", s.view)
		}
		if s := l.a.Stats(); s.Players != 1 || s.Played != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// TestRefused: what a client gets for every way to be wrong, and that nobody stays in the room.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		code               string
	}{
		"no room":             {"POST", "/whip/", publish, []string{typeOffer}, 404, "no-session"},
		"too deep":            {"POST", "/whip/a/b/c", publish, []string{typeOffer}, 404, "no-session"},
		"another endpoint":    {"POST", "/whap/a", publish, []string{typeOffer}, 404, "no-session"},
		"room too long":       {"POST", "/whip/" + long, publish, []string{typeOffer}, 404, "no-session"},
		"room with control":   {"POST", "/whip/a%0ab", publish, []string{typeOffer}, 404, "no-session"},
		"room not UTF-8":      {"POST", "/whip/%ff", publish, []string{typeOffer}, 404, "no-session"},
		"get":                 {"GET", "/whip/tea", "", nil, 405, "method"},
		"head":                {"HEAD", "/whep/tea", "", nil, 405, ""},
		"put":                 {"PUT", "/whip/tea", publish, []string{typeOffer}, 405, "method"},
		"delete the endpoint": {"DELETE", "/whip/tea", "", nil, 405, "method"},
		"patch the endpoint":  {"PATCH", "/whip/tea", "", []string{typeFragment}, 405, "method"},
		"no type":             {"POST", "/whip/tea", publish, nil, 415, "media-type"},
		"json":                {"POST", "/whip/tea", publish, []string{"Content-Type: application/json"}, 415, "media-type"},
		"basic":               {"POST", "/whip/tea", publish, []string{typeOffer, "Authorization: Basic eDp5"}, 401, "token"},
		"no token in it":      {"POST", "/whip/tea", publish, []string{typeOffer, "Authorization: Bearer "}, 401, "token"},
		"huge token":          {"POST", "/whip/tea", publish, []string{typeOffer, "Authorization: Bearer " + strings.Repeat("x", 5000)}, 401, "token"},
		"too big":             {"POST", "/whip/tea", publish + strings.Repeat("a=x\r\n", 120_000), []string{typeOffer}, 413, "too-big"},
		"empty":               {"POST", "/whip/tea", "", []string{typeOffer}, 400, "bad-message"},
		"not SDP":             {"POST", "/whip/tea", "hello", []string{typeOffer}, 400, "bad-message"},
		"json body":           {"POST", "/whip/tea", `{"sdp":"v=0"}`, []string{typeOffer}, 400, "bad-message"},
		"no sections":         {"POST", "/whip/tea", offer(), []string{typeOffer}, 400, "bad-message"},
		"mid twice":           {"POST", "/whip/tea", offer("audio sendonly 0", "video sendonly 0"), []string{typeOffer}, 400, "bad-message"},
		"no ICE":              {"POST", "/whip/tea", strings.ReplaceAll(publish, "ice-pwd", "x"), []string{typeOffer}, 422, "sdp"},
		"publish recvonly":    {"POST", "/whip/tea", play, []string{typeOffer}, 422, "sdp"},
		"publish data":        {"POST", "/whip/tea", offer("application sendrecv 0"), []string{typeOffer}, 422, "sdp"},
		"publish without mid": {"POST", "/whip/tea", strings.ReplaceAll(publish, "a=mid", "a=dim"), []string{typeOffer}, 422, "sdp"},
		"play sendonly":       {"POST", "/whep/tea", publish, []string{typeOffer}, 422, "sdp"},
		"play inactive":       {"POST", "/whep/tea", offer("audio inactive 0"), []string{typeOffer}, 422, "sdp"},
		"play without mid":    {"POST", "/whep/tea", strings.ReplaceAll(play, "a=mid", "a=dim"), []string{typeOffer}, 422, "sdp"},
		"lobby":               {"POST", "/whip/tea?kind=lobby", publish, []string{typeOffer}, 400, "bad-message"},
		"unknown kind":        {"POST", "/whip/tea?kind=x", publish, []string{typeOffer}, 400, "bad-message"},
		"unknown source":      {"POST", "/whep/tea?source=mic", play, []string{typeOffer}, 400, "bad-message"},
		"long member":         {"POST", "/whep/tea?member=" + long, play, []string{typeOffer}, 400, "bad-message"},
		"unknown session":     {"DELETE", "/whip/tea/0123", "", nil, 404, "no-session"},
		"get unknown session": {"GET", "/whip/tea/0123", "", nil, 404, "no-session"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeLobby{}
			l := newLab(t, Config{Lobby: f})
			r := l.do(c.method, c.path, c.body, c.header...)
			r.wantProblem(t, c.status, c.code)
			if len(f.people) != 0 {
				t.Error("somebody has joined")
			}
		})
	}
}

func (r reply) wantProblem(t testing.TB, status int, code string) {
	t.Helper()
	r.want(t, status)
	h := r.Header
	if code != "" && !strings.Contains(r.body, fmt.Sprintf(`"code":%q`, code)) || h.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s, want code %s", h.Get("Content-Type"), r.body, code)
	}
	if h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Location") {
		t.Error("a page of another origin cannot read why")
	}
	if (status == 401) != (h.Get("WWW-Authenticate") != "") || (status == 405) != (h.Get("Allow") != "") ||
		(status == 503 || status == 429) != (h.Get("Retry-After") != "") {
		t.Errorf("headers of %d: %v", status, h)
	}
}

// TestErrorsOfTheDomain: each code has its status, wherever it comes from, and what had joined has left.
func TestErrorsOfTheDomain(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{&room.Error{Code: room.CodeToken, Text: "x"}, 401, "token"},
		{&room.Error{Code: room.CodeNotAllowed, Text: "x"}, 403, "not-allowed"},
		{&room.Error{Code: room.CodeLocked, Text: "x"}, 409, "locked"},
		{&room.Error{Code: room.CodeFull, Text: "x"}, 409, "full"},
		{&room.Error{Code: room.CodeEnded, Text: "x"}, 404, "ended"},
		{&room.Error{Code: room.CodeBadMessage, Text: "x"}, 400, "bad-message"},
		{fmt.Errorf("wrapped: %w", &room.Error{Code: session.CodeSDP, Text: "x"}), 422, "sdp"},
		{&room.Error{Code: room.CodeOverloaded, Text: "x"}, 503, "overloaded"},
		{&room.Error{Code: room.CodeInternal, Text: "hunter2"}, 500, "internal"},
		{&room.Error{Code: "of the future", Text: "hunter2"}, 500, "internal"},
		{context.DeadlineExceeded, 503, "overloaded"},
		{errors.New("hunter2"), 500, "internal"},
	} {
		fail := func() error { return c.err }
		for where, f := range map[string]*fakeLobby{
			"join":  {onJoin: func(context.Context, session.JoinRequest, session.Outlet) error { return fail() }},
			"offer": {onOffer: func(context.Context, session.Offer) (string, error) { return "", fail() }},
			"view":  {onView: fail},
		} {
			l := newLab(t, Config{Lobby: f})
			r := l.do("POST", "/whep/tea", play, typeOffer)
			r.wantProblem(t, c.status, c.code)
			if strings.Contains(r.body, "hunter2") {
				t.Error("an inner error is shown")
			}
			eventually(t, "nobody is left after a failed "+where, func() bool { return f.present() == 0 })
			if s := l.a.Stats(); s.Players != 0 || s.Refused != 1 || s.Played != 0 {
				t.Errorf("%+v", s)
			}
			l.close()
		}
	}
	l := newLab(t, Config{Lobby: &fakeLobby{onJoin: func(context.Context, session.JoinRequest, session.Outlet) error {
		return &room.Error{Code: room.CodeToken}
	}}})
	if got := l.do("POST", "/whip/a", publish, typeOffer).Header.Get("WWW-Authenticate"); got != `Bearer realm="veche"` {
		t.Errorf("without a token: %s", got)
	}
	if got := l.do("POST", "/whip/a", publish, typeOffer, "Authorization: Bearer x").Header.Get("WWW-Authenticate"); got != `Bearer realm="veche", error="invalid_token"` {
		t.Errorf("with a token: %s", got)
	}
}

func TestDelete(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f})
	loc := l.begin("/whip/tea", publish).Header.Get("Location")
	other := l.begin("/whip/tea", publish).Header.Get("Location")
	for _, elsewhere := range []string{strings.Replace(loc, "whip", "whep", 1), strings.Replace(loc, "tea", "coffee", 1), loc + "0"} {
		l.do("DELETE", elsewhere, "").want(t, 404)
	}
	for method, status := range map[string]int{"GET": 405, "HEAD": 405, "POST": 405, "PUT": 405} {
		r := l.do(method, loc, "")
		r.want(t, status)
		if r.Header.Get("Allow") != "OPTIONS, PATCH, DELETE" {
			t.Errorf("Allow %q", r.Header.Get("Allow"))
		}
	}
	l.do("DELETE", loc, "").want(t, 200)
	if f.people[0].snapshot().left != 1 || f.people[1].snapshot().left != 0 {
		t.Error("the answer to DELETE comes before its effect, or it hit somebody else")
	}
	l.do("DELETE", loc, "").want(t, 404)
	l.do("PATCH", loc, "", typeFragment).want(t, 404)
	l.do("GET", loc, "").want(t, 404)
	l.do("PATCH", other, "", typeFragment).want(t, 428)
	if s := l.a.Stats(); s.Failed != 0 || s.Publishers != 1 {
		t.Errorf("%+v", s)
	}
}

func TestOptions(t *testing.T) {
	l := newLab(t, Config{Lobby: &fakeLobby{}})
	loc := l.begin("/whep/tea", play).Header.Get("Location")
	for path, want := range map[string][3]string{
		"/whip/tea": {"OPTIONS, POST", offerType, ""}, "/whep/tea": {"OPTIONS, POST", offerType, ""},
		loc: {"OPTIONS, PATCH, DELETE", "", fragmentType}, "/whep/tea/unknown": {"OPTIONS, PATCH, DELETE", "", fragmentType},
	} {
		r := l.do("OPTIONS", path, "", "Origin: https://elsewhere.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type,if-match")
		r.want(t, 200)
		h := r.Header
		if got := [3]string{h.Get("Access-Control-Allow-Methods"), h.Get("Accept-Post"), h.Get("Accept-Patch")}; got != want {
			t.Errorf("%s: %v", path, got)
		}
		if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Headers") != "Accept, Authorization, Cache-Control, Content-Type, If-Match, Last-Event-ID" || r.body != "" {
			t.Errorf("%v", h)
		}
	}
}

// TestPrefix: Location is right below what proxies and handlers around ours have stripped.
func TestPrefix(t *testing.T) {
	a := New(Config{Lobby: &fakeLobby{}, Prefix: func(r *http.Request) string { return r.Header.Get("X-Test-Prefix") }})
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	for _, c := range []struct{ strip, header, target, want string }{
		{"", "", "/whip/tea", "/whip/tea/"},
		{"", "/veche", "/whip/tea", "/veche/whip/tea/"},
		{"/a/b", "", "/a/b/whip/t%2Fea?kind=meeting", "/a/b/whip/t%2Fea/"},
		{"/a/b", "/out", "/a/b/whip/tea", "/out/a/b/whip/tea/"},
		{"", "", "http://example.org/whip/tea", "/whip/tea/"},
	} {
		r := httptest.NewRequest("POST", c.target, strings.NewReader(publish))
		r.Header.Set("Content-Type", offerType)
		r.Header.Set("X-Test-Prefix", c.header)
		w := httptest.NewRecorder()
		http.StripPrefix(c.strip, a).ServeHTTP(w, r)
		if loc := w.Header().Get("Location"); w.Code != 201 || !strings.HasPrefix(loc, c.want) || strings.Count(loc, "/") != strings.Count(c.want, "/") {
			t.Errorf("%+v: %d, Location %q", c, w.Code, loc)
		}
	}
}

// TestMediaEnds: a session without media ends itself.
func TestMediaEnds(t *testing.T) {
	for _, state := range []session.MediaState{session.MediaFailed, session.MediaClosed} {
		f := &fakeLobby{}
		l := newLab(t, Config{Lobby: f})
		loc := l.begin("/whip/tea", publish).Header.Get("Location")
		p := f.last()
		p.out.Media(generation, session.MediaConnected)
		p.out.Seats(nil)
		p.out.Room(room.Settled{})
		if f.present() != 1 {
			t.Fatal("left without a reason")
		}
		p.out.Media(generation, state)
		l.do("DELETE", loc, "").want(t, 404)
		eventually(t, "it left", func() bool { return f.present() == 0 })
		if s := l.a.Stats(); s.Publishers != 0 || s.Failed != 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestNeverConnected(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f, Connect: 50 * time.Millisecond})
	l.begin("/whip/tea", publish)
	connected := l.begin("/whip/tea", publish).Header.Get("Location")
	f.last().out.Media(generation, session.MediaConnected)
	eventually(t, "one is left", func() bool { return f.present() == 1 })
	l.do("DELETE", connected, "").want(t, 200)
	if s := l.a.Stats(); s.Failed != 1 {
		t.Errorf("%+v", s)
	}
}

func TestRemovedByTheRoom(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f})
	loc := l.begin("/whep/tea", play).Header.Get("Location")
	f.last().out.Room(room.Removed{Code: room.CodeRemoved})
	l.do("DELETE", loc, "").want(t, 404)

	f.onOffer = func(context.Context, session.Offer) (string, error) { // while it begins
		f.last().out.Room(room.Removed{Code: room.CodeEnded})
		return answerSDP, nil
	}
	l.do("POST", "/whep/tea", play, typeOffer).wantProblem(t, 404, "ended")
}

// TestLeaveIsTriedAgain: a room with too much to do keeps no ghost.
func TestLeaveIsTriedAgain(t *testing.T) {
	tries := make(chan struct{}, 10)
	f := &fakeLobby{onDo: func(context.Context, room.Command) error {
		tries <- struct{}{}
		if len(tries) < 2 {
			return &room.Error{Code: room.CodeOverloaded, Text: "x"}
		}
		return nil
	}}
	l := newLab(t, Config{Lobby: f})
	loc := l.begin("/whip/tea", publish).Header.Get("Location")
	l.do("DELETE", loc, "").want(t, 200)
	if f.present() != 0 {
		t.Error("a ghost stays")
	}
}

func TestCapacity(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f, Sessions: 2})
	loc := l.begin("/whip/tea", publish).Header.Get("Location")
	l.begin("/whep/tea", play)
	l.do("POST", "/whip/tea", publish, typeOffer).wantProblem(t, 503, "overloaded")
	l.do("DELETE", loc, "").want(t, 200)
	l.begin("/whip/tea", publish)
	if s := l.a.Stats(); s.Full != 1 || len(f.people) != 3 {
		t.Errorf("%+v", s)
	}
}

func TestPostRate(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f, Rate: 1e-6, Burst: 2, ClientIP: func(r *http.Request) netip.Addr {
		return netip.MustParseAddr(r.Header.Get("X-Test-IP"))
	}})
	post := func(ip string) reply { return l.do("POST", "/whep/tea", play, typeOffer, "X-Test-IP: "+ip) }
	post("2001:db8::1").want(t, 201)
	post("2001:db8::2").want(t, 201)
	post("2001:db8::3").wantProblem(t, 429, "rate")
	post("2001:db8:0:1::1").want(t, 201)
	post("192.0.2.1").want(t, 201)
	if len(f.people) != 4 {
		t.Errorf("%d have joined", len(f.people))
	}
}

func TestLimiter(t *testing.T) {
	l := newLimiter(10, 3)
	now, ip := time.Now(), netip.MustParseAddr("192.0.2.1")
	for i, want := range []bool{true, true, true, false} {
		if l.take(ip, now) != want {
			t.Errorf("take %d", i)
		}
	}
	if !l.take(ip, now.Add(100*time.Millisecond)) || l.take(ip, now.Add(100*time.Millisecond)) {
		t.Error("a tenth of a second is one request")
	}
	for i := range maxBuckets {
		l.take(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if l.take(ip, now.Add(100*time.Millisecond)); len(l.buckets) > maxBuckets+1 {
		t.Errorf("%d buckets", len(l.buckets))
	}
	l.take(netip.MustParseAddr("192.0.2.200"), now.Add(time.Hour))
	if len(l.buckets) > 3 {
		t.Errorf("%d buckets after an hour", len(l.buckets))
	}
}

func TestClose(t *testing.T) {
	f := &fakeLobby{}
	l := newLab(t, Config{Lobby: f})
	for range 5 {
		l.begin("/whip/tea", publish)
		l.begin("/whep/tea", play)
	}
	l.close()
	if f.present() != 0 {
		t.Errorf("%d are left", f.present())
	}
	l.do("POST", "/whip/tea", publish, typeOffer).wantProblem(t, 503, "overloaded")
	l.close() // idempotent
}

// TestCloseWhileBeginning: a request that is under way leaves nothing behind.
func TestCloseWhileBeginning(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	f := &fakeLobby{onOffer: func(context.Context, session.Offer) (string, error) {
		close(begun)
		<-goOn
		return answerSDP, nil
	}}
	l := newLab(t, Config{Lobby: f})
	replies, closed := make(chan reply, 1), make(chan struct{})
	go func() { replies <- l.do("POST", "/whip/tea", publish, typeOffer) }()
	<-begun
	go func() {
		defer close(closed)
		l.close()
	}()
	eventually(t, "the session is ending", func() bool { return l.a.Stats().Publishers == 0 })
	close(goOn)
	(<-replies).wantProblem(t, 503, "overloaded")
	<-closed
	if f.present() != 0 {
		t.Error("it stays in the room")
	}
}

// TestCloseGivesUp: a room that hangs does not hold up the server's end.
func TestCloseGivesUp(t *testing.T) {
	f := &fakeLobby{onDo: func(ctx context.Context, _ room.Command) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	l := newLab(t, Config{Lobby: f})
	l.begin("/whip/tea", publish)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := l.a.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
}
