// Package portmux lets HTTP, HTTPS, TURN and ICE-TCP share one TCP port by looking at the first bytes of each connection.
//
// The way of a connection: accept (with limits), look at the first bytes, for TLS do the handshake and look again inside
// unless ALPN has told already, hand over to one of three listeners. All of it together must be done within
// Options.HandshakeTimeout, whatever the client does.
package portmux

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a Mux; the zero value of each field means its default.
type Options struct {
	TLS              *tls.Config                // nil: TLS clients are refused
	HandshakeTimeout time.Duration              // for the TLS handshake and the first bytes together; default 10 s
	MaxConns         int                        // connections open at once, default 16384
	MaxPending       int                        // connections not yet recognised, default 1024
	MaxPendingPerIP  int                        // of these from one IPv4 address or IPv6 /64, default 64
	Trusted          func(addr netip.Addr) bool // proxies exempt from MaxPendingPerIP, may be nil
	Log              *slog.Logger               // default: nothing is logged
}

// Stats are the counters of a Mux since it was made.
type Stats struct {
	Open, Pending   int               // connections now: all, and those not yet recognised
	HTTP, TURN, ICE uint64            // connections handed over
	Dropped         map[string]uint64 // by reason
}

// dropReason names why a connection was not handed over.
type dropReason uint8

const (
	dropNone        dropReason = iota
	dropMaxConns               // too many connections
	dropMaxPending             // too many that are not recognised yet
	dropMaxPerIP               // the same from one address
	dropTimeout                // nothing, or too little, within the time
	dropUnknown                // none of the protocols
	dropTLS                    // the TLS handshake failed
	dropNoTLS                  // TLS without a certificate configured
	dropALPN                   // TLS for a protocol that ends with the handshake, as ACME's challenge does
	dropHungUp                 // the client closed first
	dropNotAccepted            // the server behind does not take it
	dropClosed                 // the Mux was closed
	dropAccept                 // accepting failed, out of file descriptors for example
	dropReasons
)

var dropNames = [dropReasons]string{
	"none", "max_conns", "max_pending", "max_pending_per_ip", "timeout", "unknown_protocol", "tls_handshake", "no_tls",
	"alpn", "hung_up", "not_accepted", "closed", "accept_error",
}

// Mux splits one listener in three. All methods may be called from any goroutine.
type Mux struct {
	o         Options
	l         net.Listener
	tls       *tls.Config
	http      *sub
	turn      *sub
	ice       *sub
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	wg        sync.WaitGroup // Serve and one goroutine per pending connection
	open      atomic.Int64
	drops     [dropReasons]atomic.Uint64
	closeOnce sync.Once
	closeErr  error

	mu      sync.Mutex // guards the following
	closed  bool
	pending map[*conn]struct{}
	perIP   map[netip.Addr]int // pending connections by source
}

// New makes a Mux on l, which it owns from now on. Nothing is accepted before Serve.
func New(l net.Listener, o Options) *Mux {
	defaultTo(&o.HandshakeTimeout, 10*time.Second)
	defaultTo(&o.MaxConns, 16384)
	defaultTo(&o.MaxPending, 1024)
	defaultTo(&o.MaxPendingPerIP, 64)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Mux{o: o, l: l, tls: serverTLS(o.TLS), pending: map[*conn]struct{}{}, perIP: map[netip.Addr]int{}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.http, m.turn, m.ice = newSub(l.Addr()), newSub(l.Addr()), newSub(l.Addr())
	return m
}

func defaultTo[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// HTTP gives the connections of HTTP clients, with or without TLS. With TLS they are *tls.Conn after the handshake, so
// that net/http serves HTTP/2, or a type with ConnectionState, so that Request.TLS is set.
func (m *Mux) HTTP() net.Listener { return m.http }

// TURN gives connections that begin with a STUN message (RFC 8489 framing), with or without TLS.
func (m *Mux) TURN() net.Listener { return m.turn }

// ICE gives connections that begin with a STUN message in an RFC 4571 frame (ICE-TCP, RFC 6544), with or without TLS.
func (m *Mux) ICE() net.Listener { return m.ice }

// backoff bounds the pause after a failed accept.
const (
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second
)

// Serve accepts until Close and then returns net.ErrClosed. Running out of file descriptors and the like only makes it
// pause; another error of the listener is returned.
func (m *Mux) Serve() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return net.ErrClosed
	}
	m.wg.Add(1)
	m.mu.Unlock()
	defer m.wg.Done()
	var pause time.Duration
	for {
		c, err := m.l.Accept()
		if err == nil {
			pause = 0
			m.admit(c)
			continue
		}
		if m.ctx.Err() != nil {
			return net.ErrClosed
		}
		if !passing(err) {
			return err
		}
		m.drops[dropAccept].Add(1)
		if pause == 0 {
			m.o.Log.Warn("accepting connections fails, waiting", "error", err)
		}
		pause = min(max(minBackoff, 2*pause), maxBackoff)
		select {
		case <-time.After(pause):
		case <-m.ctx.Done():
			return net.ErrClosed
		}
	}
}

