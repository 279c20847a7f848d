package session

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"veche.example/internal/auth"
	"veche.example/internal/hub"
	"veche.example/internal/room"
)

const (
	maxEarly   = 1024                   // events between the snapshot of a join and its return
	askTimeout = 5 * time.Second        // for a command in the session's own name
	askPause   = 100 * time.Millisecond // before such a command is tried again
)

// Session is one participant. It is a member of its room from Join until its outlet was told
// room.Removed. Its methods may be called from any goroutine, but not by the outlet.
type Session struct {
	m     *Manager
	who   Who
	req   JoinRequest // without its tokens
	log   *slog.Logger
	stage *stage
	media *Media
	done  chan struct{} // closed when the session is over
	gone  bool          // guarded by Manager.mu: forgotten

	mu    sync.Mutex // guards the following; held around calls of out, never around those of the hub
	out   Outlet
	view  view
	early []room.Event // until begun: events of after the snapshot
	begun bool
	over  bool

	remembered auth.Resume // what the client's resume token says
}

func newSession(m *Manager, who Who, r JoinRequest, out Outlet) *Session {
	s := &Session{
		m: m, who: who, req: r, out: out, done: make(chan struct{}),
		log: m.log.With("cid", r.CID, "room", who.Room, "member", who.Member),
	}
	s.media = newMedia(s)
	return s
}

// ID is whose session this is.
func (s *Session) ID() Who { return s.who }

// Media is the session's connection to the server, never nil.
func (s *Session) Media() *Media { return s.media }

// Do applies a command in the session's name; room.Leave ends the session. Errors are *room.Error, or
// that of ctx when it ended before the command was acted upon.
func (s *Session) Do(ctx context.Context, c room.Command) (room.Reply, error) {
	reply, err := s.m.cfg.Hub.Do(ctx, s.who.Room, s.who.Member, c)
	if set, ok := c.(room.SetState); ok && err == nil && set.Screen != nil && *set.Screen {
		s.media.release(room.SourceScreenAudio)
	}
	return reply, err
}

// Attach says that the session has a socket again, or another one, and returns the state of the world and
// fresh secrets. An error that is a *room.Error of another code than overloaded means that the session is over.
func (s *Session) Attach(ctx context.Context) (Welcome, error) {
	snapshot, err := s.m.cfg.Hub.Attach(ctx, s.who.Room, s.who.Member, nil)
	if err != nil {
		return Welcome{}, err
	}
	return s.welcome(snapshot), nil
}

// Detach says that the socket is gone; reload: the page was closed or reloaded. A session that is over
// ignores it. When the room has too much to do, it is told later.
func (s *Session) Detach(reload bool) {
	if s.ask(room.Detach{Reload: reload}) {
		return
	}
	s.m.spawn(func() {
		for !s.ask(room.Detach{Reload: reload}) {
			select {
			case <-time.After(askPause):
			case <-s.done:
				return
			case <-s.m.stop:
				return
			}
		}
	})
}

// ask applies a command of the session's own; false if it is to be tried again.
func (s *Session) ask(c room.Command) bool { return !again(s.command(c)) }

func (s *Session) command(c room.Command) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	_, err := s.m.cfg.Hub.Do(ctx, s.who.Room, s.who.Member, c)
	return err
}

// again says whether a command that failed may succeed later.
func again(err error) bool {
	return errors.Is(err, hub.ErrOverloaded) || errors.Is(err, context.DeadlineExceeded)
}

func (s *Session) welcome(snapshot room.Snapshot) Welcome {
	return Welcome{
		Snapshot: snapshot, Resume: s.m.token(resumeOf(snapshot)),
		ICEServers: s.m.cfg.ICE(s.who.Member, s.req.Reach),
	}
}

