package turnd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/turn/v5"

	"veche.example/internal/udp"
)

// generator is Pion's RelayAddressGenerator: it opens relay sockets, UDP only.
type generator struct{ s *Server }

var (
	errNoTCP      = errors.New("turnd: no TCP relays")
	errNoReserve  = errors.New("turnd: no port reservations")
	errQuota      = errors.New("turnd: quota")
	errNoFamily   = errors.New("turnd: no relays of this address family")
	errNoPort     = errors.New("turnd: no free relay port")
	errNotAllowed = errors.New("turnd: revoked or closed")
)

func (generator) Validate() error { return nil }

func (generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoTCP
}

func (generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errNoTCP }

// AllocatePacketConn opens a relay for the user that has authenticated. Pion calls it without user to look for an even
// port, and with a port to take a reserved one; both are refused, so nothing can be reserved or leak.
func (g generator) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	u, ok := parseUserID(c.UserID)
	if !ok || c.RequestedPort != 0 {
		return nil, nil, errNoReserve
	}
	f := 0
	if c.Network == "udp6" {
		f = 1
	}
	s := g.s
	if !s.policy.relays[f].Advertise.IsValid() {
		return nil, nil, errNoFamily
	}
	if !s.quota.take(u) {
		s.drop(dropQuota)
		return nil, nil, errQuota
	}
	r, err := s.openRelay(u, f)
	if err != nil {
		return nil, nil, err
	}
	return r, net.UDPAddrFromAddrPort(r.advertised), nil
}

// relayBuffer is the size of a relay's socket buffers.
const relayBuffer = 512 << 10

// openRelay opens a relay for a user whose quota has been taken; it gives that back when it fails.
func (s *Server) openRelay(u userID, f int) (*relayConn, error) {
	cfg := s.policy.relays[f]
	sock, err := s.listenRelay(cfg.Bind)
	if err != nil {
		s.quota.giveBack(u)
		return nil, err
	}
	_ = sock.SetReadBuffer(relayBuffer)
	_ = sock.SetWriteBuffer(relayBuffer)
	port := sock.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	local := cfg.Bind
	if local.IsUnspecified() {
		local = loopback(f)
	}
	r := &relayConn{
		s: s, user: u, local: netip.AddrPortFrom(local, port), advertised: netip.AddrPortFrom(cfg.Advertise, port),
		queue: make(chan *fromPeer, relayQueue), closed: make(chan struct{}), ended: make(chan struct{}),
	}
	if r.out, err = s.outlets.Open(sock, r); err != nil {
		s.quota.giveBack(u)
		return nil, err
	}
	s.policy.add(r)
	if r.local != r.advertised {
		s.c.Alias(r.local, r.advertised)
	}
	s.mu.Lock()
	s.relays[r] = struct{}{}
	closed := s.closed
	s.mu.Unlock()
	if closed || s.creds.revoked(u) { // since the credentials were checked
		r.end() // Pion never sees it
		_ = r.Close()
		return nil, errNotAllowed
	}
	s.count.allocated.Add(1)
	return r, nil
}

// portTries is how many ports of a configured range are tried.
const portTries = 64

func (s *Server) listenRelay(ip netip.Addr) (*net.UDPConn, error) {
	network := "udp4"
	if ip.Is6() {
		network = "udp6"
	}
	listen := func(port uint16) (*net.UDPConn, error) {
		return net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
	}
	if s.c.PortMax == 0 {
		return listen(0)
	}
	for range portTries {
		port := int(s.c.PortMin) + rand.IntN(int(s.c.PortMax)-int(s.c.PortMin)+1)
		if sock, err := listen(uint16(port)); err == nil {
			return sock, nil
		}
	}
	return nil, fmt.Errorf("%w in %d–%d", errNoPort, s.c.PortMin, s.c.PortMax)
}

// relayConn is the socket of one allocation. Every packet passes the policy here, whatever permissions Pion holds. What its
// lane does not send on goes through Pion.
type relayConn struct {
	s                 *Server
	out               *udp.Outlet
	user              userID
	local, advertised netip.AddrPort // where our own relays send to, and what clients see
	lane              atomic.Pointer[lane]
	once              sync.Once
	endOnce           sync.Once
	closed            chan struct{}
	ended             chan struct{} // closed when Pion's loop has been told that the socket is closed
	queue             chan *fromPeer

	// by the goroutine of ReadFrom only: the address of the last packet, to save an allocation
	lastFrom netip.AddrPort
	lastAddr *net.UDPAddr

	mu    sync.Mutex                        // guards asked
	asked map[netip.AddrPort]netip.AddrPort // local media address → as the client addressed it, where they differ
}

