package vtest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"veche.example/internal/signal/native/proto"
)

// look is how often Until looks at counters, of which nobody tells.
const look = 10 * time.Millisecond

// State is what a client knows at one moment. It is a copy.
type State struct {
	You     proto.Member
	Members []proto.Member // the others, in the order of joining
	Mode    string         // "p2p" or "sfu"
	Seats   map[int]Seat
	Media   map[int]string // server's side of each generation of the connection
	Muted   []string       // sources that a moderator has muted, each time
	Bye     *proto.Bye     // why the session is over, nil = it is not
	Closed  bool           // the socket is gone

	Speaker  string              // who speaks, as told
	Speakers int                 // how often that was told
	Layers   []proto.LayersTrack // as last told
	Link     *proto.Link         // likewise, nil = never
}

// Member finds one of the others.
func (s State) Member(id string) (proto.Member, bool) {
	i := slices.IndexFunc(s.Members, func(m proto.Member) bool { return m.ID == id })
	if i < 0 {
		return proto.Member{}, false
	}
	return s.Members[i], true
}

// Seat is what a seat shows by the server's word, and what has come.
type Seat struct {
	proto.SeatInfo
	RTP          uint32 // the last first timestamp told, 0 = none
	Audio, Video Count  // since the connection was made
}

// Count is the packets of one section.
type Count struct {
	Packets, Bytes uint64
	Lost           uint64 // missing between the first and the last
	Frames         uint64 // marker bits
	SSRC           uint32
	Last           time.Time       // when the last packet came
	Gap            time.Duration   // the longest time between two packets, since the last Client.Mark
	Delays         []time.Duration // of pictures with stamps, since the last Client.Mark; at most 1000
	Repairs
}

// Total adds up all sections of all seats.
func (s State) Total() (packets, lost uint64) {
	for _, seat := range s.Seats {
		packets += seat.Audio.Packets + seat.Video.Packets
		lost += seat.Audio.Lost + seat.Video.Lost
	}
	return packets, lost
}

// Bytes adds up the payload of all seats.
func (s State) Bytes() (sum uint64) {
	for _, seat := range s.Seats {
		sum += seat.Audio.Bytes + seat.Video.Bytes
	}
	return sum
}

// Gaps are the longest times without a packet since Mark, of all sounds and of all pictures of which anything came.
func (s State) Gaps(now time.Time) (sound, picture time.Duration) {
	for _, seat := range s.Seats {
		for _, half := range []struct {
			c  Count
			to *time.Duration
		}{{seat.Audio, &sound}, {seat.Video, &picture}} {
			if !half.c.Last.IsZero() {
				*half.to = max(*half.to, half.c.Gap, now.Sub(half.c.Last))
			}
		}
	}
	return sound, picture
}

// Mark begins to measure gaps anew; halves of seats to which nothing comes are left out until something does.
func (c *Client) Mark() {
	c.board.quiet(func(s *State) {
		for i, seat := range s.Seats {
			for _, half := range []*Count{&seat.Audio, &seat.Video} {
				half.Gap, half.Delays = 0, nil
				if time.Since(half.Last) > time.Second {
					half.Last = time.Time{}
				}
			}
			s.Seats[i] = seat
		}
	})
}

// board holds the State and wakes those who wait for it.
type board struct {
	mu   sync.Mutex // guards the following
	s    State
	news chan struct{} // closed when something has changed
}

func (b *board) init() { b.news = make(chan struct{}) }

func (b *board) begin(w proto.Welcome) {
	b.change(func(s *State) {
		*s = State{You: w.You, Members: w.Members, Mode: w.Room.Topology, Seats: map[int]Seat{}, Media: map[int]string{}}
	})
}

// change applies f and wakes.
func (b *board) change(f func(*State)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s)
	close(b.news)
	b.news = make(chan struct{})
}

// quiet applies f, of which nobody is told: counters.
func (b *board) quiet(f func(*State)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s)
}

func (b *board) look() (State, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Members, s.Muted = slices.Clone(s.Members), slices.Clone(s.Muted)
	s.Seats, s.Media = maps.Clone(s.Seats), maps.Clone(s.Media)
	return s, b.news
}

// State is the state of this moment.
func (c *Client) State() State {
	s, _ := c.board.look()
	return s
}