// passing reports whether an error of Accept is about the moment, not about the listener.
func passing(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}

// admit starts looking at a new connection, or closes it if there are too many.
func (m *Mux) admit(nc net.Conn) {
	c := &conn{Conn: nc, mux: m, source: source(nc.RemoteAddr())}
	if why := m.register(c); why != dropNone {
		m.drops[why].Add(1)
		_ = nc.Close()
		return
	}
	go func() {
		defer m.wg.Done()
		why := m.handle(c)
		m.unregister(c)
		if why != dropNone {
			m.drops[why].Add(1)
			_ = c.Close()
		}
	}()
}

func (m *Mux) register(c *conn) dropReason {
	exempt := m.o.Trusted != nil && m.o.Trusted(c.source)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return dropClosed
	case m.open.Load() >= int64(m.o.MaxConns):
		return dropMaxConns
	case len(m.pending) >= m.o.MaxPending:
		return dropMaxPending
	case !exempt && m.perIP[subnet(c.source)] >= m.o.MaxPendingPerIP:
		return dropMaxPerIP
	}
	m.open.Add(1)
	m.pending[c] = struct{}{}
	m.perIP[subnet(c.source)]++
	m.wg.Add(1)
	return dropNone
}

func (m *Mux) unregister(c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pending, c)
	if n := m.perIP[subnet(c.source)]; n > 1 {
		m.perIP[subnet(c.source)] = n - 1
	} else {
		delete(m.perIP, subnet(c.source))
	}
}

// source is the address of a client, invalid if it is not an IP address.
func source(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// subnet is what limits count: one customer has a whole IPv6 /64.
func subnet(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}

// handle recognises a connection and hands it over, or says why not.
func (m *Mux) handle(c *conn) dropReason {
	ctx, cancel := context.WithTimeout(m.ctx, m.o.HandshakeTimeout)
	defer cancel()
	end, _ := ctx.Deadline()
	_ = c.SetDeadline(end)
	k, err := c.sniff(c.Conn, true)
	if err != nil {
		return m.why(err)
	}
	var out net.Conn = c
	if k == kindTLS {
		if m.tls == nil {
			return dropNoTLS
		}
		t := tls.Server(c, m.tls)
		if err = t.HandshakeContext(ctx); err != nil {
			if why := m.why(err); why == dropTimeout || why == dropClosed {
				return why
			}
			return dropTLS
		}
		out = t
		switch p := t.ConnectionState().NegotiatedProtocol; p {
		case "h2", "http/1.1", "http/1.0":
			k = kindHTTP
		case alpnTURN, alpnDiscovery:
			k = kindTURN
		case "":
			w := &tlsConn{Conn: t}
			if k, err = w.sniff(t, false); err != nil {
				return m.why(err)
			}
			out = w
		default:
			return dropALPN
		}
	}
	_ = c.SetDeadline(time.Time{})
	switch k {
	case kindHTTP:
		return m.http.offer(ctx, out)
	case kindTURN:
		return m.turn.offer(ctx, out)
	case kindICE:
		return m.ice.offer(ctx, out)
	default:
		return dropUnknown
	}
}

// why finds the reason in an error of reading.
func (m *Mux) why(err error) dropReason {
	var ne net.Error
	switch {
	case m.ctx.Err() != nil:
		return dropClosed
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return dropTimeout
	default:
		return dropHungUp
	}
}

// Stats returns a snapshot of the counters.
func (m *Mux) Stats() Stats {
	m.mu.Lock()
	pending := len(m.pending)
	m.mu.Unlock()
	s := Stats{
		Open: int(m.open.Load()), Pending: pending,
		HTTP: m.http.given.Load(), TURN: m.turn.given.Load(), ICE: m.ice.given.Load(),
		Dropped: make(map[string]uint64, dropReasons),
	}
	for r := range dropReasons {
		s.Dropped[dropNames[r]] = m.drops[r].Load()
	}
	return s
}

// Close stops accepting, closes what is not handed over yet and waits for its goroutines. Connections that were handed
// over belong to their new owners. It is idempotent.
func (m *Mux) Close() error {
	m.closeOnce.Do(func() {
		m.cancel()
		m.mu.Lock()
		m.closed = true
		for c := range m.pending {
			_ = c.Conn.Close() // ends what its goroutine waits for
		}
		m.mu.Unlock()
		m.closeErr = m.l.Close()
		for _, s := range []*sub{m.http, m.turn, m.ice} {
			_ = s.Close()
		}
	})
	m.wg.Wait()
	return m.closeErr
}
