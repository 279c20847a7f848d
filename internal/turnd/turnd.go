// Package turnd is the embedded STUN and TURN server: who may allocate, and where a relay may send.
//
// Pion's server does the protocol; this package stands on both sides of it:
//
//	client ─▶ packetConn, streamConn (listen.go): frames, limits, what must not reach the server (filter.go)
//	       ─▶ pion/turn: credentials (creds.go), quotas (quota.go)
//	       ─▶ relayConn (relay.go): every single packet is checked against the policy (policy.go, address.go)
//
// The data of UDP clients with channels does not pass through Pion: its events tell a lane (lane.go) which channels and
// permissions there are, and that is what the readers of the sockets look at.
//
// The policy is strict by default: a relay reaches Veche's own media sockets and the relays of this server, nothing else.
// Both sides of a call get credentials, so two relays always suffice, and the server cannot be made to send to the network
// it stands in. The check is done per packet because a TURN permission names an address without a port; for a
// channel, which has one, what it says is remembered until something changes.
//
// Not done on purpose: TCP relays (RFC 6062), port reservations (EVEN-PORT, answered 508), mobility.
package turnd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/turn/v5"

	"veche.example/internal/udp"
)

// Mode says where relays may send.
type Mode uint8

const (
	// Strict relays reach only Veche's own media sockets and the relays of this server.
	Strict Mode = iota
	// Open relays reach every address that is not special, private or the server's own.
	Open
)

// Relay is where relay sockets are opened for one address family.
type Relay struct {
	Bind      netip.Addr // local address; zero: Advertise if it is this machine's, else loopback (strict) or all (open)
	Advertise netip.Addr // what clients are told
}

// AliasFunc tells the media port that what comes from the address real is to be taken for shown, see udp.Port.Alias; an
// invalid shown ends it.
type AliasFunc func(real, shown netip.AddrPort)

// Config configures a Server; zero values mean the defaults named.
type Config struct {
	Realm           string         // default "veche"
	Secret          []byte         // at least 32 bytes
	TTL             time.Duration  // life of credentials, default 5 minutes
	Port            *udp.Port      // UDP: its STUN and TURN are served, its clients' data relayed; not closed
	Listeners       []net.Listener // TCP and TLS listeners, closed by Close
	Relays          []Relay        // at most one per address family, at least one
	PortMin         uint16         // of relay sockets, default: the system chooses
	PortMax         uint16
	MediaAddrs      []netip.AddrPort // Veche's media sockets as bound; an unspecified address means every own address
	PublicAddrs     []netip.Addr     // further addresses of this machine as others see it (1:1 NAT)
	Alias           AliasFunc        // told of relays whose local address is not what clients know, may be nil
	Mode            Mode
	AllowPeers      []netip.Prefix // open mode: allowed although special or private
	DenyPeers       []netip.Prefix // open mode: denied although public; AllowPeers wins
	MemberQuota     int            // allocations per member, default 4
	IPQuota         int            // allocations per client address (IPv6: /64), default 32
	MaxAllocations  int            // of the whole server, default 4096
	PermissionQuota int            // permissions per allocation, and channels per allocation, default 64
	Guest           Guest          // a fixed user for clients on this machine, default: none
	Log             *slog.Logger   // default: nothing is logged

	permissionLife, channelLife time.Duration // for tests; default: Pion's, 5 and 10 minutes (RFC 8656 §9, §12)
}

// Guest is a user name and password that everybody knows. It is good for clients on this machine only, by their
// address: browsers send from an interface even to loopback.
type Guest struct{ User, Password string }

// Stats are the counters of a Server since it was started.
type Stats struct {
	Allocations, Streams           int    // now: relays, and TCP or TLS connections of clients
	Allocated, Revoked, AuthFailed uint64 // allocations made and ended by Revoke, requests with wrong credentials
	UpPackets, UpBytes             uint64 // relayed client → peer
	DownPackets, DownBytes         uint64 // relayed peer → client
	Dropped                        map[string]uint64
}

// Server is a running STUN and TURN server. All methods may be called from any goroutine.
type Server struct {
	c           Config
	now         func() time.Time
	creds       *creds
	policy      *policy
	quota       *quota
	limiter     *limiter
	clients     *clients
	pion        *turn.Server
	streams     *streams
	conn        *packetConn
	outlets     *udp.Outlets
	outletsOnce sync.Once
	renew       *time.Timer // asks for the addresses of the interfaces
	count       counters

	wg        sync.WaitGroup // accept loops
	closeOnce sync.Once
	closeErr  error

	mu        sync.Mutex // guards the following
	closed    bool
	listeners []net.Listener
	relays    map[*relayConn]struct{}
}

type counters struct {
	allocated, revoked, authFailed atomic.Uint64
	up, down                       udp.Counter
	drops                          [dropReasons]atomic.Uint64
}

