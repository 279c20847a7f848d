package whip

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/room"
	"veche.example/internal/session"
)

// Defaults of Config.
const (
	DefaultSessions = 10_000
	DefaultRate     = 50
	DefaultBurst    = 500
	DefaultTimeout  = 15 * time.Second
	DefaultConnect  = 30 * time.Second
)

// Config configures an Adapter.
type Config struct {
	Log      *slog.Logger                      // nil = silent
	Lobby    Lobby                             // required
	ClientIP func(*http.Request) netip.Addr    // behind trusted proxies; nil = the peer's address
	Reach    func(*http.Request) session.Reach // nil = as the connection tells
	Prefix   func(*http.Request) string        // path that a trusted proxy has stripped, such as "/veche"; nil = none
	Sessions int                               // at a time; 0 = DefaultSessions
	Rate     float64                           // POSTs per second of an address; 0 = DefaultRate
	Burst    float64                           // POSTs at once; 0 = DefaultBurst
	Timeout  time.Duration                     // of reading a body, and of one call of the Participant; 0 = DefaultTimeout
	Encoders Policy                            // what becomes of one that comes while it seems to be there; "" = Replace
	Absent   bool                              // players that come before anybody publishes are sent away
	Connect  time.Duration                     // until media must be connected; 0 = DefaultConnect
}

// Adapter serves WHIP and WHEP on HTTP requests for whip/… and whep/…. It is safe for concurrent use.
type Adapter struct {
	config Config
	log    *slog.Logger
	posts  *limiter
	stats  counters

	life context.Context // of goroutines that end sessions
	cut  context.CancelFunc
	wg   sync.WaitGroup // those goroutines

	mu       sync.Mutex // guards the following
	sessions map[string]*resource
	encoders map[encoder]*resource // the newest of each
	closed   bool
}

// New returns an Adapter; Close ends it.
func New(c Config) *Adapter {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ClientIP == nil {
		c.ClientIP = peer
	}
	if c.Reach == nil {
		c.Reach = func(r *http.Request) session.Reach {
			return session.Reach{Host: r.Host, Secure: r.TLS != nil, Direct: true}
		}
	}
	if c.Prefix == nil {
		c.Prefix = func(*http.Request) string { return "" }
	}
	setDefault(&c.Sessions, DefaultSessions)
	setDefault(&c.Rate, DefaultRate)
	setDefault(&c.Burst, DefaultBurst)
	setDefault(&c.Timeout, DefaultTimeout)
	setDefault(&c.Connect, DefaultConnect)
	a := &Adapter{config: c, log: c.Log, posts: newLimiter(c.Rate, c.Burst), sessions: map[string]*resource{}, encoders: map[encoder]*resource{}}
	a.life, a.cut = context.WithCancel(context.Background())
	return a
}

func setDefault[T int | float64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// Close refuses newcomers, ends all sessions and waits for that, or gives them up when ctx ends. No
// goroutine remains; requests under way are their HTTP server's matter and leave nothing behind.
func (a *Adapter) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	for _, s := range a.sessions {
		a.drop(s, "shutdown")
	}
	a.mu.Unlock()
	defer context.AfterFunc(ctx, a.cut)()
	a.wg.Wait()
	a.cut()
	return ctx.Err()
}

// add lists a new session, or says why there is no room for it.
func (a *Adapter) add(s *resource) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return errClosed
	case len(a.sessions) >= a.config.Sessions:
		a.stats.full.Add(1)
		return errFull
	}
	a.sessions[s.id] = s
	if !s.player {
		a.encoders[s.key] = s
	}
	s.deadline = time.AfterFunc(a.config.Connect, func() { a.fail(s, "not connected in time") })
	return nil
}

// find returns the session with this id if it is of this kind and room.
func (a *Adapter) find(p path) *resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[p.id]
	if s == nil || s.player != p.player || s.room != p.room {
		return nil
	}
	return s
}

// whyGone is what to tell a client whose session ended before it was told of it.
func (a *Adapter) whyGone() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return errClosed
	}
	return room.ErrEnded
}

// end takes a session out of the list and leaves the room in its name, once; it does not wait.
// False: it was ending already.
func (a *Adapter) end(s *resource, why string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.drop(s, why)
}

// fail is end for a session that has no media.
func (a *Adapter) fail(s *resource, why string) {
	if a.end(s, why) {
		a.stats.failed.Add(1)
	}
}

// drop is end with a.mu held.
func (a *Adapter) drop(s *resource, why string) bool {
	if a.sessions[s.id] != s {
		return false
	}
	delete(a.sessions, s.id)
	if a.encoders[s.key] == s {
		delete(a.encoders, s.key)
	}
	s.deadline.Stop()
	a.wg.Go(func() {
		defer close(s.gone)
		s.leave(a.life)
		a.log.Info(s.protocol()+" ended", "cid", s.cid, "room", s.room, "why", why)
	})
	return true
}

// Stats are figures for the metrics. Publishers and Players are gauges, the rest only grow.
type Stats struct {
	Publishers, Players int
	Published, Played   int64 // sessions begun
	Refused             int64 // POSTs that were answered with an error
	Full                int64 // those among them for which there was no room in the table
	Failed              int64 // sessions that never had media or lost it
	Replaced            int64 // publishers whose encoder has come again
}

type counters struct{ published, played, refused, full, failed, replaced atomic.Int64 }

// Stats returns the figures of this moment, from any goroutine.
func (a *Adapter) Stats() Stats {
	c := &a.stats
	out := Stats{
		Published: c.published.Load(), Played: c.played.Load(), Refused: c.refused.Load(),
		Full: c.full.Load(), Failed: c.failed.Load(), Replaced: c.replaced.Load(),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sessions {
		if s.player {
			out.Players++
		} else {
			out.Publishers++
		}
	}
	return out
}
