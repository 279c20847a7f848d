package wsconn

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Conn is one connection. Its methods may be called from any goroutine, also by its handler.
type Conn struct {
	s        *Server
	net      net.Conn
	handler  Handler
	protocol string
	ip       netip.Addr
	since    int64        // when it was accepted
	seen     atomic.Int64 // when something last came
	heard    atomic.Int64 // when the last message came
	pinged   int64        // the keeper's: when it last pinged
	writers  sync.WaitGroup

	keepalive atomic.Pointer[keepalive] // nil = as the server's limits are

	closes atomic.Bool // reason is not ""
	r      reader
	polled *watch // nil = the reader waits by itself
	id     [6]byte

	started, ready bool // guarded by Server.mu

	mu      sync.Mutex // guards the following
	queue   []frame
	bytes   int             // in the queue
	writing bool            // a writer runs
	dead    bool            // nothing can be written any more
	reason  Reason          // why it closes, "" = it does not
	ctx     context.Context // when somebody has asked for it
	cancel  context.CancelFunc
}

// reader is what reads a connection, one goroutine at a time.
type reader struct {
	c      *Conn
	opened bool     // Handler.Opened has been called
	hungry bool     // the last read has filled its buffer
	early  []byte   // came together with the handshake
	small  []byte   // where there is no poller
	part   *partial // what has begun
	budget int      // bytes that may come before the next whole message
	bucket bucket
}

func (c *Conn) begin(conn net.Conn, early []byte) {
	c.net = conn
	c.r = reader{c: c, early: early, bucket: newBucket(c.s.limits)}
	c.r.refill()
	c.polled = c.s.poller.watch(c)
}

// ID is the connection's id in logs ("cid"); random, no secret.
func (c *Conn) ID() string { return hex.EncodeToString(c.id[:]) }

// IP is the client's address.
func (c *Conn) IP() netip.Addr { return c.ip }

// Subprotocol is what the handshake agreed on.
func (c *Conn) Subprotocol() string { return c.protocol }

// Context ends when the connection begins to close.
func (c *Conn) Context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(context.Background())
		if c.reason != "" {
			c.cancel()
		}
	}
	return c.ctx
}

// closeFor notes the reason to close; c.mu is held.
func (c *Conn) closeFor(why Reason) {
	c.reason = why
	c.closes.Store(true)
	if c.cancel != nil {
		c.cancel()
	}
}

// Log returns a logger with the connection's id. It is made anew with each call: idle connections
// shall not carry one.
func (c *Conn) Log() *slog.Logger { return c.s.log.With("cid", c.ID()) }

// Ready says that the client is known: the connection no longer counts as pending.
func (c *Conn) Ready() { c.s.settle(c) }

// Send queues a text message and never blocks. The connection owns data from now on; sending one
// slice to many connections is fine, changing it is not. Errors: ErrSlow when the queue was full,
// which closes the connection, and ErrClosed.
func (c *Conn) Send(data []byte) error { return c.push(frame{opText, data}) }

// SendBinary is Send for a binary message.
func (c *Conn) SendBinary(data []byte) error { return c.push(frame{opBinary, data}) }

// Close writes what is queued, then the farewell, and closes; it does not wait. Only the first
// reason to close counts.
func (c *Conn) Close(f Farewell) { c.closeWith(Closed, f) }
