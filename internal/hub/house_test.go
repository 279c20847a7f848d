package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"veche.example/internal/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inbox is a mailbox that keeps everything, up to a limit.
type inbox struct {
	limit int // 0 = none

	mu     sync.Mutex // guards the following
	events []room.Event
}

func (b *inbox) Deliver(e room.Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit > 0 && len(b.events) >= b.limit {
		return false
	}
	b.events = append(b.events, e)
	return true
}

// take empties the inbox, written as "type" or "type detail".
func (b *inbox) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.events {
		out = append(out, show(e))
	}
	b.events = nil
	return out
}

func show(e room.Event) string {
	switch e := e.(type) {
	case room.Joined:
		return "joined " + e.Member.ID
	case room.Left:
		return fmt.Sprintf("left %s %s", e.Member, e.Reason)
	case room.Updated:
		return fmt.Sprintf("updated %s %s %t", e.Member.ID, e.Member.Role, e.Member.Connected)
	case room.ChatPosted:
		return fmt.Sprintf("chat %s %s", e.Chat.From, e.Chat.Text)
	case room.CallChanged:
		return fmt.Sprintf("call %s %s%s", e.Call.From, e.Call.State, e.Call.Reason)
	case room.Removed:
		return fmt.Sprintf("removed %s", e.Code)
	default:
		return fmt.Sprintf("%T", e)[len("room."):]
	}
}

// deliverFunc is a mailbox with a mind of its own.
type deliverFunc func(room.Event) bool

func (f deliverFunc) Deliver(e room.Event) bool { return f(e) }

// gate is a mailbox whose first event holds the room up until open is closed: it breaks the rule of
// Receiver so that a test can fill the queue behind it.
type gate struct {
	inbox
	once   sync.Once
	inside chan struct{} // closed when the room is held
	open   chan struct{}
}

func newGate() *gate { return &gate{inside: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) Deliver(e room.Event) bool {
	g.once.Do(func() {
		close(g.inside)
		<-g.open
	})
	return g.inbox.Deliver(e)
}

type house struct {
	*Hub
	t *testing.T
}

func build(t *testing.T, c Config) *house { return &house{New(c), t} }

var lobby = room.Options{Kind: room.Lobby, Open: true}

// in joins a member to the lobby "r" and returns its inbox.
func (h *house) in(id room.MemberID) *inbox {
	h.t.Helper()
	b := &inbox{}
	h.join("r", id, b)
	return b
}

func (h *house) join(r room.ID, id room.MemberID, to Receiver) room.Snapshot {
	h.t.Helper()
	s, err := h.Join(h.t.Context(), r, lobby, room.Join{ID: id}, to)
	if err != nil {
		h.t.Fatalf("join %s: %v", id, err)
	}
	return s
}

func (h *house) do(actor room.MemberID, c room.Command) room.Reply {
	h.t.Helper()
	r, err := h.Do(h.t.Context(), "r", actor, c)
	if err != nil {
		h.t.Fatalf("%s: %#v: %v", actor, c, err)
	}
	return r
}

func (h *house) refuse(want error, actor room.MemberID, c room.Command) {
	h.t.Helper()
	if _, err := h.Do(h.t.Context(), "r", actor, c); !errors.Is(err, want) {
		h.t.Errorf("%s: %#v: %v, want %v", actor, c, err, want)
	}
}

// close stops the hub and checks that nothing is left.
func (h *house) close() {
	h.t.Helper()
	if err := h.Close(context.WithoutCancel(h.t.Context())); err != nil {
		h.t.Errorf("close: %v", err)
	}
	if s := h.Stats(); s.Rooms != 0 || s.Members != 0 {
		h.t.Errorf("left over: %+v", s)
	}
}

func code(err error) room.Code {
	var e *room.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
