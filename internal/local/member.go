package local

import (
	"context"
	"errors"
	"sync"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// Leaving an overloaded room is tried this often, with a pause in between.
const (
	leaveTries = 10
	leavePause = time.Second
)

// member is what publishers and viewers have in common, and their session.Outlet.
type member struct {
	s    *session.Session
	gone chan struct{} // closed when it is a member no longer

	once   sync.Once
	reason room.Code // set before gone is closed

	onRoom  func(room.Event)     // may be nil
	onSeats func([]session.Seat) // likewise
}

func newMember() *member {
	return &member{gone: make(chan struct{})}
}

func (m *member) join(ctx context.Context, h Host, r session.JoinRequest) error {
	s, _, err := h.Join(ctx, r, m)
	m.s = s
	return err
}

// Session is the member's session, for commands in its name.
func (m *member) Session() *session.Session { return m.s }

// Done is closed when it is a member no longer: it left, was removed, or its room has ended.
func (m *member) Done() <-chan struct{} { return m.gone }

// Reason says why it is a member no longer, once Done is closed: a code of veche-v1 §6, or "left".
func (m *member) Reason() room.Code {
	select {
	case <-m.gone:
		return m.reason
	default:
		return ""
	}
}

// Close leaves the room and waits until that has happened, or for ctx. Idempotent.
func (m *member) Close(ctx context.Context) error {
	for try := 1; ; try++ {
		_, err := m.s.Do(ctx, room.Leave{})
		var e *room.Error
		if err == nil || errors.As(err, &e) && e.Code != room.CodeOverloaded {
			break // gone now, or gone before
		}
		if try == leaveTries || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(leavePause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-m.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end is the end of the membership.
func (m *member) end(why room.Code) {
	m.once.Do(func() {
		m.reason = why
		close(m.gone)
	})
}

// Room implements session.Outlet.
func (m *member) Room(e room.Event) bool {
	if m.onRoom != nil {
		m.onRoom(e)
	}
	if r, last := e.(room.Removed); last {
		m.end(r.Code)
	}
	return true
}

// Seats implements session.Outlet.
func (m *member) Seats(s []session.Seat) bool {
	if m.onSeats != nil {
		m.onSeats(s)
	}
	return true
}

// Media implements session.Outlet: the connection ends with the membership only.
func (m *member) Media(int, session.MediaState) bool { return true }

// Notice implements session.Outlet: whoever lost its membership joins anew, and the rest is for clients with a network.
func (m *member) Notice(session.Notice) bool { return true }