// begin takes the snapshot of the join, and the events that were faster.
func (s *Session) begin(snapshot room.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view, s.remembered = newView(snapshot), resumeOf(snapshot)
	for _, m := range snapshot.Members {
		s.heed(room.Joined{Member: m})
	}
	for _, e := range s.early {
		s.heed(e) // again: the snapshot is older
		s.view.apply(e)
		s.remember(e)
	}
	s.early, s.begun = nil, true
}

// handOver gives the session to another outlet; its client connects anew.
func (s *Session) handOver(out Outlet) {
	s.media.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.out
	s.out = out
	if s.over {
		out.Room(room.Removed{Code: room.CodeGone})
		return
	}
	s.m.stats.replaced.Add(1)
	old.Room(room.Removed{Code: CodeReplaced})
}

// Deliver implements hub.Receiver: it runs on the room's goroutine. A panic of the outlet is the
// end of this session only.
func (s *Session) Deliver(e room.Event) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(p)
			ok = false
		}
	}()
	removed, last := e.(room.Removed)
	if last {
		defer s.end(removed.Code)
	}
	matters, ok := s.note(e)
	if muted, is := e.(room.MutedBy); is && muted.Source == room.SourceScreenAudio {
		s.media.hold(muted.Source) // no state tells of it: it is held here
	}
	if matters {
		s.media.kick()
	}
	return ok
}

// heed passes on to the stage who may be heard. Every session of a room does: the stage has no other ear.
func (s *Session) heed(e room.Event) {
	switch e := e.(type) {
	case room.Joined:
		s.stage.heed(e.Member.ID, e.Member.Role >= room.Speaker && e.Member.State.Mic)
	case room.Updated:
		s.stage.heed(e.Member.ID, e.Member.Role >= room.Speaker && e.Member.State.Mic)
	case room.Left:
		s.stage.gone(e.Member)
	}
}

func (s *Session) note(e room.Event) (matters, ok bool) {
	s.heed(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		matters = s.view.apply(e)
	} else if s.early = append(s.early, e); len(s.early) > maxEarly {
		return false, false
	}
	if s.over {
		return false, true
	}
	if _, last := e.(room.Removed); last {
		s.over = true
	}
	if ok = s.out.Room(e) && s.remember(e); !ok {
		s.m.stats.slow.Add(1)
	}
	return matters, ok
}

// remember renews the resume token when an event changes what it says, so that a restart of the server takes back
// neither a role nor a lock. mu is held; false if the outlet takes no more.
func (s *Session) remember(e room.Event) bool {
	if !s.begun && s.remembered.Room == "" {
		return true // begin does it
	}
	next := s.remembered
	switch e := e.(type) {
	case room.Updated:
		if e.Member.ID == s.who.Member {
			next.Role = e.Member.Role.String()
		}
	case room.RoomChanged:
		next.Locked = e.Locked
	}
	if next.Role == s.remembered.Role && next.Locked == s.remembered.Locked {
		return true
	}
	s.remembered = next
	return s.out.Notice(Resume{s.m.token(next)})
}

// tell calls the outlet from the worker; a client that does not read is sent away.
func (s *Session) tell(say func(Outlet) bool) {
	if !s.told(say) {
		s.m.stats.slow.Add(1)
		s.ask(room.Leave{Reason: room.ReasonSlow})
	}
}

func (s *Session) told(say func(Outlet) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock() // also when the outlet panics
	return s.over || say(s.out)
}

// end is the last thing that happens to a session, on the room's goroutine: it only tells others.
func (s *Session) end(why room.Code) {
	switch why {
	case room.CodeRemoved, room.CodeEnded:
		s.m.bury(s.who, why)
	}
	s.stage.leave(s.media)
	s.m.leave(s)
	close(s.done)
	if !s.media.ends() { // no worker that would do it
		s.m.spawn(s.revoke)
	}
}

// revoke ends the credentials of a member who is gone.
func (s *Session) revoke() { s.m.cfg.Revoke(s.who.Member) }

func (s *Session) panicked(p any) {
	s.m.stats.panics.Add(1)
	s.log.Error("session panics", "panic", p, "stack", string(debug.Stack()))
}
