// Package udp is the one UDP port of the server: media, STUN and TURN share it.
package udp

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"

	"github.com/pion/ice/v4"
)

// Port is one bound UDP socket and everything that listens behind it. All methods may be called from any goroutine.
type Port struct{}

// Stats are the counters of a Port since it was opened.
type Stats struct {
	PacketsIn, BytesIn   uint64            // received from the socket
	PacketsOut, BytesOut uint64            // handed to the socket
	Dropped              map[string]uint64 // datagrams not delivered, by reason
	Conns, Remotes       int               // ICE conns open, remote addresses known
}

// Listen binds addr ("host:port"; an empty host means every address, IPv4 and IPv6; port 0 picks a free one).
func Listen(addr string, log *slog.Logger) (*Port, error) {
	return nil, errors.ErrUnsupported
}

// Mux is the port as ICE agents see it. The agents' host candidates are the given addresses with the port's number;
// with none, they are the address the port is bound to or, when that is unspecified, those of all interfaces that are up,
// loopback only if there is nothing else.
func (p *Port) Mux(advertise ...netip.Addr) ice.UDPMux { return nil }

// TURN gives the STUN and TURN traffic that belongs to no ICE agent; there is one such conn per port. Closing it does not
// close the port.
func (p *Port) TURN() net.PacketConn { return nil }

// Learn tells the port that the SSRCs are sent by the remote side of the ICE agent with this local ufrag. It only saves
// work where several agents share one remote address: packets with an unknown SSRC go to all of them, and each drops
// what its keys do not open.
func (p *Port) Learn(ufrag string, ssrcs ...uint32) {}

// Addr is the bound address.
func (p *Port) Addr() netip.AddrPort { return netip.AddrPort{} }

// Stats returns a snapshot of the counters.
func (p *Port) Stats() Stats { return Stats{} }

// Close closes the socket and every conn behind it and waits for the reader. It is idempotent.
func (p *Port) Close() error { return nil }
