package native

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"veche.example/internal/room"
	"veche.example/internal/signal/native/proto"
	"veche.example/internal/wsconn"
)

// guest is one participant: the numbered events it is told, and the socket that takes them, if
// there is one. It is the Outlet of its Participant.
type guest struct {
	a *Adapter
	p Participant // set before the first socket

	calls sync.Mutex // held around the calls of p, and around changes of who has the socket

	mu      sync.Mutex // guards the following; never held around a call of p
	out     outbox
	sock    *socket // nil while detached, and before the first welcome
	who     Who     // empty until the join returned
	role    room.Role
	kind    room.Kind
	early   []room.Member // updates that came before who was known
	leaving bool          // the reply to leave comes before the bye
	over    room.Code     // of the Removed, "" = none yet
}

// Room implements Outlet.
func (s *guest) Room(e room.Event) bool {
	if r, last := e.(room.Removed); last {
		s.end(r.Code)
		return true
	}
	body := eventOf(e)
	if body == nil {
		s.a.log.Error("an event nobody can write", "type", fmt.Sprintf("%T", e))
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := e.(room.Updated); ok {
		s.updated(u.Member)
	}
	return s.tell(body)
}

// updated notes a change of our own role; s.mu is held.
func (s *guest) updated(m room.Member) {
	switch s.who.Member {
	case "":
		s.early = append(s.early, m)
	case m.ID:
		s.role = m.Role
	}
}

// Seats implements Outlet.
func (s *guest) Seats(list []Seat) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tell(seatsOf(list))
}

// Media implements Outlet.
func (s *guest) Media(pc int, state MediaState) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tell(proto.Media{PC: pc, State: string(state)})
}

// Notice implements Outlet.
func (s *guest) Notice(n Notice) bool {
	body := noticeOf(n)
	if body == nil {
		s.a.log.Error("a notice nobody can write", "type", fmt.Sprintf("%T", n))
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tell(body)
}

// tell numbers an event, keeps it and sends it if there is a socket; s.mu is held.
func (s *guest) tell(e proto.Event) bool {
	if s.over != "" {
		return true
	}
	frame := proto.Encode(e, s.out.last+1, 0)
	s.out.add(frame)
	if s.sock != nil && errors.Is(s.sock.c.Send(frame), wsconn.ErrSlow) {
		s.a.stats.slow.Add(1)
		return false
	}
	return true // a socket that is closing is as good as none: the event is kept
}

// end is the session's last act: it is in the lobby no more.
func (s *guest) end(code room.Code) {
	s.mu.Lock()
	s.over = code
	sock, leaving := s.sock, s.leaving
	s.out = outbox{}
	who := s.who
	s.mu.Unlock()
	s.a.forget(who, s)
	if sock != nil && !leaving {
		sock.bye(code, "")
	}
}

// may says whether this socket may send what needs these rights.
func (s *guest) may(sock *socket, needs []room.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != "" || s.sock != sock {
		return false
	}
	for _, m := range needs {
		if !room.Allowed(s.role, room.PhaseJoined, m) || !s.kind.Has(m) {
			return false
		}
	}
	return len(needs) > 0
}

// begin gives a new session its socket: the welcome, then what has happened since.
func (s *guest) begin(sock *socket, w Welcome, re int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who = Who{Room: w.Snapshot.ID, Member: w.Snapshot.You.ID}
	s.role, s.kind = w.Snapshot.You.Role, w.Snapshot.Kind
	for _, m := range s.early {
		s.updated(m)
	}
	s.early = nil
	if s.over == "" {
		s.a.keep(s.who, s) // end, which waits for s.mu, forgets it
	}
	resumed := ""
	if w.Restored {
		resumed = proto.Restored
	}
	s.hand(sock, welcomeOf(w, resumed, 0, s.a.limits()), re)
}

// hand sends the welcome, then the events after Welcome.N, and makes sock the session's socket;
// s.mu is held, so that nothing comes in between.
func (s *guest) hand(sock *socket, w proto.Welcome, re int) {
	missed, _ := s.out.since(w.N)
	_ = sock.c.Send(proto.Encode(w, 0, re))
	for _, f := range missed {
		if sock.c.Send(f) != nil {
			break // closed: they are still kept
		}
	}
	s.sock = sock
	if s.over != "" { // while it was being welcomed
		sock.bye(s.over, "")
	}
}

// resume gives a session another socket and takes it from the one it may still have, at once. An
// error that is a *room.Error means that the session is over.
func (s *guest) resume(ctx context.Context, sock *socket, seen uint64, re int) error {
	s.mu.Lock()
	old := s.sock
	s.sock = nil
	s.mu.Unlock()
	if old != nil {
		old.bye(proto.CodeReplaced, "another socket took over") // ends its calls as well
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	s.mu.Lock()
	before := s.out.last // the state that Attach returns is this or newer
	s.mu.Unlock()
	w, err := s.p.Attach(ctx)
	if err != nil {
		s.p.Detach(false) // the old socket's end is not told any more
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != "" {
		return room.ErrEnded
	}
	if _, ok := s.out.since(seen); ok {
		s.a.stats.replayed.Add(1)
		s.hand(sock, welcomeOf(w, proto.Replayed, seen, s.a.limits()), re)
		return nil
	}
	s.a.stats.restored.Add(1)
	s.hand(sock, welcomeOf(w, proto.Restored, max(before, s.out.first()-1), s.a.limits()), re)
	return nil
}

// lost says that a socket is gone, which matters only if the session has no other.
func (s *guest) lost(sock *socket, reload bool) {
	s.calls.Lock()
	defer s.calls.Unlock()
	s.mu.Lock()
	mine, over := s.sock == sock, s.over
	if mine {
		s.sock = nil
	}
	s.mu.Unlock()
	if mine && over == "" {
		s.p.Detach(reload)
	}
}

// seen trims the outbox.
func (s *guest) seen(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.forget(min(n, s.out.last))
}