// minSecret is the least length of Config.Secret.
const minSecret = 32

// New starts a server. Errors name the field that is wrong.
func New(c Config) (*Server, error) {
	defaultTo(&c.Realm, "veche")
	defaultTo(&c.TTL, 5*time.Minute)
	defaultTo(&c.MemberQuota, 4)
	defaultTo(&c.IPQuota, 32)
	defaultTo(&c.MaxAllocations, 4096)
	defaultTo(&c.PermissionQuota, 64)
	if c.Alias == nil {
		c.Alias = func(_, _ netip.AddrPort) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Secret) < minSecret {
		return nil, fmt.Errorf("turnd: Secret has %d bytes, at least %d are needed", len(c.Secret), minSecret)
	}
	if c.PortMin > c.PortMax {
		return nil, errors.New("turnd: PortMin is above PortMax")
	}
	p, err := newPolicy(&c)
	if err != nil {
		return nil, err
	}
	if c.Port == nil {
		return nil, errors.New("turnd: Port is missing")
	}
	s := &Server{
		c: c, now: time.Now, creds: newCreds(c.Secret, c.Realm, c.TTL), policy: p, quota: newQuota(&c),
		limiter: newLimiter(), clients: newClients(c.PermissionQuota), relays: map[*relayConn]struct{}{},
	}
	s.streams = newStreams(s)
	if err = s.start(); err != nil {
		return nil, err
	}
	for _, l := range c.Listeners {
		if err = s.AddListener(l); err != nil {
			_ = s.Close()
			return nil, err
		}
	}
	return s, nil
}

func defaultTo[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// start runs Pion's server on our wrappers.
func (s *Server) start() error {
	cfg := turn.ServerConfig{
		Realm: s.c.Realm, LoggerFactory: quietLog{s.c.Log}, AuthHandler: s.authenticate, QuotaHandler: s.hasRoom,
		EventHandler: s.events(), PermissionTimeout: s.c.permissionLife, ChannelBindTimeout: s.c.channelLife,
		ListenerConfigs: []turn.ListenerConfig{{
			Listener: s.streams, RelayAddressGenerator: generator{s},
			PermissionHandler: func(a net.Addr, ip net.IP) bool { return s.permit(streamKey(a), ip) },
		}},
	}
	var err error
	if s.conn, err = newPacketConn(s, s.c.Port.TURN()); err != nil {
		return err
	}
	cfg.PacketConnConfigs = []turn.PacketConnConfig{{
		PacketConn: s.conn, RelayAddressGenerator: generator{s},
		PermissionHandler: func(a net.Addr, ip net.IP) bool { return s.permit(s.conn.keyOf(a), ip) },
	}}
	if s.outlets, err = s.c.Port.NewOutlets(); err != nil {
		return fmt.Errorf("turnd: %w", err)
	}
	if s.pion, err = turn.NewServer(cfg); err != nil {
		s.outlets.Close()
		return fmt.Errorf("turnd: %w", err)
	}
	s.renew = time.AfterFunc(ownAddrsFor, s.renewAddrs)
	return nil
}

// renewAddrs asks for the addresses of the interfaces now and then, since no packet does where everything is decided.
func (s *Server) renewAddrs() {
	s.policy.ask()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.renew.Reset(ownAddrsFor)
	}
}

// Stats returns a snapshot of the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	relays := len(s.relays)
	s.mu.Unlock()
	st := Stats{
		Allocations: relays, Streams: s.streams.count(),
		Allocated: s.count.allocated.Load(), Revoked: s.count.revoked.Load(), AuthFailed: s.count.authFailed.Load(),
		Dropped: make(map[string]uint64, dropReasons),
	}
	st.UpPackets, st.UpBytes = s.count.up.Load()
	st.DownPackets, st.DownBytes = s.count.down.Load()
	for r := range dropReasons {
		st.Dropped[dropNames[r]] = s.count.drops[r].Load()
	}
	return st
}

// drop counts a packet or connection that goes nowhere.
func (s *Server) drop(r dropReason) { s.count.drops[r].Add(1) }

// Close ends all allocations, closes sockets and listeners and waits for its goroutines. It is idempotent.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.renew.Stop()
		listeners := s.listeners
		relays := make([]*relayConn, 0, len(s.relays))
		for r := range s.relays {
			relays = append(relays, r)
		}
		s.mu.Unlock()
		var errs []error
		for _, l := range listeners {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
		errs = append(errs, s.pion.Close())
		s.streams.closeAll()
		for _, r := range relays {
			_ = r.Close()
		}
		s.closeErr = errors.Join(errs...)
		for _, r := range relays {
			<-r.ended
		}
	})
	<-s.conn.ended
	s.streams.wait()
	s.wg.Wait()
	s.clients.waitEmpty() // Pion deletes an allocation after its relay has ended
	s.endOutlets()
	return s.closeErr
}
