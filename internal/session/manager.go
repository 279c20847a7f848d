package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"veche.example/internal/hub"
	"veche.example/internal/room"
)

// maxBuried is how many members are remembered who must not come back; the oldest is forgotten.
const maxBuried = 4096

// Manager makes sessions. Its methods may be called from any goroutine.
type Manager struct {
	cfg   Config
	log   *slog.Logger
	stats counters
	stop  chan struct{}  // closed by Close
	wg    sync.WaitGroup // Add only by spawn

	mu       sync.Mutex // guards the following; no other lock is taken inside but that of a ledger
	sessions map[Who]*Session
	stages   map[room.ID]*stage
	graves   map[Who]room.Code
	oldest   []Who // of graves
	closed   bool

	traffic   Traffic         // of rooms that are gone
	voiced    map[*stage]bool // those with microphones
	listening bool            // there is a goroutine that looks after them
}

// New returns a Manager without sessions; Close ends it.
func New(c Config) *Manager {
	c = c.withDefaults()
	return &Manager{
		cfg: c, log: c.Log, stop: make(chan struct{}),
		sessions: map[Who]*Session{}, stages: map[room.ID]*stage{}, graves: map[Who]room.Code{}, voiced: map[*stage]bool{},
	}
}

// Resume verifies a resume token and says whose it is; false for one that is forged, expired, for
// another room, or of a member that must not come back. It asks no room.
func (m *Manager) Resume(token, room string) (Who, bool) {
	r, err := m.cfg.Keys.VerifyResume(token, m.cfg.Now())
	if err != nil || r.Room != room {
		return Who{}, false
	}
	who := Who{r.Room, r.Member}
	return who, m.buried(who) == ""
}

// Join makes a session, or brings one back by a valid resume token (Welcome.Restored); a token that is
// not valid is as good as none. If the session is still there, the outlet takes it over and
// the one before is told CodeReplaced. Events after the state in Welcome go to out, possibly before Join
// returns. Errors are *room.Error or that of ctx; then nothing has happened.
func (m *Manager) Join(ctx context.Context, r JoinRequest, out Outlet) (*Session, Welcome, error) {
	a, err := m.admit(r)
	if err != nil {
		m.stats.refused.Add(1)
		return nil, Welcome{}, err
	}
	if !a.join.Restored && m.cfg.Busy() {
		m.stats.refused.Add(1)
		return nil, Welcome{}, &room.Error{Code: room.CodeOverloaded, Text: "the server is too busy; come back later"}
	}
	r.Token, r.Resume = "", "" // secrets are not kept
	s := newSession(m, Who{r.Room, a.join.ID}, r, out)
	if s.stage = m.enter(r.Room); s.stage == nil {
		return nil, Welcome{}, hub.ErrClosed
	}
	snapshot, err := m.cfg.Hub.Join(ctx, r.Room, a.options, a.join, s)
	if errors.Is(err, room.ErrPresent) && a.join.Restored {
		m.leave(s)
		return m.takeOver(ctx, s.who, out)
	}
	if err != nil {
		m.leave(s)
		m.stats.refused.Add(1)
		return nil, Welcome{}, err
	}
	s.begin(snapshot)
	m.keep(s)
	m.stats.joined.Add(1)
	w := s.welcome(snapshot)
	w.Restored = a.join.Restored
	s.log.Debug("session", "role", snapshot.You.Role.String(), "restored", w.Restored, "ip", r.IP)
	return s, w, nil
}

// takeOver gives a session that is still there to another outlet.
func (m *Manager) takeOver(ctx context.Context, who Who, out Outlet) (*Session, Welcome, error) {
	m.mu.Lock()
	s := m.sessions[who]
	m.mu.Unlock()
	if s == nil {
		return nil, Welcome{}, room.ErrPresent // on its way in or out
	}
	s.handOver(out)
	w, err := s.Attach(ctx)
	if err != nil {
		return nil, Welcome{}, err
	}
	w.Restored = true
	return s, w, nil
}

// Close ends all media connections and waits for everything that the Manager has started, or for ctx. Members
// stay in their rooms, which the owner of the hub closes. Afterwards nobody joins any more.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.stop)
	}
	m.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends with the last worker, none of which waits for a client
		m.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spawn starts a goroutine that Close waits for; false after Close.
func (m *Manager) spawn(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.wg.Go(f)
	return true
}

// enter returns the stage of a room, nil after Close; leave gives it back.
func (m *Manager) enter(id room.ID) *stage {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	g := m.stages[id]
	if g == nil {
		g = newStage(m.cfg.Speakers)
		m.stages[id] = g
	}
	g.users++
	return g
}

// keep remembers a session, unless it is over already.
func (m *Manager) keep(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !s.gone {
		m.sessions[s.who] = s
	}
}

// leave forgets a session, once, and its stage with the last of the room.
func (m *Manager) leave(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.gone {
		return
	}
	s.gone = true
	if m.sessions[s.who] == s {
		delete(m.sessions, s.who)
	}
	if s.stage.users--; s.stage.users == 0 {
		delete(m.voiced, s.stage)
		m.traffic.add(s.stage.ledger.sum())
		delete(m.stages, s.who.Room)
	}
}

// bury remembers that a member must not come back, and why: it was removed, or its room was ended. The
// room remembers the former itself, but only for as long as it lasts.
func (m *Manager) bury(who Who, why room.Code) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.graves[who]; ok {
		return
	}
	if len(m.oldest) >= maxBuried {
		delete(m.graves, m.oldest[0])
		m.oldest = m.oldest[1:]
	}
	m.graves[who] = why
	m.oldest = append(m.oldest, who)
}

func (m *Manager) buried(who Who) room.Code {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.graves[who]
}

// Present tells whether anybody is in a room, or, unless member is "", whether that member is.
func (m *Manager) Present(id room.ID, member room.MemberID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if member != "" {
		return m.sessions[Who{id, member}] != nil
	}
	return m.stages[id] != nil
}

// Stats are figures for the metrics. Sessions, Peers and Tracks are gauges, the rest only grow.
type Stats struct {
	Sessions, Peers, Tracks int64
	Joined, Refused         int64 // calls of Join
	Replaced                int64 // sessions taken over by another outlet
	Switches                int64 // seats told a new state
	Slow                    int64 // sessions ended because the outlet took no more
	Panics                  int64 // sessions ended by a panic
}

type counters struct {
	peers, tracks, joined, refused, replaced, switches, slow, panics atomic.Int64
}

// Stats returns the figures of this moment.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	n := len(m.sessions)
	m.mu.Unlock()
	c := &m.stats
	return Stats{
		Sessions: int64(n), Peers: c.peers.Load(), Tracks: c.tracks.Load(), Joined: c.joined.Load(),
		Refused: c.refused.Load(), Replaced: c.replaced.Load(), Switches: c.switches.Load(),
		Slow: c.slow.Load(), Panics: c.panics.Load(),
	}
}
