package native

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/session"
	"veche.example/internal/signal/native/proto"
	"veche.example/internal/wsconn"
)

// Defaults of Config.
const (
	DefaultSeats   = 49
	DefaultTimeout = 15 * time.Second
)

// Config configures an Adapter.
type Config struct {
	Log      *slog.Logger                      // nil = silent
	Lobby    Lobby                             // required
	Origins  []string                          // of browsers, besides our own host
	ClientIP func(*http.Request) netip.Addr    // behind trusted proxies; nil = the peer's address
	Reach    func(*http.Request) session.Reach // nil = as the connection tells
	Rate     float64                           // messages per second of a client; 0 = 50
	Burst    int                               // messages at once; 0 = 200
	Conns    int                               // connections at a time; 0 = wsconn's default
	Pending  int                               // connections of an address before their welcome; 0 = wsconn's default
	Hello    time.Duration                     // until hello; 0 = 10 s
	Idle     time.Duration                     // silence before a socket is closed; 0 = 30 s
	Timeout  time.Duration                     // of one call of the Participant; 0 = DefaultTimeout
	Seats    int                               // a client may open, at most proto.MaxSeats; 0 = DefaultSeats
	Frame    int                               // bytes of a message, at most proto.MaxFrame; 0 = that
	SDP      int                               // bytes of an offer or signal, at most proto.MaxLarge; 0 = that
}

// Adapter serves the protocol on HTTP requests for "ws".
type Adapter struct {
	config Config
	log    *slog.Logger
	ws     *wsconn.Server
	stats  counters

	mu       sync.Mutex // guards the following
	sessions map[Who]*guest
	gates    map[Who]*gate
}

// New returns an Adapter; Close ends it.
func New(c Config) *Adapter {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Reach == nil {
		c.Reach = direct
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Seats <= 0 {
		c.Seats = DefaultSeats
	}
	c.Seats = min(c.Seats, proto.MaxSeats)
	c.Frame, c.SDP = atMost(c.Frame, proto.MaxFrame), atMost(c.SDP, proto.MaxLarge)
	return &Adapter{
		config: c, log: c.Log, sessions: map[Who]*guest{}, gates: map[Who]*gate{},
		ws: wsconn.New(wsconn.Config{
			Log: c.Log, Subprotocols: []string{proto.Subprotocol},
			Origins: c.Origins, ClientIP: c.ClientIP, Host: func(r *http.Request) string { return c.Reach(r).Host },
			Limits: wsconn.Limits{
				Frame: max(c.Frame, c.SDP), Rate: c.Rate, Burst: c.Burst,
				Handshake: c.Hello, Idle: c.Idle, Connections: c.Conns, PendingPerIP: c.Pending,
				// A resumed session gets its welcome and all it has missed at once.
				QueueMessages: 4 * maxEvents, QueueBytes: 4 * maxBytes,
			},
		}),
	}
}

// atMost takes the limit for what is not set or over it.
func atMost(v, limit int) int {
	if v <= 0 || v > limit {
		return limit
	}
	return v
}

// limit is the largest frame of a type.
func (a *Adapter) limit(req proto.Request) int {
	switch req.(type) {
	case proto.Offer, proto.Signal:
		return a.config.SDP
	default:
		return a.config.Frame
	}
}

// limits is what a welcome tells of them.
func (a *Adapter) limits() proto.Limits {
	return proto.Limits{Frame: a.config.Frame, SDP: a.config.SDP, Seats: a.config.Seats}
}

// ServeHTTP upgrades the request to a connection of the protocol.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k := &socket{a: a, reach: a.config.Reach(r)}
	a.ws.Serve(w, r, func(c *wsconn.Conn) wsconn.Handler {
		k.c = c
		return k
	})
}

// direct is the reach of a client that no proxy stands before.
func direct(r *http.Request) session.Reach {
	return session.Reach{Host: r.Host, Secure: r.TLS != nil, Direct: true}
}

// Close tells every client "shutdown" and waits until the connections are gone, or cuts them off
// when ctx ends. Sessions live on in the Lobby.
func (a *Adapter) Close(ctx context.Context) error { return a.ws.Close(ctx) }

// find returns the live session of who, nil if there is none.
func (a *Adapter) find(who Who) *guest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[who]
}

func (a *Adapter) keep(who Who, s *guest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions[who] = s
}

func (a *Adapter) forget(who Who, s *guest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions[who] == s {
		delete(a.sessions, who)
	}
}

// gate lets one socket at a time resume a session.
type gate struct {
	sync.Mutex
	users int // guarded by Adapter.mu
}

// enter waits for the gate of who; the function returned leaves it.
func (a *Adapter) enter(who Who) (leave func()) {
	a.mu.Lock()
	g := a.gates[who]
	if g == nil {
		g = &gate{}
		a.gates[who] = g
	}
	g.users++
	a.mu.Unlock()
	g.Lock()
	return func() {
		g.Unlock()
		a.mu.Lock()
		defer a.mu.Unlock()
		if g.users--; g.users == 0 {
			delete(a.gates, who)
		}
	}
}

// Stats are figures for the metrics. Sessions is a gauge, the rest only grow.
type Stats struct {
	Sessions           int
	New                int64 // sessions begun
	Replayed, Restored int64 // sessions resumed
	Refused            int64 // hellos refused
	Slow               int64 // events that did not fit into a client's queue
	Socket             wsconn.Stats
}

type counters struct{ begun, replayed, restored, refused, slow atomic.Int64 }

// Stats returns the figures of this moment, from any goroutine.
func (a *Adapter) Stats() Stats {
	a.mu.Lock()
	n := len(a.sessions)
	a.mu.Unlock()
	c := &a.stats
	return Stats{
		Sessions: n, New: c.begun.Load(), Replayed: c.replayed.Load(), Restored: c.restored.Load(),
		Refused: c.refused.Load(), Slow: c.slow.Load(), Socket: a.ws.Stats(),
	}
}
