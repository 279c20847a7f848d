package whip

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// generation is the PC of all our offers: a resource has one connection for life.
const generation = 1

// leaveTries bounds how often leaving an overloaded room is tried, a second apart.
const leaveTries = 10

// resource is one session: what the URL in Location stands for. It is the Outlet of its Participant.
type resource struct {
	a      *Adapter
	player bool // WHEP
	room   room.ID
	id     string  // secret: who knows it may end the session
	cid    string  // for logs
	key    encoder // of a publisher

	deadline  *time.Timer   // until media is connected; guarded by Adapter.mu
	connected atomic.Bool   // it had media
	gone      chan struct{} // closed when the session has left its room

	turn       chan struct{} // holds one token: whoever has it may use the following
	p          Participant   // nil before the join
	offer      session.Offer
	ufrag, pwd string // the client's ICE credentials
	etag       string // of the ICE session
	patches    bucket
	candidates int          // of the ICE session
	view       session.Wish // of a player

	watch watch // of a player: what it is told by events
}

// newResource returns a resource whose turn the caller has.
func (a *Adapter) newResource(player bool, name room.ID) *resource {
	return &resource{
		a: a, player: player, room: name, id: random(16), cid: random(6), etag: newETag(),
		gone: make(chan struct{}), turn: make(chan struct{}, 1),
		watch: watch{news: make(chan struct{})},
	}
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// newETag is a strong entity tag (RFC 9110 §8.8.3).
func newETag() string { return `"` + random(8) + `"` }

func (s *resource) protocol() string {
	if s.player {
		return "whep"
	}
	return "whip"
}

// enter waits for the turn.
func (s *resource) enter(ctx context.Context) error {
	select {
	case <-s.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass gives the turn on.
func (s *resource) pass() { s.turn <- struct{}{} }

// listed says whether the session is not ending.
func (s *resource) listed() bool {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	return s.a.sessions[s.id] == s
}

// leave leaves the room. A room that is overloaded is asked again: a member that nobody owns would
// stay for ever.
func (s *resource) leave(ctx context.Context) {
	if s.enter(ctx) != nil {
		return
	}
	defer s.pass()
	if s.p == nil {
		return
	}
	for try := 1; ; try++ {
		c, cancel := context.WithTimeout(ctx, s.a.config.Timeout)
		_, err := s.p.Do(c, room.Leave{})
		cancel()
		var e *room.Error
		busy := errors.As(err, &e) && e.Code == room.CodeOverloaded || errors.Is(err, context.DeadlineExceeded)
		if !busy {
			return // gone now, or gone before
		}
		if try == leaveTries {
			s.a.log.Error("a member could not leave", "cid", s.cid, "room", s.room, "err", err)
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

// Room implements session.Outlet. Of what happens in the room a resource only cares for its own end.
func (s *resource) Room(e room.Event) bool {
	if r, last := e.(room.Removed); last {
		s.a.end(s, string(r.Code))
	}
	return true
}

// Seats implements session.Outlet: whoever reads the events is told.
func (s *resource) Seats(list []session.Seat) bool {
	s.watch.set(list)
	return true
}

// Notice implements session.Outlet: likewise, and it has nothing to come back with.
func (s *resource) Notice(session.Notice) bool { return true }

// Media implements session.Outlet: a session that lost its media has nothing left.
func (s *resource) Media(_ int, state session.MediaState) bool {
	switch state {
	case session.MediaConnected:
		s.connected.Store(true)
		s.a.mu.Lock()
		defer s.a.mu.Unlock()
		s.deadline.Stop()
	case session.MediaFailed, session.MediaClosed:
		s.a.fail(s, "media "+string(state))
	}
	return true
}
