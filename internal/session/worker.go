package session

import (
	"slices"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/rtc"
	"veche.example/internal/sfu"
)

// work is the goroutine of a session with a media connection. Whoever changes something kicks it; it looks at
// everything anew then, so that any number of changes at once cost one look.
func (m *Media) work() {
	s := m.s
	defer m.finish()
	defer func() {
		if p := recover(); p != nil { // of the outlet, most likely
			s.panicked(p)
			s.ask(room.Leave{Reason: room.ReasonSlow})
		}
	}()
	s.stage.watch(m)
	defer s.stage.unwatch(m)
	pause := time.NewTimer(askPause)
	defer pause.Stop()
	for {
		select {
		case <-m.wake:
		case <-pause.C:
		case <-s.done:
			return
		case <-s.m.stop:
			return
		}
		if !m.look() {
			pause.Reset(askPause)
		}
	}
}

// finish closes what is left.
func (m *Media) finish() {
	m.mu.Lock()
	m.ended = true
	list := m.old
	if m.conn != nil {
		list = append(list, m.conn)
	}
	m.old = nil
	m.mu.Unlock()
	m.s.stage.leave(m) // again: the last look may have been after the end
	for _, c := range list {
		c.shut()
	}
	select {
	case <-m.s.done:
		m.s.revoke()
	default: // the server stops; the member is still there
	}
}

// shut closes the peer, once, and waits for it.
func (c *conn) shut() {
	if c.closed {
		return
	}
	c.closed = true
	c.m.s.m.stats.peers.Add(-1)
	c.peer.Close()
}

// glance is what the worker looks at, as of one moment.
type glance struct {
	conn   *conn
	old    []*conn
	state  rtc.State
	up     bool
	tracks map[room.Source]*sfu.Track
	seats  []*seat
	wishes []Wish
}

func (m *Media) glance() glance {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := glance{conn: m.conn, old: m.old, wishes: m.wishes, tracks: map[room.Source]*sfu.Track{}}
	m.old = nil
	c := m.conn
	if c == nil {
		return g
	}
	g.state, g.up, g.seats = c.state, c.up, c.seats
	rids := map[room.Source]string{}
	for l, t := range c.tracks {
		source, ok := c.sections[l.mid]
		if !ok || source.Kind() != t.Kind().String() || m.held[source] {
			continue
		}
		if rid, ok := rids[source]; !ok || l.rid < rid { // one encoding, always the same
			rids[source], g.tracks[source] = l.rid, t
		}
	}
	return g
}

// look brings everything up to date; false if some of it must be tried again.
func (m *Media) look() bool {
	g := m.glance()
	for _, c := range g.old {
		c.shut()
	}
	if g.conn != nil {
		g.conn.report(g.state)
		if final(g.state) {
			g.conn.shut() // frees it, also when the client has closed it
			g.tracks = nil
		}
	}
	if m.s.ownRole() < room.Speaker {
		g.tracks = nil
	}
	m.s.stage.set(m, g.tracks)
	ok := m.publish(g.tracks)
	if g.conn != nil && !final(g.state) {
		m.seat(g)
	}
	return ok
}

func (s *Session) ownRole() room.Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.role
}

// report tells the client how the connection is, if it has a word for that.
func (c *conn) report(state rtc.State) {
	var say MediaState
	switch state {
	case rtc.Connected:
		say = MediaConnected
	case rtc.Failed:
		say = MediaFailed
	case rtc.Closed:
		say = MediaClosed
	}
	if say == "" || say == c.said || final(state) && (c.said == MediaFailed || c.said == MediaClosed) {
		return
	}
	c.said = say
	c.m.s.tell(func(out Outlet) bool { return out.Media(c.pc, say) })
}

// publish tells the room what the member sends; false if the room had too much to do.
func (m *Media) publish(tracks map[room.Source]*sfu.Track) bool {
	var now, began []room.Track
	var ended []room.Source
	for _, source := range []room.Source{room.SourceMic, room.SourceCamera, room.SourceScreen, room.SourceScreenAudio} {
		if t := tracks[source]; t != nil {
			now = append(now, room.Track{Source: source, Kind: source.Kind(), Codec: t.Codec().Name()})
		}
	}
	for _, t := range now {
		if !slices.Contains(m.told, t) {
			began = append(began, t)
		}
	}
	for _, t := range m.told {
		if !slices.ContainsFunc(now, func(o room.Track) bool { return o.Source == t.Source }) {
			ended = append(ended, t.Source)
		}
	}
	for _, c := range []struct {
		need    bool
		command room.Command
	}{{len(ended) > 0, room.Unpublish{Sources: ended}}, {len(began) > 0, room.Publish{Tracks: began}}} {
		if !c.need {
			continue
		}
		if err := m.s.command(c.command); err != nil {
			return !again(err)
		}
	}
	m.told = now
	return true
}

// seat fills the seats and tells what has changed of them.
func (m *Media) seat(g glance) {
	wish := make(map[int]*Wish, len(g.wishes))
	for i := range g.wishes {
		wish[g.wishes[i].Seat] = &g.wishes[i]
	}
	s := m.s
	acts := s.stage.look()
	plans := make([]plan, len(g.seats))
	s.mu.Lock()
	for i := range g.seats {
		plans[i] = s.view.plan(wish[i], acts)
	}
	s.mu.Unlock()
	permits := func(t *sfu.Track) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.view.permits(t, acts)
	}
	var changed []Seat
	for i, seat := range g.seats {
		if !g.up {
			plans[i].postpone()
		}
		if now, news := seat.fill(plans[i], permits); news {
			changed = append(changed, now)
		}
	}
	if len(changed) > 0 {
		s.m.stats.switches.Add(int64(len(changed)))
		s.tell(func(out Outlet) bool { return out.Seats(changed) })
	}
}

// postpone keeps a plan waiting for the transport: a key frame would be lost on it.
func (p *plan) postpone() {
	for _, w := range []*want{&p.audio, &p.video} {
		if w.track != nil {
			w.track, w.why = nil, SeatWaiting
			if w.pause {
				w.why = SeatPaused
			}
		}
	}
}
