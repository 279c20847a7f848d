package turnd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/turn/v5"
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
		s: s, sock: sock, user: u, local: netip.AddrPortFrom(local, port),
		advertised: netip.AddrPortFrom(cfg.Advertise, port), ended: make(chan struct{}),
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

// relayConn is the socket of one allocation. Every packet passes the policy here, whatever permissions Pion holds.
type relayConn struct {
	s                 *Server
	sock              *net.UDPConn
	user              userID
	local, advertised netip.AddrPort // where our own relays send to, and what clients see
	once              sync.Once
	endOnce           sync.Once
	ended             chan struct{} // closed when Pion's loop has been told that the socket is closed

	// by the reading goroutine only: the address of the last packet, to save an allocation
	lastFrom netip.AddrPort
	lastAddr *net.UDPAddr

	mu    sync.Mutex                        // guards asked
	asked map[netip.AddrPort]netip.AddrPort // local media address → as the client addressed it, where they differ
}

// WriteTo sends to a peer what the client wants to, if the policy lets it. What it does not is lost without an error, as on
// the network.
func (r *relayConn) WriteTo(b []byte, to net.Addr) (int, error) {
	peer := addrPortOf(to)
	dst, ok := r.s.policy.out(peer)
	if !ok {
		r.s.drop(dropPeerOut)
		return len(b), nil
	}
	if dst != peer {
		r.remember(dst, peer)
	}
	if _, err := r.sock.WriteToUDPAddrPort(b, dst); err != nil {
		r.s.drop(dropRelayError)
		return len(b), nil
	}
	r.s.count.up.add(len(b))
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

// maxReadErrors is how many failures in a row end a read loop.
const maxReadErrors = 100

// ReadFrom gives the next packet of a peer that the policy lets through.
func (r *relayConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for errs := 0; ; {
		n, from, err := r.sock.ReadFromUDPAddrPort(b)
		if err != nil {
			if errs++; errs < maxReadErrors && !errors.Is(err, net.ErrClosed) {
				r.s.drop(dropReadError)
				continue
			}
			r.end()
			return 0, nil, err
		}
		peer, ok := r.s.policy.in(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), r.known)
		if !ok {
			r.s.drop(dropPeerIn)
			continue
		}
		r.s.count.down.add(n)
		if peer != r.lastFrom {
			r.lastFrom, r.lastAddr = peer, net.UDPAddrFromAddrPort(peer)
		}
		return n, r.lastAddr, nil
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
		err = r.sock.Close()
		r.s.mu.Lock()
		delete(r.s.relays, r)
		r.s.mu.Unlock()
		r.s.quota.giveBack(r.user)
	})
	return err
}

// LocalAddr is what clients are told.
func (r *relayConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(r.advertised) }

func (r *relayConn) SetDeadline(t time.Time) error      { return r.sock.SetDeadline(t) }
func (r *relayConn) SetReadDeadline(t time.Time) error  { return r.sock.SetReadDeadline(t) }
func (r *relayConn) SetWriteDeadline(t time.Time) error { return r.sock.SetWriteDeadline(t) }
