package whip

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"veche.example/internal/session"
)

// The events of a player's stream (draft-murillo-whep §4.6.1).
var eventNames = []string{"active", "inactive", "layers", "viewercount"}

// How often what nobody tells of is looked at, how often rates are told, and a sign of life is given.
const (
	eventLook  = time.Second
	eventRates = 5 * time.Second
	eventAlive = 15 * time.Second
	eventWrite = 10 * time.Second // for one write
	maxStreams = 4                // of one session
)

// watch is what a player is shown, for whoever reads its events. Its methods may be called from any goroutine.
type watch struct {
	mu      sync.Mutex // guards the following
	seat    session.Seat
	news    chan struct{} // closed and replaced when seat changes
	streams int
}

// set takes what the session tells of its only seat.
func (w *watch) set(list []session.Seat) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range list {
		w.seat = s
	}
	close(w.news)
	w.news = make(chan struct{})
}

func (w *watch) look() session.Seat {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seat
}

// next is closed at the next change.
func (w *watch) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.news
}

// begin counts a stream; false if there are enough.
func (w *watch) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.streams >= maxStreams {
		return false
	}
	w.streams++
	return true
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams--
}

// events sends events until the session or the request ends.
func (s *resource) events(w http.ResponseWriter, r *http.Request) error {
	chosen := eventNames
	if only := r.URL.Query().Get("only"); only != "" {
		chosen = strings.Split(only, ",")
	}
	if err := s.enter(r.Context()); err != nil {
		return err
	}
	p := s.p
	s.pass()
	if p == nil {
		return errGone
	}
	if !s.watch.begin() {
		return errStreams
	}
	defer s.watch.end()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx hands on at once
	w.WriteHeader(http.StatusOK)
	e := &stream{s: s, facts: p.Facts(), chosen: chosen, control: http.NewResponseController(w), w: w}
	tick := time.NewTicker(eventLook)
	defer tick.Stop()
	for {
		next := s.watch.next()
		if !e.tell(time.Now()) {
			return nil
		}
		select {
		case <-next:
		case <-tick.C:
		case <-s.gone:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

// stream is one reader of events. It belongs to the goroutine of its request.
type stream struct {
	s       *resource
	facts   Facts
	chosen  []string
	control *http.ResponseController
	w       http.ResponseWriter

	state  string // as told
	layers string // as told, without rates
	rated  time.Time
	count  int // as told, 0 = not yet: the player itself is one
	wrote  time.Time
	out    bytes.Buffer
}

// tell writes what has changed; false when the reader is gone.
func (e *stream) tell(now time.Time) bool {
	seat := e.s.watch.look()
	e.active(seat)
	e.offered(seat, now)
	if n := e.s.a.config.Lobby.Watching(e.s.room); n != e.count {
		e.count = n
		e.event("viewercount", map[string]int{"viewercount": n})
	}
	if e.out.Len() == 0 {
		if now.Sub(e.wrote) < eventAlive {
			return true
		}
		e.out.WriteString(":\n\n")
	}
	e.wrote = now
	_ = e.control.SetWriteDeadline(now.Add(eventWrite)) // what cannot has no sockets
	_, err := e.w.Write(e.out.Bytes())
	e.out.Reset()
	if err == nil {
		err = e.control.Flush()
	}
	return err == nil
}

// event writes one into the buffer, if it is wanted.
func (e *stream) event(name string, data any) {
	if !slices.Contains(e.chosen, name) {
		return
	}
	b, _ := json.Marshal(data) // maps and structs of ours cannot fail
	e.out.WriteString("event: " + name + "\ndata: ")
	e.out.Write(b)
	e.out.WriteString("\n\n")
}

// active tells whether anything is shown, and of each half how it is: muted, for example.
func (e *stream) active(seat session.Seat) {
	status := func(s session.SeatStatus) string {
		if s == "" {
			return string(session.SeatNone)
		}
		return string(s)
	}
	data := map[string]string{"audio": status(seat.Audio), "video": status(seat.Video)}
	name := "inactive"
	for _, v := range data {
		if v == string(session.SeatLive) || v == string(session.SeatWaiting) {
			name = "active"
		}
	}
	if state := name + data["audio"] + data["video"]; state != e.state {
		e.state = state
		e.event(name, data)
	}
}

// layerOf is one encoding or level in a layers event.
type layerOf struct {
	ID       string `json:"id,omitempty"`
	Encoding string `json:"encodingId"`
	Index    int    `json:"simulcastIdx"`
	Spatial  *int   `json:"spatialLayerId,omitempty"`
	Temporal *int   `json:"temporalLayerId,omitempty"`
	Bitrate  int    `json:"bitrate"`
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
}

// layersOf is what a layers event says of one section.
type layersOf struct {
	Active   []layerOf `json:"active"`
	Inactive []layerOf `json:"inactive"`
	Layers   []layerOf `json:"layers"`
}

// offered tells which layers there are, when that changes, and their rates now and then.
func (e *stream) offered(seat session.Seat, now time.Time) {
	mid := e.s.offer.Seats[0].Video
	if mid == "" {
		return
	}
	all := layersOf{Active: []layerOf{}, Inactive: []layerOf{}, Layers: []layerOf{}}
	shape := ""
	best := map[int]layerOf{}
	live := map[int]bool{}
	for _, o := range e.facts.Offered(seat.Member, seat.Source) {
		spatial, temporal := int(o.Spatial), int(o.Temporal)
		l := layerOf{Encoding: o.ID, Index: o.Encoding, Spatial: &spatial, Temporal: &temporal, Bitrate: o.Rate, Width: o.Width, Height: o.Height}
		if o.Live {
			all.Layers = append(all.Layers, l)
		}
		l.ID, l.Spatial, l.Temporal = o.ID, nil, nil
		best[o.Encoding], live[o.Encoding] = l, live[o.Encoding] || o.Live
		b, _ := json.Marshal([]any{o.ID, o.Spatial, o.Temporal, o.Live, o.Width, o.Height})
		shape += string(b)
	}
	for i := range len(best) {
		if live[i] {
			all.Active = append(all.Active, best[i])
		} else {
			all.Inactive = append(all.Inactive, best[i])
		}
	}
	if shape == e.layers && (shape == "" || now.Sub(e.rated) < eventRates) {
		return
	}
	e.layers, e.rated = shape, now
	e.event("layers", map[string]layersOf{mid: all})
}
