package wsconn

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
)

// Conn is one connection. Its methods may be called from any goroutine, also by its handler.
type Conn struct {
	s        *Server
	ws       *websocket.Conn // the reader's
	in       *inbound        // the reader's
	net      net.Conn
	handler  Handler
	id       string
	protocol string
	ip       netip.Addr
	ctx      context.Context // ends when the connection begins to close
	cancel   context.CancelFunc
	since    int64        // when it was accepted
	seen     atomic.Int64 // when something last came
	heard    atomic.Int64 // when the last message came
	pinged   int64        // the keeper's: when it last pinged
	bucket   bucket       // the reader's
	writers  sync.WaitGroup

	started, ready bool // guarded by Server.mu

	mu      sync.Mutex // guards the following
	queue   []frame
	bytes   int    // in the queue
	writing bool   // a writer runs
	dead    bool   // nothing can be written any more
	reason  Reason // why it closes, "" = it does not
}

func (c *Conn) begin(ws *websocket.Conn, in *inbound) {
	c.ws, c.in, c.net = ws, in, in.Conn
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.bucket = newBucket(c.s.limits)
	c.refill()
}

// ID is the connection's id in logs ("cid"); random, no secret.
func (c *Conn) ID() string { return c.id }

// IP is the client's address.
func (c *Conn) IP() netip.Addr { return c.ip }

// Subprotocol is what the handshake agreed on.
func (c *Conn) Subprotocol() string { return c.protocol }

// Context ends when the connection begins to close.
func (c *Conn) Context() context.Context { return c.ctx }

// Log returns a logger with the connection's id. It is made anew with each call: idle connections
// shall not carry one.
func (c *Conn) Log() *slog.Logger { return c.s.log.With("cid", c.id) }

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
