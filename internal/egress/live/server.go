package live

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"veche.example/internal/local"
	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/session"
)

// Defaults of Config.
const (
	DefaultMax  = 32
	DefaultIdle = 30 * time.Second
)

const (
	// ready is how long the first request waits for something to play.
	ready = 12 * time.Second
	// grudge is how long an output stays away that a moderator has removed.
	grudge = time.Minute
	// maxRemoved bounds the memory of those.
	maxRemoved = 1000
)

// Errors of requests.
var (
	errNowhere = errors.New("no such room, or nobody of this id in it")
	errFull    = errors.New("too many outputs")
	errClosed  = errors.New("the server stops")
	errSilent  = errors.New("nothing is published there")
	errRemoved = errors.New("a moderator has removed the output")
	errLocked  = errors.New("a moderator has locked the room")
)

// Config configures a Server.
type Config struct {
	Log  *slog.Logger // nil = silent
	Host local.Host   // required
	// Present tells whether a room exists and, unless member is "", has this member. Required.
	Present func(room room.ID, member room.MemberID) bool
	// Allow judges the token of a request to watch a room, "" = none. Required; the error is a *room.Error.
	Allow    func(room room.ID, token string) error
	ClientIP func(*http.Request) netip.Addr // behind trusted proxies; for counting
	Max      int                            // outputs at a time; 0 = DefaultMax
	Idle     time.Duration                  // how long an output goes on without requests; 0 = DefaultIdle
}

// Server serves outputs under hls/… and dash/…. It is safe for concurrent use.
type Server struct {
	c Config

	mu      sync.Mutex // guards the following
	outputs map[key]*entry
	removed map[key]int64
	closed  bool
	began   int64
}

// entry is an output, or its beginning.
type entry struct {
	made chan struct{} // closed when one of the following is set
	out  *Output
	err  error
}

// New makes one; Close ends it.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Max <= 0 {
		c.Max = DefaultMax
	}
	if c.Idle <= 0 {
		c.Idle = DefaultIdle
	}
	if c.ClientIP == nil {
		c.ClientIP = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	return &Server{c: c, outputs: map[key]*entry{}, removed: map[key]int64{}}
}

// find gives the output of a key; create: begins it if it is not there.
func (s *Server) find(ctx context.Context, k key, create bool) (*Output, error) {
	e, mine, err := s.entry(k, create)
	if err != nil {
		return nil, err
	}
	if mine {
		s.begin(context.WithoutCancel(ctx), k, e)
	}
	select {
	case <-e.made:
		return e.out, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// entry finds or lists one; mine: the caller has to begin it.
func (s *Server) entry(k key, create bool) (e *entry, mine bool, err error) {
	s.mu.Lock()
	e = s.outputs[k]
	s.mu.Unlock()
	if e != nil || !create {
		if e == nil {
			err = errNowhere
		}
		return e, false, err
	}
	member := k.member
	if member == session.Speaker || member == session.First {
		member = ""
	}
	if !s.c.Present(k.room, member) {
		return nil, false, errNowhere
	}
	return s.list(k)
}

func (s *Server) list(k key) (e *entry, mine bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e = s.outputs[k]; e != nil {
		return e, false, nil
	}
	switch at, was := s.removed[k]; {
	case s.closed:
		return nil, false, errClosed
	case was && media.Now()-at < int64(grudge):
		return nil, false, errRemoved
	case len(s.outputs) >= s.c.Max:
		return nil, false, errFull
	}
	e = &entry{made: make(chan struct{})}
	s.outputs[k] = e
	return e, true, nil
}

// begin makes the output of an entry.
func (s *Server) begin(ctx context.Context, k key, e *entry) {
	e.out, e.err = s.open(ctx, k, e)
	s.mu.Lock()
	closed := s.closed
	if e.err != nil {
		delete(s.outputs, k)
	} else {
		s.began++
	}
	s.mu.Unlock()
	close(e.made)
	if closed && e.out != nil {
		e.out.close()
	}
}

// forget takes an output that has ended off the list.
func (s *Server) forget(k key, e *entry, o *Output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outputs[k] == e {
		delete(s.outputs, k)
	}
	if o.viewer.Reason() == room.CodeRemoved {
		if len(s.removed) >= maxRemoved {
			clear(s.removed)
		}
		s.removed[k] = media.Now()
	}
}

// Close ends all outputs and waits.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	var list []*entry
	for _, e := range s.outputs {
		list = append(list, e)
	}
	s.mu.Unlock()
	for _, e := range list {
		<-e.made
		if e.out != nil {
			e.out.close()
		}
	}
}

// Figures are those of one output.
type Figures struct {
	Room, Member string
	Viewers      int // who has asked in the last seconds
	Requests     int64
	Bytes        int64         // sent
	Bitrate      int           // bit/s of picture and sound
	Delay        time.Duration // from capture to the end of the newest part
	Codec        string        // of the picture
	Trouble      string        // why it is not complete, "" = it is
}

// Stats are the figures of all outputs.
func (s *Server) Stats() []Figures {
	s.mu.Lock()
	var list []*Output
	for _, e := range s.outputs {
		select {
		case <-e.made:
			if e.out != nil {
				list = append(list, e.out)
			}
		default:
		}
	}
	s.mu.Unlock()
	all := make([]Figures, 0, len(list))
	for _, o := range list {
		all = append(all, o.figures())
	}
	return all
}
