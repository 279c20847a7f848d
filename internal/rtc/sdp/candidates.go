package sdp

import (
	"fmt"
	"net/netip"
)

// Type preferences of host candidates (RFC 8445 §5.1.2.1).
const (
	PreferUDP = 126
	PreferTCP = 90
)

// HostCandidates are the host candidates of an answer (RFC 8839 §5.1), UDP before passive TCP (RFC 6544).
func HostCandidates(udp, tcp []netip.AddrPort) []string {
	var list []string
	add := func(network, extra string, kind uint32, a netip.AddrPort) {
		ip := a.Addr().Unmap().WithZone("")
		// RFC 8445 §5.1.2: type, local preference, component.
		prio := kind<<24 | uint32(0xffff-len(list))<<8 | 255
		list = append(list, fmt.Sprintf("candidate:%d 1 %s %d %s %d typ host%s", len(list)+1, network, prio, ip, a.Port(), extra))
	}
	for _, a := range udp {
		add("udp", "", PreferUDP, a)
	}
	for _, a := range tcp {
		add("tcp", " tcptype passive", PreferTCP, a)
	}
	return list
}
