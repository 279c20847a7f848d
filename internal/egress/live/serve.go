package live

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"veche.example/internal/egress/dash"
	"veche.example/internal/egress/hls"
	"veche.example/internal/egress/segment"
	"veche.example/internal/ffmpeg"
	"veche.example/internal/media"
	"veche.example/internal/room"
)

// Media types.
const (
	typePlaylist = "application/vnd.apple.mpegurl"
	typeManifest = "application/dash+xml"
	typeMP4      = "video/mp4"
	typeSegment  = "video/iso.segment"
)

// stall is how long a request waits for a part: RFC 8216bis §6.2.5.2, three target durations.
const stall = 3 * segment.Target

// ServeHTTP serves playlists, manifests and files.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // players live on other people's pages; no cookie goes there
	h.Set("Timing-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	p, ok := parsePath(r.URL.EscapedPath())
	switch {
	case !ok:
		problem(w, http.StatusNotFound, "no-file", "the path is hls/{room}/index.m3u8 or dash/{room}/manifest.mpd, or with a member's id after the room")
		return
	case r.Method == http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Authorization, Range")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		problem(w, http.StatusMethodNotAllowed, "method", "this method has no meaning here")
		return
	}
	if err := s.serve(w, r, p); err != nil {
		refuse(w, r, err)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, p path) error {
	token, query := tokenOf(r)
	if err := s.c.Allow(p.room, token); err != nil {
		return err
	}
	o, err := s.find(r.Context(), p.key, p.kind <= fileMedia)
	if err != nil {
		return err
	}
	o.asked.Store(media.Now())
	o.requests.Add(1)
	o.viewers.note(r, s.c.ClientIP(r))
	private := "public"
	if token != "" {
		private = "private"
	}
	switch p.kind {
	case fileMaster:
		return o.serveMaster(w, r, query)
	case fileMPD:
		return o.serveManifest(w, r, query)
	case fileMedia:
		return o.serveMedia(w, r, p, query, private)
	default:
		return o.serveFile(w, r, p, private)
	}
}

// await waits until f is content with the track; false if that does not come to pass in time.
func await(ctx context.Context, t *segment.Track, limit time.Duration, f func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		_, changed, closed := t.Watch()
		switch {
		case f():
			return true
		case closed:
			return false
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// playable waits until a track has a whole segment.
func (o *Output) playable(ctx context.Context, t *segment.Track) error {
	whole := func() bool { return t.Whole() }
	if await(ctx, t, ready, whole) {
		return nil
	}
	return o.why(ctx)
}

// why says why there is nothing to play.
func (o *Output) why(ctx context.Context) error {
	select {
	case <-o.done:
		return errNowhere
	default:
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errSilent
}

func (o *Output) serveMaster(w http.ResponseWriter, r *http.Request, query string) error {
	if o.locked.Load() {
		return errLocked
	}
	if err := o.playableOrTrouble(r.Context()); err != nil {
		return err
	}
	v := o.video.View()
	i := v.Inits[len(v.Inits)-1]
	sounds := []hls.Audio{{Track: trackOpus, Title: "Opus", Codec: "opus", Bandwidth: 128_000}}
	if err := canAAC(); err == nil {
		sounds = append(sounds, hls.Audio{Track: trackAAC, Title: "AAC", Codec: "mp4a.40.2", Bandwidth: 160_000})
	} else {
		w.Header().Set("Warning", `199 veche "`+err.Error()+`"`)
	}
	body := hls.Master(hls.Video{Track: trackVideo, Codec: i.Name, Width: i.Width, Height: i.Height, Bandwidth: bandwidth(v)}, sounds)
	o.write(w, r, typePlaylist, "no-cache", hls.WithQuery(body, query))
	return nil
}

// playableOrTrouble also tells what keeps the picture away, such as a missing program.
func (o *Output) playableOrTrouble(ctx context.Context) error {
	if err := o.playable(ctx, o.video); err != nil {
		return err
	}
	if t := o.missing.Load(); t != nil {
		return *t
	}
	return o.playable(ctx, o.opus)
}

func (o *Output) serveManifest(w http.ResponseWriter, r *http.Request, query string) error {
	if err := o.playableOrTrouble(r.Context()); err != nil {
		return err
	}
	v, a := o.video.View(), o.opus.View()
	body := dash.Manifest([]dash.Track{{View: v, Video: true, Bandwidth: bandwidth(v)}, {View: a, Bandwidth: 128_000}},
		media.Wall(o.zero), media.Wall(media.Now()), query)
	o.write(w, r, typeManifest, "no-cache", body)
	return nil
}

func (o *Output) serveMedia(w http.ResponseWriter, r *http.Request, p path, query, private string) error {
	t := o.track(p.track)
	if p.track == trackAAC {
		if err := canAAC(); err != nil {
			return err
		}
		o.wantAAC.Store(true)
	}
	cache := "no-cache"
	if r.URL.RawQuery != "" {
		if q := r.URL.Query(); q.Has("_HLS_msn") || q.Has("_HLS_part") {
			if err := o.block(r.Context(), t, q.Get("_HLS_msn"), q.Get("_HLS_part")); err != nil {
				return err
			}
			cache = private + ", max-age=12"
		}
	}
	if err := o.playable(r.Context(), t); err != nil {
		return err
	}
	o.write(w, r, typePlaylist, cache, hls.WithQuery(o.playlist(t), query))
	return nil
}

// block waits until a playlist has what a client asks for (RFC 8216bis §6.2.5.2).
func (o *Output) block(ctx context.Context, t *segment.Track, segmentText, partText string) error {
	n, err := strconv.ParseUint(segmentText, 10, 48)
	if err != nil {
		return errDirective
	}
	part := -1
	if partText != "" {
		k, err := strconv.ParseUint(partText, 10, 24)
		if err != nil {
			return errDirective
		}
		part = int(k)
	}
	want := int(n)
	if last, _ := t.Last(); want > last+2 {
		return errDirective
	}
	if !await(ctx, t, stall, func() bool {
		last, parts := t.Last()
		return last > want || last == want && part >= 0 && parts > part
	}) {
		return o.why(ctx)
	}
	return nil
}

// text is a playlist as it was written last.
type text struct {
	mu      sync.Mutex // guards the following
	version uint64
	body    []byte
}

// playlist writes the playlist of a track, once for each state of it.
func (o *Output) playlist(t *segment.Track) []byte {
	c := o.texts[t.Name()]
	c.mu.Lock()
	defer c.mu.Unlock()
	if version, _, _ := t.Watch(); c.body == nil || version != c.version {
		v := t.View()
		var reports []hls.Report
		for _, other := range []*segment.Track{o.video, o.opus, o.aac} {
			if n, part := other.Last(); other != t && other.Whole() {
				if part == 0 {
					n--
				}
				reports = append(reports, hls.Report{Track: other.Name(), Segment: n, Part: part - 1})
			}
		}
		c.body, c.version = hls.Media(v, media.Wall(o.zero), reports), v.Version
	}
	return c.body
}

func (o *Output) serveFile(w http.ResponseWriter, r *http.Request, p path, private string) error {
	t := o.track(p.track)
	kind, cache := typeSegment, private+", max-age=3600, immutable"
	switch p.kind {
	case fileInit:
		data, ok := t.Init(p.number)
		if !ok {
			return errNoFile
		}
		o.write(w, r, typeMP4, cache, data)
	case fileSegment:
		parts, ok := t.Segment(p.number)
		if !ok {
			return errNoFile
		}
		o.writeParts(w, r, cache, parts)
	case filePart:
		data, ok, soon := t.PartData(p.number)
		if soon {
			await(r.Context(), t, stall, func() bool {
				data, ok, soon = t.PartData(p.number)
				return !soon
			})
		}
		if !ok {
			return errNoFile
		}
		o.write(w, r, kind, cache, data)
	}
	return nil
}

func (o *Output) write(w http.ResponseWriter, r *http.Request, kind, cache string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", cache)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	n, _ := w.Write(body) // the client went away: nobody is left to tell
	o.sent.Add(int64(n))
}

func (o *Output) writeParts(w http.ResponseWriter, r *http.Request, cache string, parts []*segment.Chunk) {
	size := 0
	for _, p := range parts {
		size += len(p.Data)
	}
	h := w.Header()
	h.Set("Content-Type", typeSegment)
	h.Set("Cache-Control", cache)
	h.Set("Content-Length", strconv.Itoa(size))
	if r.Method == http.MethodHead {
		return
	}
	for _, p := range parts {
		n, err := w.Write(p.Data)
		o.sent.Add(int64(n))
		if err != nil {
			return // likewise
		}
	}
}

// Errors of files.
var (
	errNoFile    = errors.New("no such file, or no longer")
	errDirective = errors.New("_HLS_msn or _HLS_part is not a number, or far ahead")
)

var statuses = map[error]int{
	errNowhere: http.StatusNotFound, errSilent: http.StatusNotFound, errNoFile: http.StatusNotFound, errDirective: http.StatusBadRequest,
	errFull: http.StatusServiceUnavailable, errClosed: http.StatusServiceUnavailable, errRemoved: http.StatusForbidden, errLocked: http.StatusForbidden,
}

// refuse answers a request that failed.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	var e *room.Error
	status, code, text := http.StatusInternalServerError, "internal", "our fault"
	switch {
	case errors.As(err, &e) && e.Code == room.CodeToken:
		status, code, text = http.StatusUnauthorized, string(e.Code), e.Text
		w.Header().Set("WWW-Authenticate", `Bearer realm="veche"`)
	case errors.As(err, &e) && (e.Code == room.CodeOverloaded || e.Code == room.CodeShutdown):
		status, code, text = http.StatusServiceUnavailable, string(e.Code), e.Text
	case errors.As(err, &e) && e.Code == room.CodeLocked:
		status, code, text = http.StatusForbidden, string(e.Code), e.Text
	case errors.As(err, &e):
		status, code, text = http.StatusConflict, string(e.Code), e.Text
	case errors.Is(err, ffmpeg.ErrMissing):
		status, code, text = http.StatusNotImplemented, "ffmpeg", err.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status, code, text = http.StatusServiceUnavailable, "overloaded", "not done in time"
	case statuses[err] != 0:
		status, code, text = statuses[err], "no-output", err.Error()
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	problem(w, status, code, text)
}

// problem is an answer of RFC 9457.
func problem(w http.ResponseWriter, status int, code, detail string) {
	body, _ := json.Marshal(struct { // strings and a number cannot fail
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{http.StatusText(status), status, detail, code})
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may be gone
}

// bandwidth is the highest of the segments that are there, in bit/s; a guess before there is one.
func bandwidth(v segment.View) int {
	most := 0
	for _, s := range v.Segments {
		size := 0
		for _, p := range s.Parts {
			size += len(p.Data)
		}
		if s.Done && s.Duration > 0 {
			most = max(most, int(int64(size)*8*v.Rate/s.Duration))
		}
	}
	if most == 0 {
		return 2_000_000
	}
	return most * 11 / 10
}

// figures are those of this moment.
func (o *Output) figures() Figures {
	v := o.video.View()
	f := Figures{
		Room: o.key.room, Member: o.key.member, Viewers: o.viewers.count(), Requests: o.requests.Load(), Bytes: o.sent.Load(),
	}
	if n := len(v.Segments); n > 0 {
		s := v.Segments[n-1]
		f.Bitrate = bandwidth(v) + 128_000
		f.Delay = o.line(media.Now()) - segment.Time(s.Start+s.Duration, v.Rate)
		f.Codec = v.Inits[len(v.Inits)-1].Name
	}
	if t := o.trouble.Load(); t != nil {
		f.Trouble = *t
	}
	return f
}
