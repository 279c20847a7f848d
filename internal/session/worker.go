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
	pause, pulse := time.NewTimer(askPause), time.NewTimer(lookPause)
	defer pause.Stop()
	defer pulse.Stop()
	for {
		select {
		case <-m.wake:
		case <-pause.C:
		case <-pulse.C:
		case <-s.done:
			return
		case <-s.m.stop:
			return
		}
		done, watch := m.look()
		if !done {
			pause.Reset(askPause)
		}
		if watch && m.sharing.calm && len(m.told) == 0 {
			pulse.Reset(calmPause)
		} else if watch {
			pulse.Reset(lookPause)
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
	c.m.mu.Lock()
	seats, tracks := c.seats, c.tracks
	c.tracks, c.known = nil, nil
	c.m.mu.Unlock()
	for _, s := range seats {
		for _, h := range []*half{s.audio, s.video} {
			if h != nil {
				c.m.s.stage.ledger.close(h.slot)
			}
		}
	}
	for _, t := range tracks { // that the peer has not told of any more
		c.m.s.stage.ledger.end(t)
		c.m.s.m.stats.tracks.Add(-1)
	}
}

// glance is what the worker looks at, as of one moment.
type glance struct {
	conn   *conn
	old    []*conn
	state  rtc.State
	up     bool
	feeds  map[room.Source]feed
	seats  []*seat
	wishes []Wish
}

func (m *Media) glance() glance {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := glance{conn: m.conn, old: m.old, wishes: m.wishes, feeds: map[room.Source]feed{}}
	m.old = nil
	c := m.conn
	if c == nil {
		return g
	}
	g.state, g.up, g.seats = c.state, c.up, c.seats
	for mid, source := range c.sections {
		tracks := map[string]*sfu.Track{}
		for l, t := range c.tracks {
			if l.mid == mid && source.Kind() == t.Kind().String() && !m.held[source] {
				tracks[l.rid] = t
			}
		}
		if f := newFeed(c.rids[mid], tracks, c.known); f != nil {
			g.feeds[source] = f
		}
	}
	return g
}

// look brings everything up to date. It is not done if some of it must be tried again; watch: the next look is due soon,
// since what goes on is not told.
func (m *Media) look() (done, watch bool) {
	g := m.glance()
	for _, c := range g.old {
		c.shut()
	}
	if g.conn != m.last { // its client knows nothing of what the one before was told
		m.last, m.asks = g.conn, map[room.Source]ask{}
		m.sharing.heard, m.sharing.at = "", time.Time{}
	}
	if g.conn != nil {
		g.conn.report(g.state)
		if final(g.state) {
			g.conn.shut() // frees it, also when the client has closed it
			g.feeds = nil
		}
	}
	if m.s.ownRole() < room.Speaker {
		g.feeds = nil
	}
	m.s.stage.set(m, g.feeds)
	done = m.publish(g.feeds)
	m.request(time.Now(), g.feeds)
	if g.conn != nil && !final(g.state) {
		m.seat(g)
		watch = len(g.feeds) > 0 || len(g.wishes) > 0
	}
	return done, watch
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
func (m *Media) publish(feeds map[room.Source]feed) bool {
	var now, began []room.Track
	var ended []room.Source
	for _, source := range []room.Source{room.SourceMic, room.SourceCamera, room.SourceScreen, room.SourceScreenAudio} {
		if t := feeds[source].one(); t != nil {
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
