package wsconn

import (
	"bufio"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Server accepts WebSocket connections for one adapter and owns them.
type Server struct {
	log     *slog.Logger
	config  Config
	limits  Limits
	start   time.Time      // zero of the connections' clocks
	gone    sync.WaitGroup // connections
	wg      sync.WaitGroup // readers, the keeper and the poller
	stop    chan struct{}  // closed by Close
	poller  *poller        // nil = there is none
	buffers sync.Pool      // *[readBuffer]byte: what is being read
	writers sync.Pool      // *bufio.Writer: of connections being written to
	stats   counters

	mu      sync.Mutex // guards the following
	closed  bool
	conns   map[*Conn]struct{}
	pending map[netip.Addr]int // not Ready, by address
	perIP   map[netip.Addr]int // all, by address
}

const writeBuffer = 8 << 10

// New returns a Server; Close ends it.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		log: c.Log, config: c, limits: c.Limits.withDefaults(), start: time.Now(),
		stop: make(chan struct{}), conns: map[*Conn]struct{}{}, pending: map[netip.Addr]int{}, perIP: map[netip.Addr]int{},
	}
	s.buffers.New = func() any { return new([readBuffer]byte) }
	s.writers.New = func() any { return bufio.NewWriterSize(nil, writeBuffer) }
	s.wg.Go(s.keep)
	if s.poller = newPoller(s.log); s.poller != nil {
		s.wg.Go(s.poller.run)
	}
	return s
}

// Close refuses newcomers, tells every client Shutdown and waits until all are gone, at most
// Limits.Linger. When ctx ends first the rest are cut off; it always returns with no goroutine left.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	s.mu.Unlock()
	for _, c := range s.all() {
		c.shut(Shutdown)
	}
	cut := context.AfterFunc(ctx, func() {
		for _, c := range s.all() {
			_ = c.net.Close()
			c.wake()
		}
	})
	defer cut()
	s.gone.Wait()
	s.poller.close()
	s.wg.Wait()
	return ctx.Err()
}

// all returns the connections that have a reader.
func (s *Server) all() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		if c.started {
			list = append(list, c)
		}
	}
	return list
}

// now is the time since the server started, in nanoseconds.
func (s *Server) now() int64 { return int64(time.Since(s.start)) }

// Stats are figures for the metrics. Open and Pending are gauges, the rest only grow.
type Stats struct {
	Open, Pending int
	Messages      int64 // received, those over the rate included
	Limited       int64 // received too fast and not acted upon
	Sent          int64 // messages written
	Ended         map[Reason]int64
}

type counters struct {
	messages, limited, sent atomic.Int64
	ended                   [len(reasons)]atomic.Int64
}

func (c *counters) end(why Reason) {
	for i, r := range reasons {
		if r == why {
			c.ended[i].Add(1)
		}
	}
}

// Stats returns the figures of this moment, from any goroutine.
func (s *Server) Stats() Stats {
	out := Stats{
		Messages: s.stats.messages.Load(), Limited: s.stats.limited.Load(), Sent: s.stats.sent.Load(),
		Ended: map[Reason]int64{},
	}
	for i, r := range reasons {
		out.Ended[r] = s.stats.ended[i].Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Open = len(s.conns)
	for _, n := range s.pending {
		out.Pending += n
	}
	return out
}
