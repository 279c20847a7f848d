package session

import (
	"maps"
	"slices"
	"sync"

	"veche.example/internal/room"
	"veche.example/internal/session/floor"
)

// stage is who publishes what in one room. Whoever watches is woken when that changes; it then looks
// for itself. Whether a source may be shown to somebody is the view's matter.
type stage struct {
	users  int // sessions of the room, guarded by Manager.mu
	ledger *ledger

	mu       sync.Mutex // guards the following
	acts     []act      // in the order of their first track; replaced, never changed
	watchers map[*Media]struct{}
	demands  map[*Media]map[wanted]demand // what they watch; replaced, never changed
	open     map[room.MemberID]struct{}   // whose microphone is on by the room's word
	floor    *floor.Floor
	voices   []floor.Voice   // of the last look, kept for the next
	mute     []room.MemberID // likewise: who tells no levels
	hearing  hearing
}

// act is one member's tracks. It is immutable. A member who stops publishing keeps its place, so that
// the first publisher is still the first after it has connected anew.
type act struct {
	owner  *Media
	member room.MemberID
	feeds  map[room.Source]feed
}

func newStage(speakers int) *stage {
	return &stage{
		watchers: map[*Media]struct{}{}, demands: map[*Media]map[wanted]demand{}, open: map[room.MemberID]struct{}{},
		floor: floor.New(speakers), ledger: newLedger(),
	}
}

// look returns the acts of this moment, to be read only.
func (g *stage) look() []act {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.acts
}

// set says what a session publishes now. An act of the same member in a former session is over.
func (g *stage) set(m *Media, feeds map[room.Source]feed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	member := m.s.who.Member
	i := slices.IndexFunc(g.acts, func(a act) bool { return a.member == member })
	switch {
	case len(feeds) == 0 && (i < 0 || g.acts[i].owner != m), i >= 0 && g.acts[i].owner == m && maps.EqualFunc(g.acts[i].feeds, feeds, slices.Equal[feed]):
		return
	case i < 0:
		g.acts = append(slices.Clip(g.acts), act{m, member, feeds})
	default:
		g.acts = slices.Clone(g.acts)
		g.acts[i] = act{m, member, feeds}
	}
	if feeds[room.SourceMic].one() != nil {
		m.s.m.attend(g)
	}
	g.wake()
}

// leave takes a session's act off the stage for good.
func (g *stage) leave(m *Media) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(g.acts), func(a act) bool { return a.owner == m })
	if len(rest) != len(g.acts) {
		g.acts = rest
		g.wake()
	}
}

// gone says that a member has left the room.
func (g *stage) gone(id room.MemberID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, id)
	g.floor.Leave(id)
	if g.hearing.speaker == id {
		g.hearing.speaker = ""
		g.wake()
	}
}

func (g *stage) watch(m *Media) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watchers[m] = struct{}{}
}

func (g *stage) unwatch(m *Media) {
	g.want(m, nil)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.watchers, m)
}

// wake never waits; mu is held.
func (g *stage) wake() {
	for m := range g.watchers {
		m.kick()
	}
}
