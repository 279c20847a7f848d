// Package intake lets streams in: whatever protocol they come by, they name a room and a key, become a member of the room,
// and take the place of their own predecessor.
package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"veche.example/internal/ingest/feed"
	"veche.example/internal/local"
	"veche.example/internal/room"
	"veche.example/internal/session"
)

const (
	joinTimeout  = 10 * time.Second
	leaveTimeout = 10 * time.Second
	maxTarget    = 8 << 10 // bytes of a URL
)

// Errors of Parse and Admit, besides those of session.Manager.Join.
var (
	ErrTarget = errors.New("intake: the address names no room")
	ErrFull   = errors.New("intake: too many streams")
	ErrClosed = errors.New("intake: the server stops")
)

// Target is where a stream wants to.
type Target struct {
	Room  room.ID
	Token string // JWT; "" = none
	Name  string // to show; "" = the protocol's
	Kind  room.Kind
	// Trusted is the role of a stream that the server itself has called, which needs no token; 0 for any other.
	Trusted room.Role
}

// Parse reads a path below the application, "room" or "room/token", and the query: token, name, kind (meeting or
// broadcast, for the one who creates the room).
func Parse(path string, query url.Values) (Target, error) {
	if len(path) > maxTarget {
		return Target{}, ErrTarget
	}
	name, token, _ := strings.Cut(strings.Trim(path, "/"), "/")
	t := Target{Room: name, Token: token, Name: query.Get("name")}
	if q := query.Get("token"); q != "" {
		t.Token = q
	}
	if t.Room == "" || !utf8.ValidString(t.Room) || utf8.RuneCountInString(t.Room) > room.MaxName {
		return Target{}, ErrTarget
	}
	if !utf8.ValidString(t.Name) || utf8.RuneCountInString(t.Name) > room.MaxName {
		t.Name = ""
	}
	if k := query.Get("kind"); k != "" {
		kind, ok := room.ParseKind(k)
		if !ok || kind == room.Lobby {
			return Target{}, fmt.Errorf("%w: kind is meeting or broadcast", ErrTarget)
		}
		t.Kind = kind
	}
	return t, nil
}

// Config configures an Intake.
type Config struct {
	Log  *slog.Logger
	Host local.Host
	Max  int // streams at a time; 0 = 100
	// H265 says that H.265 is forwarded as it is, not converted for browsers that lack it.
	H265 bool
}

// Intake is the door. Its methods may be called from any goroutine.
type Intake struct {
	c Config

	mu      sync.Mutex // guards the following
	streams map[string]*Stream
	closed  bool
}

// New makes one; Close ends it.
func New(c Config) *Intake {
	if c.Max <= 0 {
		c.Max = 100
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Intake{c: c, streams: map[string]*Stream{}}
}

// Stream is one that was let in: a publisher and its feed.
type Stream struct {
	*feed.Feed
	in       *Intake
	key      string
	pub      *local.Publisher
	Protocol string
	Target   Target
	H265     bool // see Config
	Log      *slog.Logger

	ready bool // guarded by Intake.mu: it is a member

	once sync.Once
	gone chan struct{} // closed when Close has ended
}

// key tells whether two streams are the same one that came again: an encoder whose connection was lost comes back before
// the server has noticed.
func (t Target) key() string { return t.Room + "\x00" + t.Token + "\x00" + t.Name }

// Admit makes a stream a member. One with the same room, token and name is ended first.
func (i *Intake) Admit(ctx context.Context, t Target, protocol string, ip netip.Addr) (*Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	s := &Stream{in: i, key: t.key(), Protocol: protocol, Target: t, H265: i.c.H265, gone: make(chan struct{})}
	s.Log = i.c.Log.With("protocol", protocol, "room", t.Room, "ip", ip)
	old, err := i.take(s)
	if err != nil {
		return nil, err
	}
	if old != nil {
		s.Log.Info("stream replaced by its successor")
		old.Close()
	}
	name := t.Name
	if name == "" {
		name = protocol
	}
	s.pub, err = local.Publish(ctx, i.c.Host, session.JoinRequest{
		Room: t.Room, Name: name, Kind: t.Kind, Token: t.Token, Trusted: t.Trusted, IP: ip, CID: protocol,
	})
	if err != nil {
		i.forget(s)
		close(s.gone)
		return nil, err
	}
	s.Feed = feed.New(s.pub, s.Log)
	if !i.list(s) {
		s.Close()
		return nil, ErrClosed
	}
	s.Log.Info("stream began", "member", s.pub.Session().ID().Member)
	return s, nil
}

// take enters a stream into the list in place of the one that it succeeds. That one may still be joining: then the
// newcomer is refused, as the other is no older than a moment.
func (i *Intake) take(s *Stream) (old *Stream, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	old = i.streams[s.key]
	switch {
	case i.closed:
		return nil, ErrClosed
	case old == nil && len(i.streams) >= i.c.Max:
		return nil, ErrFull
	case old != nil && !old.ready:
		return nil, fmt.Errorf("%w: the same stream is just beginning", ErrFull)
	}
	i.streams[s.key] = s
	return old, nil
}

// list notes that a stream is a member; false if there are to be none.
func (i *Intake) list(s *Stream) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	s.ready = true
	return !i.closed
}

func (i *Intake) forget(s *Stream) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.streams[s.key] == s {
		delete(i.streams, s.key)
	}
}

// Done is closed when the stream is a member no longer: replaced, removed, or its room has ended.
func (s *Stream) Done() <-chan struct{} { return s.pub.Done() }

// Reason says why, once Done is closed.
func (s *Stream) Reason() string { return string(s.pub.Reason()) }

// Close ends the membership and waits for that. Idempotent.
func (s *Stream) Close() {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		if err := s.pub.Close(ctx); err != nil {
			s.Log.Error("a stream could not leave", "error", err)
		}
		s.in.forget(s)
		s.Log.Info("stream ended", "reason", s.Reason())
		close(s.gone)
	})
	<-s.gone
}

// Close ends all streams and lets no more in.
func (i *Intake) Close() {
	i.mu.Lock()
	i.closed = true
	var list []*Stream
	for _, s := range i.streams {
		if s.ready {
			list = append(list, s)
		}
	}
	i.mu.Unlock()
	for _, s := range list {
		s.Close()
	}
}

// Len is how many streams there are.
func (i *Intake) Len() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.streams)
}

// AddrOf is the address of a client, in canonical form; the zero Addr if it has none.
func AddrOf(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
