package portmux

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
)

// peeked holds the bytes that were read to recognise a protocol, until they are read again.
type peeked struct {
	buf  [sniffLen]byte
	from int // first byte not read again yet
	n    int
}

// sniff reads from r until the protocol is known. outer is false inside TLS, where TLS is not expected again.
func (p *peeked) sniff(r io.Reader, outer bool) (kind, error) {
	for {
		k, more := recognise(p.buf[:p.n])
		if !more {
			if k == kindTLS && !outer {
				k = kindUnknown
			}
			return k, nil
		}
		n, err := r.Read(p.buf[p.n:])
		p.n += n
		if err != nil && n == 0 {
			return kindUnknown, err
		}
	}
}

// again gives bytes read before, 0 when there are none left.
func (p *peeked) again(b []byte) int {
	n := copy(b, p.buf[p.from:p.n])
	p.from += n
	return n
}

// conn is an accepted connection: it counts as open until it is closed.
type conn struct {
	net.Conn
	peeked
	mux    *Mux
	source netip.Addr
	once   sync.Once
	err    error
}

func (c *conn) Read(b []byte) (int, error) {
	if n := c.again(b); n > 0 {
		return n, nil
	}
	return c.Conn.Read(b)
}

func (c *conn) Close() error {
	c.once.Do(func() {
		c.err = c.Conn.Close()
		c.mux.open.Add(-1)
	})
	return c.err
}

// SyscallConn lets others wait for it by epoll.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// ReadFrom lets net/http send files without copying them.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if f, ok := c.Conn.(io.ReaderFrom); ok {
		return f.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// CloseWrite lets net/http close without losing its last answer.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// tlsConn is a TLS connection of which some bytes had to be read. net/http asks it for its ConnectionState.
type tlsConn struct {
	*tls.Conn
	peeked
}

func (c *tlsConn) Read(b []byte) (int, error) {
	if n := c.again(b); n > 0 {
		return n, nil
	}
	return c.Conn.Read(b)
}

// ALPN names of STUN over TLS (RFC 7443).
const (
	alpnTURN      = "stun.turn"
	alpnDiscovery = "stun.nat-discovery"
)

// serverTLS adds the protocols served here to a configuration. A client that offers only protocols unknown here would be
// refused; it gets a connection without ALPN instead, since TURN clients offer all sorts of names.
func serverTLS(base *tls.Config) *tls.Config {
	if base == nil {
		return nil
	}
	withProtos := func(c *tls.Config) *tls.Config {
		c = c.Clone()
		for _, p := range []string{"h2", "http/1.1", alpnTURN, alpnDiscovery} {
			if !slices.Contains(c.NextProtos, p) {
				c.NextProtos = append(c.NextProtos, p)
			}
		}
		return c
	}
	cfg := withProtos(base)
	plain := cfg.Clone()
	plain.NextProtos, plain.GetConfigForClient = nil, nil
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		known, bare := cfg, plain
		if base.GetConfigForClient != nil {
			c, err := base.GetConfigForClient(hello)
			if err != nil {
				return nil, err
			}
			if c != nil {
				known = withProtos(c)
				bare = c.Clone()
				bare.NextProtos = nil
			}
		}
		for _, p := range hello.SupportedProtos {
			if slices.Contains(known.NextProtos, p) {
				if known == cfg {
					return nil, nil
				}
				return known, nil
			}
		}
		return bare, nil
	}
	return cfg
}

// sub is one of the three listeners.
type sub struct {
	addr  net.Addr
	ch    chan net.Conn // without buffer: what is offered is accepted or dropped, never forgotten
	done  chan struct{}
	once  sync.Once
	given atomic.Uint64
}

func newSub(addr net.Addr) *sub {
	return &sub{addr: addr, ch: make(chan net.Conn), done: make(chan struct{})}
}

// offer hands a connection over, unless nobody takes it before ctx ends.
func (s *sub) offer(ctx context.Context, c net.Conn) dropReason {
	select {
	case s.ch <- c:
		s.given.Add(1)
		return dropNone
	case <-s.done:
		return dropNotAccepted
	case <-ctx.Done():
		return dropNotAccepted
	}
}

// Accept waits for the next connection.
func (s *sub) Accept() (net.Conn, error) {
	select {
	case c := <-s.ch:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close makes Accept fail; connections of this kind are dropped from then on.
func (s *sub) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

func (s *sub) Addr() net.Addr { return s.addr }
