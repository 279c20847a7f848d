package session

import (
	"slices"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/session/allot"
	"veche.example/internal/sfu"
)

// Output is what one session that watches is sent.
type Output struct {
	Agent   room.Agent
	Viewer  bool          // it only watches
	Bitrate int           // bit/s that are sent to it, without headers and what is sent again
	RTT     time.Duration // to the client and back, 0 = not known
}

// Outputs lists what the sessions of a room are sent, of those that have a media connection.
func (m *Manager) Outputs(id room.ID) (list []Output) {
	m.mu.Lock()
	var of []*Session
	for who, s := range m.sessions {
		if who.Room == id {
			of = append(of, s)
		}
	}
	m.mu.Unlock()
	for _, s := range of {
		if o, ok := s.output(); ok {
			o.Agent, o.Viewer = s.req.Agent, s.ownRole() < room.Speaker
			list = append(list, o)
		}
	}
	return list
}

// Live says whether anybody is in a room, and whether anything is published there.
func (m *Manager) Live(id room.ID) (exists, live bool) {
	m.mu.Lock()
	g := m.stages[id]
	m.mu.Unlock()
	if g == nil {
		return false, false
	}
	return true, slices.ContainsFunc(g.look(), func(a act) bool { return len(a.feeds) > 0 })
}

// output measures; false without a connection that was up.
func (s *Session) output() (o Output, ok bool) {
	m := s.media
	m.mu.Lock()
	c := m.conn
	if c == nil || !c.up || final(c.state) {
		m.mu.Unlock()
		return Output{}, false
	}
	seats := c.seats
	m.mu.Unlock()
	for _, seat := range seats {
		o.Bitrate += seat.audio.rate() + seat.video.rate()
	}
	if way, is := c.peer.(Way); is {
		o.RTT = way.Estimate().RTT
	}
	return o, true
}

// rate is what flows on half a seat, in bit/s; any goroutine may ask.
func (h *half) rate() int {
	if h == nil {
		return 0
	}
	sw := h.switched.Load()
	if sw == nil {
		return 0
	}
	return sw.track.Rate(h.slot.Stats().Level)
}

// Offered is one way to show a source.
type Offered struct {
	ID string // the rid of the encoding, "" = there is only one
	allot.Option
}

// Offered lists the ways to show somebody's source, from the least to the best; none if it is not published.
func (s *Session) Offered(member room.MemberID, source room.Source) (list []Offered) {
	for _, a := range s.stage.look() {
		if a.member != member {
			continue
		}
		f := a.feeds[source]
		options, _ := f.options()
		for _, o := range options {
			list = append(list, Offered{f[o.Encoding].rid, o})
		}
	}
	return list
}

// Received counts the packets that have come on the connection; it stands still while the publisher sends nothing.
func (s *Session) Received() (packets uint64) {
	m := s.media
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		return 0
	}
	for _, t := range m.conn.tracks {
		packets += t.Stats().Packets
	}
	return packets
}

// upTo leaves of the options what is not more than most.
func (f feed) upTo(most *Most, options []allot.Option, levels []sfu.Level) ([]allot.Option, []sfu.Level) {
	last := len(f) - 1
	if most.Encoding != "" {
		i := slices.IndexFunc(f, func(e encoding) bool { return e.rid == most.Encoding })
		if i < 0 {
			return options, levels
		}
		last = i
	}
	var list []allot.Option
	var at []sfu.Level
	for k, o := range options {
		l := levels[k]
		if o.Encoding > last || o.Encoding == last && most.Spatial >= 0 && int(o.Spatial) > most.Spatial {
			break // they are in order
		}
		if o.Encoding == last && most.Temporal >= 0 && int(o.Temporal) > most.Temporal {
			o.Temporal, l.Temporal = int8(most.Temporal), int8(most.Temporal)
			o.Rate = f.rate(o.Encoding, l)
		}
		if n := len(list); n > 0 && list[n-1].Encoding == o.Encoding && list[n-1].Spatial == o.Spatial && list[n-1].Temporal == o.Temporal {
			continue
		}
		list, at = append(list, o), append(at, l)
	}
	return list, at
}
