package udp

import (
	"cmp"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connQueue   = 512 // packets; a key frame of a shared screen may be 300
	maxRemotes  = 32  // remote addresses one agent may talk to
	maxSSRCs    = 64  // SSRCs kept per agent
	maxPending  = 8   // checks remembered until they are answered
	maxStrays   = 100 // connectivity checks per second from addresses without binding
	freshRemote = 30 * time.Second
)

// conn is what one ICE agent (one ufrag) has of the port in one address family. The agent holds one or more handles on
// it, one per local candidate; all of them may write, the oldest one reads, so that packets stay in order.
type conn struct {
	port  *Port
	ufrag string
	fam   int
	q     queue

	reader atomic.Pointer[handle]  // the oldest handle
	last   atomic.Pointer[binding] // the one written to last, saves the search
	sink   Sink                    // nil: the handles read the queue

	mu       sync.Mutex // guards the following
	handles  []*handle  // oldest first
	bindings []*binding
	ssrcs    []uint32
	strays   strays
	pending  []check // the newest checks from addresses without binding, oldest first
	gone     bool    // not registered any more: takes no further address
	empty    bool    // the last handle is closed: takes no further handle
}

// check is what is known of a connectivity check before the agent has answered it.
type check struct {
	from netip.AddrPort
	to   netip.Addr
	way  *Channel
	use  bool
}

func newConn(p *Port, ufrag string, fam int) *conn {
	c := &conn{port: p, ufrag: ufrag, fam: fam}
	c.q = queue{max: connQueue, full: dropQueueFull, wake: c.wakeReader}
	return c
}

// take gives a packet to the sink, or queues it: then it is taken.
func (c *conn) take(pkt *packet) (taken bool, why dropReason) {
	if c.sink == nil {
		return c.q.push(pkt)
	}
	c.sink.Receive(pkt.buf[:pkt.n], pkt.from, pkt.out)
	return false, dropNone
}

func (c *conn) wakeReader() {
	if h := c.reader.Load(); h != nil {
		h.signal()
	}
}

// open adds a handle; nil if the conn is about to close.
func (c *conn) open(local *net.UDPAddr) *handle {
	h := &handle{conn: c, local: local, wake: make(chan struct{}, 1), done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.empty {
		return nil
	}
	c.handles = append(c.handles, h)
	c.reader.CompareAndSwap(nil, h)
	return h
}

// drop removes a handle and reports whether it was the last.
func (c *conn) drop(h *handle) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handles = slices.DeleteFunc(c.handles, func(x *handle) bool { return x == h })
	if len(c.handles) == 0 {
		c.empty = true
		return true
	}
	if c.reader.CompareAndSwap(h, c.handles[0]) {
		c.handles[0].signal()
	}
	return false
}

// close ends the conn and its handles.
func (c *conn) close() {
	c.unregister()
	c.mu.Lock()
	handles := c.handles
	c.handles, c.empty = nil, true
	c.mu.Unlock()
	for _, h := range handles {
		h.once.Do(func() { close(h.done) })
	}
	c.q.close()
}

// unregister makes the conn unreachable: no ufrag, no addresses. What is queued can still be read.
func (c *conn) unregister() {
	c.port.ufrags.update(c.ufrag, func(old *family, _ bool) (*family, bool) {
		if old == nil || old[c.fam] != c {
			return old, old != nil
		}
		f := *old
		f[c.fam] = nil
		return &f, f != family{}
	})
	c.mu.Lock()
	list := c.bindings
	c.bindings, c.gone = nil, true
	c.mu.Unlock()
	c.last.Store(nil)
	for _, b := range list {
		b.unbind()
	}
}

func (b *binding) unbind() {
	p := b.conn.port
	p.remotes.update(b.remote.addr, func(r *remote, ok bool) (*remote, bool) {
		if !ok {
			return nil, false
		}
		return r, !r.remove(b)
	})
}

// strays counts the checks of the current second from addresses without binding. Whoever
// knows the ufrag could otherwise fill the agent's queue with checks it must verify.
type strays struct {
	second int64
	n      int
}

