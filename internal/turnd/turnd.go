// Package turnd is the embedded STUN and TURN server: who may allocate, and where a relay may send.
package turnd

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"
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
	Bind      netip.Addr // local address; zero: loopback in strict mode, unspecified in open mode
	Advertise netip.Addr // what clients are told
}

// Config configures a Server; zero values mean the defaults named.
type Config struct {
	Realm           string           // default "veche"
	Secret          []byte           // at least 32 bytes
	TTL             time.Duration    // life of credentials, default 5 minutes
	PacketConns     []net.PacketConn // UDP sockets, closed by Close
	Listeners       []net.Listener   // TCP and TLS listeners, closed by Close
	Relays          []Relay          // at most one per address family, at least one
	MediaAddrs      []netip.AddrPort // Veche's media sockets as bound; an unspecified address means every own address
	PublicAddrs     []netip.Addr     // further addresses of this machine as others see it (1:1 NAT)
	Mode            Mode
	AllowPeers      []netip.Prefix // open mode: allowed although special or private
	DenyPeers       []netip.Prefix // open mode: denied although public
	MemberQuota     int            // allocations per member, default 4
	IPQuota         int            // allocations per client address, default 32
	MaxAllocations  int            // of the whole server, default 4096
	PermissionQuota int            // permissions and channels per allocation, default 64
	Log             *slog.Logger
}

// Stats are the counters of a Server since it was started.
type Stats struct {
	Allocations                                int    // now
	Allocated, Revoked, AuthFailed             uint64 // since the start
	UpPackets, UpBytes, DownPackets, DownBytes uint64 // relayed client → peer and peer → client
	Dropped                                    map[string]uint64
}

// Server is a running STUN and TURN server. All methods may be called from any goroutine.
type Server struct{}

// New starts a server. Errors name the field that is wrong.
func New(c Config) (*Server, error) { return nil, errors.ErrUnsupported }

// ParsePrefixes reads addresses and CIDRs; the error names the malformed entry.
func ParsePrefixes(list []string) ([]netip.Prefix, error) { return nil, errors.ErrUnsupported }

// AddListener serves one more TCP or TLS listener; it is closed by Close.
func (s *Server) AddListener(l net.Listener) error { return errors.ErrUnsupported }

// Credentials makes a user name and a password for a member, good for new allocations until expires.
func (s *Server) Credentials(member string, now time.Time) (user, password string, expires time.Time) {
	return "", "", now
}

// Revoke ends the member's allocations and makes all credentials issued to it so far worthless.
func (s *Server) Revoke(member string) {}

// Stats returns a snapshot of the counters.
func (s *Server) Stats() Stats { return Stats{} }

// Close ends all allocations, closes sockets and listeners and waits for its goroutines. It is idempotent.
func (s *Server) Close() error { return nil }