// Until waits for a state, for the end of the socket (ErrClosed), or for ctx.
func (c *Client) Until(ctx context.Context, f func(State) bool) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		s, news := c.board.look()
		if f(s) {
			return nil
		}
		if s.Closed {
			return ErrClosed
		}
		select {
		case <-news:
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// read is the reader of the socket.
func (c *Client) read() {
	defer c.board.change(func(s *State) { s.Closed = true })
	defer c.wire.end()
	for {
		f, err := c.wire.read(c.ctx)
		if err != nil {
			return
		}
		if f.Re > 0 {
			c.wire.answer(f)
		} else {
			c.take(f)
		}
	}
}

// take applies an event; one that a bot does not care for changes nothing.
func (c *Client) take(f frame) {
	var roster bool
	c.board.change(func(s *State) { roster = s.apply(f) })
	if roster && c.bot.Watch {
		c.watch()
	}
	var e proto.Layers
	if f.Type == "layers" && json.Unmarshal(f.raw, &e) == nil {
		if p := c.current.Load(); p != nil {
			p.obey(e.Tracks)
		}
	}
}

// apply tells whether the roster has changed.
func (s *State) apply(f frame) bool {
	switch f.Type {
	case "joined", "updated":
		var e proto.Joined // Updated has the same fields
		if json.Unmarshal(f.raw, &e) == nil {
			s.note(e.Member)
		}
		return true
	case "left":
		var e proto.Left
		if json.Unmarshal(f.raw, &e) == nil {
			s.Members = slices.DeleteFunc(s.Members, func(m proto.Member) bool { return m.ID == e.Member })
		}
		return true
	case "topology":
		var e proto.Topology
		if json.Unmarshal(f.raw, &e) == nil {
			s.Mode = e.Mode
		}
	case "seats":
		var e proto.Seats
		if json.Unmarshal(f.raw, &e) == nil {
			for _, info := range e.Seats {
				seat := s.Seats[info.Seat]
				if seat.SeatInfo = info; info.RTP != nil {
					seat.RTP = *info.RTP
				}
				s.Seats[info.Seat] = seat
			}
		}
	case "media":
		var e proto.Media
		if json.Unmarshal(f.raw, &e) == nil {
			s.Media[e.PC] = e.State
		}
	case "muted":
		var e proto.Muted
		if json.Unmarshal(f.raw, &e) == nil {
			s.Muted = append(s.Muted, e.Source)
		}
	case "speaker":
		var e proto.SpeakerChanged
		if json.Unmarshal(f.raw, &e) == nil {
			s.Speaker = e.Member
			s.Speakers++
		}
	case "layers":
		var e proto.Layers
		if json.Unmarshal(f.raw, &e) == nil {
			s.Layers = e.Tracks
		}
	case "link":
		var e proto.Link
		if json.Unmarshal(f.raw, &e) == nil {
			s.Link = &e
		}
	case "bye":
		var e proto.Bye
		if json.Unmarshal(f.raw, &e) == nil {
			s.Bye = &e
		}
	}
	return false
}

func (s *State) note(m proto.Member) {
	if m.ID == s.You.ID {
		s.You = m
		return
	}
	if i := slices.IndexFunc(s.Members, func(o proto.Member) bool { return o.ID == m.ID }); i >= 0 {
		s.Members[i] = m
	} else {
		s.Members = append(s.Members, m)
	}
}

// watch fills the seats with whoever publishes.
func (c *Client) watch() {
	view := proto.View{Seats: []proto.Wish{}}
	width, height, visible := c.bot.Width, c.bot.Height, int(c.visible.Load())
	if width == 0 {
		width, height = filmWidth, filmHeight
	}
	for _, m := range c.State().Members {
		if n := len(view.Seats); len(m.Tracks) > 0 && n < c.bot.Seats {
			view.Seats = append(view.Seats, proto.Wish{
				Seat: n, Member: m.ID, Source: "camera", Width: width, Height: height,
				Paused: visible > 0 && n >= visible,
			})
		}
	}
	for i := range c.bot.Sounds {
		view.Seats = append(view.Seats, proto.Wish{Seat: c.bot.Seats + i, Member: proto.Loud, Source: "camera"})
	}
	_ = c.wire.send(c.ctx, view, 0) // the reader notices a dead socket
}
