package turnd

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// packetConn is a UDP socket as Pion's server sees it: only packets it should see, no errors but the last.
type packetConn struct {
	net.PacketConn
	s     *Server
	local *net.UDPAddr
	once  sync.Once
	ended chan struct{} // closed when Pion's loop has been told that the socket is closed
}

func newPacketConn(s *Server, pc net.PacketConn) (*packetConn, error) {
	local, ok := pc.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("turnd: PacketConns: not a UDP socket")
	}
	return &packetConn{PacketConn: pc, s: s, local: local, ended: make(chan struct{})}, nil
}

func (c *packetConn) LocalAddr() net.Addr { return c.local }

func (c *packetConn) keyOf(from net.Addr) clientKey { return keyOf(from, c.local) }

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for errs := 0; ; {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil {
			if errs++; errs < maxReadErrors && !errors.Is(err, net.ErrClosed) {
				c.s.drop(dropReadError)
				continue
			}
			c.once.Do(func() { close(c.ended) })
			return 0, nil, err
		}
		errs = 0
		k := c.keyOf(from)
		if c.s.policy.isRelay(k.from) {
			c.s.drop(dropNested)
			continue
		}
		if c.s.admit(k, b[:n]) {
			return n, from, nil
		}
	}
}

// streams is the one listener Pion's server has: the connections of all our listeners come together here, framed and
// counted.
type streams struct {
	s    *Server
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup // connections that Pion's server has and has not closed

	mu    sync.Mutex // guards the following
	open  map[*streamConn]struct{}
	perIP map[netip.Addr]int // by subnet
	ended chan struct{}      // closed when Pion's accept loop has been told to end
}

func newStreams(s *Server) *streams {
	return &streams{
		s: s, ch: make(chan net.Conn), done: make(chan struct{}), ended: make(chan struct{}),
		open: map[*streamConn]struct{}{}, perIP: map[netip.Addr]int{},
	}
}

// streamsPerAllocation is how many connections there may be for each allocation that there may be: a client that is about
// to allocate, or has lost its connection and opened another, must find room.
const streamsPerAllocation = 2

// add takes an accepted connection to Pion's server, or closes it.
func (l *streams) add(nc net.Conn) {
	c := newStreamConn(l, nc)
	if c == nil || !l.register(c) {
		l.s.drop(dropStreams)
		_ = nc.Close()
		return
	}
	select {
	case l.ch <- c:
	case <-l.done:
		_ = c.Close()
	}
}

func (l *streams) register(c *streamConn) bool {
	ip := subnet(c.key.from.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.done:
		return false
	default:
	}
	if len(l.open) >= streamsPerAllocation*l.s.c.MaxAllocations || l.perIP[ip] >= streamsPerAllocation*l.s.c.IPQuota {
		return false
	}
	l.open[c] = struct{}{}
	l.perIP[ip]++
	l.wg.Add(1)
	return true
}

func (l *streams) remove(c *streamConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	decrement(l.perIP, subnet(c.key.from.Addr()))
	l.wg.Done()
}

func (l *streams) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// closeAll makes all connections fail; Pion's server then closes them.
func (l *streams) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Conn.Close()
	}
}

// wait waits until Pion's server has let go of everything.
func (l *streams) wait() {
	<-l.ended
	l.wg.Wait()
}

// Accept is called by Pion's server only.
func (l *streams) Accept() (net.Conn, error) {
	select {
	case c := <-l.ch:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		select {
		case <-l.ended:
		default:
			close(l.ended)
		}
		return nil, net.ErrClosed
	}
}

func (l *streams) Close() error {
	l.once.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(l.done)
	})
	return nil
}

func (l *streams) Addr() net.Addr { return &net.TCPAddr{} }

// AddListener serves one more TCP or TLS listener; it is closed by Close.
func (s *Server) AddListener(l net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.listeners = append(s.listeners, l)
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.accept(l)
	}()
	return nil
}

// accept takes connections until the listener is closed; it outlives a lack of file descriptors.
func (s *Server) accept(l net.Listener) {
	const first, last = 5 * time.Millisecond, time.Second
	pause := first
	for {
		c, err := l.Accept()
		if err == nil {
			pause = first
			s.streams.add(c)
			continue
		}
		var temporary interface{ Temporary() bool }
		if errors.Is(err, net.ErrClosed) || !errors.As(err, &temporary) || !temporary.Temporary() {
			return
		}
		s.drop(dropReadError)
		select {
		case <-time.After(pause):
			pause = min(2*pause, last)
		case <-s.streams.done:
			return
		}
	}
}
