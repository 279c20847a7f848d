package whip

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"veche.example/internal/room"
	"veche.example/internal/session"
	"veche.example/internal/session/allot"
)

const typeJSON = "Content-Type: application/json"

// TestEncoders: what becomes of an encoder that comes again.
func TestEncoders(t *testing.T) {
	const token = "Authorization: Bearer one"
	for name, c := range map[string]struct {
		policy      Policy
		header      string // of both
		query       string // of the second
		connected   bool   // the first was
		sends       bool   // the first goes on
		second, end int    // status, and how many there are then
	}{
		"replaced":                    {Replace, token, "", true, true, 201, 1},
		"replaced, not connected yet": {Replace, token, "", false, false, 201, 1},
		"another name":                {Replace, token, "?name=two", true, true, 201, 2},
		"unknown, both send":          {Replace, "X-None: 1", "", true, true, 201, 2},
		"unknown, both begin":         {Replace, "X-None: 1", "", false, false, 201, 2},
		"unknown, one has crashed":    {Replace, "X-None: 1", "", true, false, 201, 1},
		"refused":                     {Refuse, token, "", true, true, 409, 1},
		"refused, unknown":            {Refuse, "X-None: 1", "", true, true, 409, 1},
		"refused, but it has crashed": {Refuse, token, "", true, false, 201, 1},
		"refused, but not another":    {Refuse, token, "?name=two", true, true, 201, 2},
		"several":                     {Several, token, "", true, true, 201, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lobby := &fakeLobby{}
			l := newLab(t, Config{Lobby: lobby, Encoders: c.policy})
			l.do("POST", "/whip/tea", publish, typeOffer, c.header).want(t, 201)
			first := lobby.last()
			if c.connected {
				first.out.Media(generation, session.MediaConnected)
			}
			first.mu.Lock()
			first.sends = c.sends
			first.mu.Unlock()
			r := l.do("POST", "/whip/tea"+c.query, publish, typeOffer, c.header)
			r.want(t, c.second)
			if r.StatusCode == http.StatusConflict && r.Header.Get("Retry-After") == "" {
				t.Error("it is not told when to come back")
			}
			if n := lobby.present(); n != c.end {
				t.Errorf("%d encoders, want %d", n, c.end)
			}
		})
	}
}

// TestWaiting: players of a room where nobody publishes.
func TestWaiting(t *testing.T) {
	for name, c := range map[string]struct {
		absent    bool
		query     string
		publisher string // who is there: "" nobody, play a viewer, publish a publisher
		want      int
	}{
		"waits":                   {false, "", "", 201},
		"does not want to":        {false, "?wait=false", "", 404},
		"nobody":                  {true, "", "", 404},
		"nobody who publishes":    {true, "", "play", 409},
		"somebody who publishes":  {true, "", "publish", 201},
		"wants to":                {true, "?wait=true", "", 201},
		"does not know":           {true, "?wait=maybe", "", 400},
		"nobody, and none wanted": {false, "?wait=false", "play", 409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lobby := &fakeLobby{}
			l := newLab(t, Config{Lobby: lobby, Absent: c.absent})
			switch c.publisher {
			case "play":
				l.begin("/whep/tea?wait=true", play)
			case "publish":
				l.begin("/whip/tea", publish)
			}
			before := lobby.present()
			r := l.do("POST", "/whep/tea"+c.query, play, typeOffer)
			r.want(t, c.want)
			if r.StatusCode == http.StatusConflict && r.Header.Get("Retry-After") == "" {
				t.Error("it is not told when to come back")
			}
			if r.StatusCode != http.StatusCreated {
				eventually(t, "who was refused has left", func() bool { return lobby.present() == before })
			}
		})
	}
}

// player begins a session and returns the links of its extensions.
func (l *lab) player() (events, layer string) {
	l.t.Helper()
	r := l.begin("/whep/tea", play)
	for _, link := range r.Header.Values("Link") {
		target, rel, _ := strings.Cut(link, ">")
		switch {
		case strings.Contains(rel, relEvents):
			events = target[1:]
		case strings.Contains(rel, relLayer):
			layer = target[1:]
		}
	}
	if events == "" || layer == "" {
		l.t.Fatalf("links: %v", r.Header.Values("Link"))
	}
	return events, layer
}

var threeLayers = []session.Offered{
	{ID: "l", Option: allot.Option{Encoding: 0, Rate: 100_000, Width: 320, Height: 180, Live: true}},
	{ID: "m", Option: allot.Option{Encoding: 1, Rate: 400_000, Width: 640, Height: 360, Live: true}},
	{ID: "h", Option: allot.Option{Encoding: 2, Rate: 900_000, Width: 1280, Height: 720}},
}