func (s *strays) admit(now int64) bool {
	if sec := now / int64(time.Second); sec != s.second {
		s.second, s.n = sec, 0
	}
	s.n++
	return s.n <= maxStrays
}

// noteCheck is told of each connectivity check before the agent reads it, and refuses it if there are too many.
func (c *conn) noteCheck(pkt *packet, use bool) bool {
	now := c.port.now()
	if r, _ := c.port.remotes.get(pkt.from); r != nil {
		r.noteWay(c.port, pkt.to, pkt.way)
		for _, b := range r.bindings() {
			if b.conn == c {
				b.used.Store(now)
				if use {
					b.nominate()
				}
				return true
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.strays.admit(now) {
		return false
	}
	c.takePending(pkt.from)
	if len(c.pending) >= maxPending {
		c.pending = slices.Delete(c.pending, 0, 1)
	}
	c.pending = append(c.pending, check{from: pkt.from, to: pkt.to, way: pkt.way, use: use})
	return true
}

// takePending removes the check of an address that waits for its answer. Called with mu held.
func (c *conn) takePending(from netip.AddrPort) (ch check, ok bool) {
	i := slices.IndexFunc(c.pending, func(ch check) bool { return ch.from == from })
	if i < 0 {
		return check{}, false
	}
	ch = c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	return ch, true
}

// nominate notes the first nomination.
func (b *binding) nominate() {
	if b.nominated.Load() == 0 {
		b.nominated.CompareAndSwap(0, b.conn.port.now())
	}
}

// write sends a datagram of the agent and learns from it: an answered check validates the address (the agent has checked
// its integrity), an encrypted record or SRTP says that our DTLS is done.
func (c *conn) write(p []byte, to netip.AddrPort) (int, error) {
	b := c.last.Load()
	if b == nil || b.remote.addr != to {
		b = c.find(to)
	}
	if len(p) > 0 && p[0] <= 3 {
		b = c.wroteSTUN(p, to, b)
	}
	if b == nil {
		return c.port.send(p, to, nil)
	}
	if len(p) > 0 && p[0] >= 20 {
		b.wroteData(p)
	}
	if by := b.remote.tunnel.Load(); by != nil && by.open.Load() {
		return by.write(p)
	}
	return c.port.send(p, b.remote.real, b.remote.via.Load())
}

// find gives the binding for an address, nil if there is none.
func (c *conn) find(to netip.AddrPort) *binding {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.bindings {
		if b.remote.addr == to {
			c.last.Store(b)
			return b
		}
	}
	return nil
}

func (c *conn) wroteSTUN(p []byte, to netip.AddrPort, b *binding) *binding {
	if len(p) < stunHeader {
		return b
	}
	class := binary.BigEndian.Uint16(p) & 0x110
	if class != stunRequest && class != stunSuccess {
		return b
	}
	if b == nil {
		if b = c.bind(to); b == nil {
			return nil
		}
	}
	if class == stunRequest {
		b.asked.Store(true)
		return b
	}
	if b.validated.Load() {
		return b
	}
	c.mu.Lock()
	ch, ok := c.takePending(to)
	c.mu.Unlock()
	if ok {
		b.remote.noteWay(c.port, ch.to, ch.way)
		if ch.use {
			b.nominate()
		}
	}
	b.validated.Store(true)
	return b
}

// bind adds a remote address to the conn, forgetting one if there are too many.
func (c *conn) bind(to netip.AddrPort) *binding {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil
	}
	for _, b := range c.bindings {
		if b.remote.addr == to {
			return b
		}
	}
	if len(c.bindings) >= maxRemotes && !c.forget() {
		c.port.drops[dropAddrLimit].Add(1)
		return nil
	}
	b := &binding{conn: c}
	b.used.Store(c.port.now())
	c.port.remotes.update(to, func(r *remote, ok bool) (*remote, bool) {
		if !ok {
			r = &remote{addr: to, real: to}
			if real, ok := c.port.reals.get(to); ok {
				r.real = real
			}
		}
		b.remote = r
		r.add(b, c.ssrcs)
		return r, true
	})
	c.bindings = append(c.bindings, b)
	return b
}

// forget removes the binding that was quiet for longest, unless all are fresh: an agent is not to be talked out of its
// working address by a flood of checks. Called with mu held.
func (c *conn) forget() bool {
	oldest := slices.MinFunc(c.bindings, func(a, b *binding) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	if c.port.now()-oldest.used.Load() < int64(freshRemote) {
		return false
	}
	c.bindings = slices.DeleteFunc(c.bindings, func(b *binding) bool { return b == oldest })
	c.last.CompareAndSwap(oldest, nil)
	oldest.unbind()
	return true
}

// wroteData is told of outgoing DTLS and SRTP.
func (b *binding) wroteData(p []byte) {
	if b.secured.Load() {
		return
	}
	switch {
	case p[0] >= 128 && p[0] <= 191:
		b.secured.Store(true)
	case p[0] <= 63 && len(p) >= 13:
		if !dtlsClear(p) {
			b.secured.Store(true)
		} else if clientRandom(p) != nil {
			b.remote.startedByUs(b)
		}
	}
}

func (c *conn) learn(ssrcs []uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var fresh []uint32
	for _, s := range ssrcs {
		switch {
		case slices.Contains(c.ssrcs, s):
		case len(c.ssrcs) >= maxSSRCs:
			c.port.drops[dropSSRCLimit].Add(1)
		default:
			c.ssrcs, fresh = append(c.ssrcs, s), append(fresh, s)
		}
	}
	for _, b := range c.bindings {
		c.port.remotes.update(b.remote.addr, func(r *remote, ok bool) (*remote, bool) {
			if ok {
				r.learn(b, fresh)
			}
			return r, ok
		})
	}
}

// handle is one candidate's view of a conn: a net.PacketConn that also has the calls without allocation of
// ice.AddrPortReaderWriter.
type handle struct {
	conn  *conn
	local *net.UDPAddr
	wake  chan struct{} // capacity 1
	done  chan struct{}
	once  sync.Once
	dl    deadline
}

func (h *handle) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// ReadFromAddrPort gives the next packet; one that does not fit is cut off.
func (h *handle) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		select {
		case <-h.done:
			return 0, netip.AddrPort{}, net.ErrClosed
		default:
		}
		if h.dl.passed() {
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		}
		if h.conn.reader.Load() == h {
			if p, more := h.conn.q.pop(); p != nil {
				n, from := copy(b, p.buf[:p.n]), p.from
				putPacket(p)
				if more {
					h.signal() // there may be a second goroutine waiting
				}
				return n, from, nil
			}
		}
		select {
		case <-h.wake:
		case <-h.done:
		}
	}
}

// ReadFrom is ReadFromAddrPort with a net.Addr.
func (h *handle) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := h.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToAddrPort sends one datagram.
func (h *handle) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-h.done:
		return 0, io.ErrClosedPipe
	default:
	}
	if !to.IsValid() {
		return 0, &net.AddrError{Err: "invalid address", Addr: to.String()}
	}
	return h.conn.write(b, canonical(to))
}

// WriteTo is WriteToAddrPort with a *net.UDPAddr.
func (h *handle) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.AddrError{Err: "not a UDP address", Addr: to.String()}
	}
	return h.WriteToAddrPort(b, u.AddrPort())
}

// Close removes the handle; the last one closes the conn.
func (h *handle) Close() error {
	h.once.Do(func() {
		close(h.done)
		h.dl.set(time.Time{}, nil)
		if h.conn.drop(h) {
			h.conn.close()
		}
	})
	return nil
}

func (h *handle) LocalAddr() net.Addr { return h.local }

func (h *handle) SetDeadline(t time.Time) error { return h.SetReadDeadline(t) }

func (h *handle) SetReadDeadline(t time.Time) error {
	h.dl.set(t, h.signal)
	return nil
}

// SetWriteDeadline does nothing: writes never wait for long.
func (h *handle) SetWriteDeadline(time.Time) error { return nil }
