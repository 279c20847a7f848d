// Package hub runs rooms: one goroutine per room applies commands in order, keeps the room's timers
// and puts events into the members' mailboxes.
//
// Nothing a member does or fails to do can hold up a room. Commands wait in a bounded queue (full:
// ErrOverloaded); a Receiver whose mailbox is full loses its membership with the reason "slow". A
// panic inside a room ends that room only. The goroutine of a room ends with the room, and Close
// waits for all of them.
package hub

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"

	"veche.example/internal/room"
)

// Defaults of Limits.
const (
	DefaultMaxRooms = 10_000
	DefaultQueue    = 1024
)

// Errors besides those of package room; all are *room.Error, with codes of veche-v1 §6.
var (
	// ErrOverloaded: the room's command queue is full; the command was not acted upon.
	ErrOverloaded = &room.Error{Code: room.CodeOverloaded, Text: "the room has too much to do"}
	// ErrRooms: there are Limits.MaxRooms rooms already.
	ErrRooms = &room.Error{Code: room.CodeOverloaded, Text: "the server has too many rooms"}
	// ErrNoRoom: no such room, or it has just ended.
	ErrNoRoom = &room.Error{Code: room.CodeEnded, Text: "there is no such room"}
	// ErrClosed: the hub stops.
	ErrClosed = &room.Error{Code: room.CodeOverloaded, Text: "the server stops"}
	// ErrPanic: the command made the room fail; it has ended.
	ErrPanic = &room.Error{Code: room.CodeInternal, Text: "the room has failed"}
	// ErrJoin: Do was given a room.Join, which needs a receiver.
	ErrJoin = &room.Error{Code: room.CodeInternal, Text: "join by Hub.Join"}
)

// Receiver is a member's mailbox.
type Receiver interface {
	// Deliver is called from the room's goroutine, in order. It must not block and must not call
	// the hub; it may be called while the member's own call of the hub waits. False means that the mailbox is full: the member is out, with a last
	// room.Removed{CodeSlow} whose result is ignored.
	Deliver(room.Event) bool
}

// Limits bound the hub; zero values take the defaults.
type Limits struct {
	MaxRooms int
	Queue    int // commands waiting per room
}

// Config configures a Hub.
type Config struct {
	Log    *slog.Logger // nil = silent
	Limits Limits
	NewID  func() string // ids the rooms issue, called from many goroutines; nil = 128 random bits
}

// Hub is the set of running rooms. Its methods may be called from any goroutine, except from
// inside Receiver.Deliver.
type Hub struct {
	log    *slog.Logger
	limits Limits
	newID  func() string
	stats  counters
	stop   chan struct{} // closed by Close
	wg     sync.WaitGroup

	mu     sync.Mutex // guards the following
	rooms  map[room.ID]*runner
	closed bool
}

// New returns a Hub without rooms.
func New(c Config) *Hub {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Limits.MaxRooms <= 0 {
		c.Limits.MaxRooms = DefaultMaxRooms
	}
	if c.Limits.Queue <= 0 {
		c.Limits.Queue = DefaultQueue
	}
	if c.NewID == nil {
		c.NewID = randomID
	}
	return &Hub{
		log: c.Log, limits: c.Limits, newID: c.NewID,
		stop: make(chan struct{}), rooms: map[room.ID]*runner{},
	}
}

// randomID returns 128 random bits as 22 characters (veche-v1 §1).
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Join makes a member of the room named id and registers its mailbox in the same step: the
// snapshot is the state before the first event. A room that does not exist, or that ends at this
// moment, is created with the options o; otherwise o is ignored. On an error, also of ctx, nothing
// has happened (except with ErrPanic: the room has ended).
func (h *Hub) Join(ctx context.Context, id room.ID, o room.Options, j room.Join, to Receiver) (room.Snapshot, error) {
	if to == nil {
		return room.Snapshot{}, ErrJoin
	}
	for {
		if err := ctx.Err(); err != nil {
			return room.Snapshot{}, err
		}
		r, err := h.open(id, o)
		if err != nil {
			return room.Snapshot{}, err
		}
		a := r.ask(ctx, job{actor: j.ID, command: j, to: to})
		if errors.Is(a.err, ErrNoRoom) {
			continue // it ended in between and is off the map: the next one is fresh
		}
		return a.snapshot, a.err
	}
}

// Attach gives a member its mailbox back (nil = keep the one it has) after a lost socket and
// returns the state of the world. Events that come after that state go to the new mailbox.
func (h *Hub) Attach(ctx context.Context, id room.ID, member room.MemberID, to Receiver) (room.Snapshot, error) {
	a := h.ask(ctx, id, job{actor: member, command: room.Attach{}, to: to})
	return a.snapshot, a.err
}

// Do applies a command in the name of actor. Errors are *room.Error, or that of ctx when it ended
// before the command was acted upon.
func (h *Hub) Do(ctx context.Context, id room.ID, actor room.MemberID, c room.Command) (room.Reply, error) {
	if _, ok := c.(room.Join); ok || c == nil {
		return room.Reply{}, ErrJoin
	}
	a := h.ask(ctx, id, job{actor: actor, command: c})
	return a.reply, a.err
}

// Snapshot returns the room as member sees it, "" for what every member sees.
func (h *Hub) Snapshot(ctx context.Context, id room.ID, member room.MemberID) (room.Snapshot, error) {
	a := h.ask(ctx, id, job{actor: member})
	return a.snapshot, a.err
}

// Close tells every member room.Removed{CodeShutdown} and waits for all rooms to stop, or for ctx.
// Afterwards every call answers ErrClosed or ErrNoRoom.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.stop)
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends with the last room, whose goroutines never block
		h.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hub) ask(ctx context.Context, id room.ID, j job) answer {
	h.mu.Lock()
	r := h.rooms[id]
	h.mu.Unlock()
	if r == nil {
		return answer{err: ErrNoRoom}
	}
	return r.ask(ctx, j)
}

// open returns the room's runner, started if need be.
func (h *Hub) open(id room.ID, o room.Options) (*runner, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	if r := h.rooms[id]; r != nil {
		return r, nil
	}
	if len(h.rooms) >= h.limits.MaxRooms {
		return nil, ErrRooms
	}
	if o.NewID == nil {
		o.NewID = h.newID
	}
	r := newRunner(h, id, o)
	h.rooms[id] = r
	h.stats.rooms.Add(1)
	h.wg.Go(r.run)
	return r, nil
}

// forget takes a room off the map; its goroutine calls it before it stops answering.
func (h *Hub) forget(r *runner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms[r.id] == r {
		delete(h.rooms, r.id)
		h.stats.rooms.Add(-1)
	}
}