// TestLayer: what a player may choose.
func TestLayer(t *testing.T) {
	all := session.Most{Spatial: session.All, Temporal: session.All}
	for name, c := range map[string]struct {
		body   string
		status int
		want   session.Most
		width  int
	}{
		"an encoding":     {`{"mediaId":"1","encodingId":"m"}`, 200, session.Most{Encoding: "m", Spatial: session.All, Temporal: session.All}, playWidth},
		"levels":          {`{"encodingId":"m","spatialLayerId":1,"temporalLayerId":2,"maxTemporalLayerId":1}`, 200, session.Most{Encoding: "m", Spatial: 1, Temporal: 1}, playWidth},
		"everything":      {`{}`, 200, all, playWidth},
		"a size":          {`{"maxWidth":640,"maxHeight":360}`, 200, all, 640},
		"no such":         {`{"encodingId":"x"}`, 400, all, 0},
		"another section": {`{"mediaId":"0","encodingId":"m"}`, 400, all, 0},
		"out of range":    {`{"spatialLayerId":-2}`, 400, all, 0},
		"too large":       {`{"maxWidth":1000000}`, 400, all, 0},
		"no JSON":         {`layer`, 400, all, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lobby := &fakeLobby{}
			l := newLab(t, Config{Lobby: lobby})
			_, layer := l.player()
			p := lobby.last()
			p.mu.Lock()
			p.seen.offered = threeLayers
			p.mu.Unlock()
			l.do("POST", layer, c.body, typeJSON).want(t, c.status)
			view := p.snapshot().view[0]
			if c.status != http.StatusOK {
				if view.Most != nil {
					t.Errorf("%+v", view.Most)
				}
				return
			}
			if *view.Most != c.want || view.Width != c.width {
				t.Errorf("%+v %d, want %+v %d", *view.Most, view.Width, c.want, c.width)
			}
		})
	}
	l := newLab(t, Config{Lobby: &fakeLobby{}})
	_, layer := l.player()
	l.do("POST", layer, `{}`, "Content-Type: text/plain").want(t, 415)
	l.do("GET", layer, "").want(t, 405)
	l.do("POST", strings.Replace(layer, "whep", "whip", 1), `{}`, typeJSON).want(t, 404)
}

// reader reads a stream of events.
type reader struct {
	t testing.TB
	s *bufio.Scanner
}

func (l *lab) stream(path string) *reader {
	l.t.Helper()
	r, err := l.web.Client().Get(l.web.URL + path)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = r.Body.Close() })
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream" {
		l.t.Fatalf("%d %v", r.StatusCode, r.Header)
	}
	return &reader{l.t, bufio.NewScanner(r.Body)}
}

// next returns the next event, "" at the end of the stream.
func (r *reader) next() (name, data string) {
	for r.s.Scan() {
		switch line := r.s.Text(); {
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "" && name != "":
			return name, data
		}
	}
	return "", ""
}

func (r *reader) want(name, part string) {
	r.t.Helper()
	if n, data := r.next(); n != name || !strings.Contains(data, part) {
		r.t.Fatalf("%q %s, want %q with %s", n, data, name, part)
	}
}

// TestEvents: a player is told of what it is shown, until its session ends.
func TestEvents(t *testing.T) {
	lobby := &fakeLobby{}
	l := newLab(t, Config{Lobby: lobby})
	events, _ := l.player()
	p := lobby.last()
	r := l.stream(events)
	r.want("inactive", `"video":"none"`)
	r.want("viewercount", `{"viewercount":1}`)
	p.mu.Lock()
	p.seen.offered = threeLayers
	p.mu.Unlock()
	p.out.Seats([]session.Seat{{Member: "a", Source: room.SourceCamera, Audio: session.SeatLive, Video: session.SeatLive}})
	r.want("active", `"video":"live"`)
	name, data := r.next()
	var layers map[string]layersOf
	if err := json.Unmarshal([]byte(data), &layers); err != nil || name != "layers" {
		t.Fatalf("%s %s: %v", name, data, err)
	}
	if m := layers["1"]; len(m.Active) != 2 || len(m.Inactive) != 1 || len(m.Layers) != 2 || m.Active[1].ID != "m" || m.Inactive[0].ID != "h" {
		t.Errorf("%s", data)
	}
	p.out.Seats([]session.Seat{{Member: "a", Source: room.SourceCamera, Audio: session.SeatMuted, Video: session.SeatMuted}})
	r.want("inactive", `"audio":"muted"`)

	only := l.do("POST", events, `["viewercount","nonsense"]`, typeJSON)
	only.want(t, 201)
	one := l.stream(only.Header.Get("Location"))
	one.want("viewercount", `1`)
	l.do("POST", events, `["nonsense"]`, typeJSON).want(t, 400)
	l.do("POST", events, `{`, typeJSON).want(t, 400)
	for range maxStreams - 2 {
		l.stream(events)
	}
	l.do("GET", events, "").want(t, 429)

	l.do("DELETE", strings.TrimSuffix(events, "/events"), "").want(t, 200)
	if name, data := one.next(); name != "" {
		t.Errorf("after the end: %s %s", name, data)
	}
	l.do("GET", events, "").want(t, 404)
}