// WriteTo sends to a peer what the client wants to, if the policy lets it and the client has a permission, at which Pion
// does not look for a channel (RFC 8656 §9). What it does not is lost without an error, as on the network.
func (r *relayConn) WriteTo(b []byte, to net.Addr) (int, error) {
	peer := addrPortOf(to)
	at, ok := r.s.policy.out(peer)
	if !ok {
		r.s.drop(dropPeerOut)
		return len(b), nil
	}
	if l := r.lane.Load(); l == nil || !l.current().permits(peer.Addr()) {
		r.s.drop(dropNoPermission)
		return len(b), nil
	}
	if at.to != peer {
		r.remember(at.to, peer)
	}
	if _, err := r.out.WriteToAddrPort(b, at.to); err != nil {
		r.s.drop(dropRelayError)
		return len(b), nil
	}
	r.s.count.up.Add(1, len(b))
	return len(b), nil
}

// maxAsked bounds relayConn.asked: own addresses times media ports, which is few.
const maxAsked = 64

func (r *relayConn) remember(dst, peer netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked[dst] == peer {
		return
	}
	if r.asked == nil || len(r.asked) >= maxAsked {
		r.asked = map[netip.AddrPort]netip.AddrPort{}
	}
	r.asked[dst] = peer
}

// known gives the address under which the client knows one of our media sockets.
func (r *relayConn) known(from netip.AddrPort) netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	if peer, ok := r.asked[from]; ok {
		return peer
	}
	return from
}

const (
	maxReadErrors = 100 // failures in a row that end a read loop
	relayQueue    = 256 // packets of one relay that wait for Pion
	maxRelayed    = 1600
)

// fromPeer is a packet on its way through Pion.
type fromPeer struct {
	n    int
	from netip.AddrPort
	buf  [maxRelayed]byte
}

var fromPeers = sync.Pool{New: func() any { return new(fromPeer) }}

// Receive takes a packet that has come to the relay: it implements udp.Sink.
func (r *relayConn) Receive(b []byte, from netip.AddrPort, out *udp.Batch) {
	l := r.lane.Load()
	if l == nil {
		r.s.drop(dropNoPermission)
		return
	}
	v := l.current()
	if c := v.down[from]; c != nil {
		forward(b, c.Target(), out)
		return
	}
	peer, ok := r.s.policy.in(from, r.known)
	switch {
	case !ok:
		r.s.drop(dropPeerIn)
	case !v.permits(peer.Addr()):
		r.s.drop(dropNoPermission)
	case len(b) > maxRelayed:
		r.s.drop(dropMalformed)
	default:
		p := fromPeers.Get().(*fromPeer)
		p.n, p.from = copy(p.buf[:], b), peer
		select {
		case r.queue <- p:
			r.s.count.down.Add(1, len(b))
		default:
			fromPeers.Put(p)
			r.s.drop(dropRelayFull)
		}
	}
}

// ReadFrom gives Pion the next packet of a peer for which there is no lane.
func (r *relayConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-r.queue:
		n, peer := copy(b, p.buf[:p.n]), p.from
		fromPeers.Put(p)
		if peer != r.lastFrom {
			r.lastFrom, r.lastAddr = peer, net.UDPAddrFromAddrPort(peer)
		}
		return n, r.lastAddr, nil
	case <-r.closed:
		r.end()
		return 0, nil, net.ErrClosed
	}
}

func (r *relayConn) end() { r.endOnce.Do(func() { close(r.ended) }) }

// Close gives the socket and the quota back.
func (r *relayConn) Close() error {
	var err error
	r.once.Do(func() {
		if r.local != r.advertised {
			r.s.c.Alias(r.local, netip.AddrPort{}) // before the port can be another relay's
		}
		r.s.policy.remove(r)
		if l := r.lane.Load(); l != nil {
			l.close()
		}
		err = r.out.Close()
		close(r.closed)
		r.s.mu.Lock()
		delete(r.s.relays, r)
		r.s.mu.Unlock()
		r.s.quota.giveBack(r.user)
	})
	return err
}

// LocalAddr is what clients are told.
func (r *relayConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(r.advertised) }

// SetDeadline and its siblings do nothing: Pion sets none.
func (r *relayConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (r *relayConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (r *relayConn) SetWriteDeadline(time.Time) error { return nil }
