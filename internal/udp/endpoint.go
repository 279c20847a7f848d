package udp

import (
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
)

// Sink takes what arrives for one ICE agent.
type Sink interface {
	// Receive takes a datagram from a remote address. It is called by one of the port's readers, which many wait for: it must
	// not block. It may change b, but b is its own only until it returns. What it sends by out leaves soon after.
	Receive(b []byte, from netip.AddrPort, out *Batch)
}

// Endpoint is what an ICE agent that has a Sink sends by.
type Endpoint struct{ h *handle }

// Attach gives an agent's traffic in one address family to a sink, without queue and goroutine. There is one Endpoint
// per user name fragment and family. It must be closed; a call of the sink may still be running when Close returns.
func (m *Mux) Attach(ufrag string, v6 bool, s Sink) (*Endpoint, error) {
	p := m.port
	fam := 0
	if v6 {
		fam = 1
	}
	local := net.UDPAddrFromAddrPort(p.addr)
	var h *handle
	p.ufrags.update(ufrag, func(old *family, had bool) (*family, bool) {
		var f family
		if had {
			f = *old
		}
		if f[fam] != nil {
			return old, true
		}
		f[fam] = newConn(p, ufrag, fam)
		f[fam].sink = s
		h = f[fam].open(local)
		return &f, true
	})
	if h == nil {
		return nil, io.ErrClosedPipe
	}
	if p.closed.Load() { // Close may have missed it
		_ = h.Close()
		return nil, io.ErrClosedPipe
	}
	return &Endpoint{h}, nil
}

// WriteToAddrPort sends one datagram at once.
func (e *Endpoint) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return e.h.WriteToAddrPort(b, to)
}

// Close ends receiving and sending.
func (e *Endpoint) Close() error { return e.h.Close() }

// Target gives a remote address in the form that batches send to, nil if nothing was sent to it yet.
func (e *Endpoint) Target(to netip.AddrPort) *Target {
	b := e.h.conn.find(canonical(to))
	if b == nil {
		return nil
	}
	return &Target{id: targets.Add(1), b: b, remote: b.remote}
}

// targets numbers them.
var targets atomic.Uint32

// Target is a remote address: of an agent, of a TURN client, or of a relay's peer.
type Target struct {
	id      uint32
	noGSO   atomic.Bool // runs were refused for this destination
	noted   atomic.Bool // that our DTLS is done; the rest is not looked at again: it is far away in memory
	b       *binding    // of an agent
	remote  *remote     // of b
	channel *Channel    // of a TURN client
	outlet  *Outlet     // of a peer, with fixed
	fixed   *destination
}

// destination also notes that our side of the DTLS handshake is done, since only media is sent in batches.
func (t *Target) destination() *destination {
	switch {
	case t.fixed != nil:
		return t.fixed
	case t.channel != nil:
		return t.channel.destination()
	}
	if !t.noted.Load() {
		t.b.secured.Store(true)
		t.noted.Store(true)
	}
	return t.remote.destination(t)
}

// destination is where to send for a remote, one of whose targets is t.
func (r *remote) destination(t *Target) *destination {
	if c := r.tunnel.Load(); c != nil && c.open.Load() {
		return c.destination()
	}
	via := r.via.Load()
	if d := r.dest.Load(); d != nil && d.via == via {
		return d
	}
	d := &destination{to: r.real, via: via}
	d.sys.init(d, t.b.conn.port.sock)
	r.dest.Store(d)
	return d
}

// guard counts the users of the socket, so that it is closed when there are none: the number of a closed descriptor may be
// another one's a moment later.
type guard struct{ n atomic.Int64 }

const guardClosed = -1 << 40

func (g *guard) enter() bool {
	if g.n.Add(1) < 0 {
		g.n.Add(-1)
		return false
	}
	return true
}

func (g *guard) leave() { g.n.Add(-1) }

// close refuses new users and waits for those that are in, each for one system call.
func (g *guard) close() {
	g.n.Add(guardClosed)
	for g.n.Load() != guardClosed {
		runtime.Gosched()
	}
}
