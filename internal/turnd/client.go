package turnd

import (
	"net"
	"net/netip"
)

// clientKey names a client's transport. Over streams it is the remote address alone, because that is all Pion's
// PermissionHandler is told: a client that uses one port towards two of our listeners shares the limits.
type clientKey struct {
	from   netip.AddrPort
	local  netip.AddrPort // UDP only
	stream bool
}

func streamKey(a net.Addr) clientKey { return clientKey{from: addrPortOf(a), stream: true} }

func keyOf(src, dst net.Addr) clientKey {
	if _, ok := src.(*net.TCPAddr); ok {
		return streamKey(src)
	}
	return clientKey{from: addrPortOf(src), local: addrPortOf(dst)}
}

// client is what is known of a client with an allocation. Guarded by Server.mu.
type client struct {
	allocations int                     // 1, see clientKey for 2
	peers       map[netip.Addr]struct{} // with permission
	channels    map[uint16]struct{}
}

// with runs f on a client, if it has an allocation. Pion calls the handlers below with its locks held; nothing here calls
// Pion.
func (s *Server) with(k clientKey, f func(c *client)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[k]
	if c != nil && f != nil {
		f(c)
	}
	return c != nil
}

func (s *Server) onAllocation(src, dst net.Addr, _, _, _ string, _ net.Addr, _ int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(src, dst)
	c := s.clients[k]
	if c == nil {
		c = &client{peers: map[netip.Addr]struct{}{}, channels: map[uint16]struct{}{}}
		s.clients[k] = c
	}
	c.allocations++
}

func (s *Server) onDeleted(src, dst net.Addr, _, _, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(src, dst)
	if c := s.clients[k]; c != nil {
		if c.allocations--; c.allocations == 0 {
			delete(s.clients, k)
		}
	}
	if len(s.clients) == 0 {
		s.idle.Broadcast()
	}
}

func (s *Server) onPermission(src, dst net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	s.with(keyOf(src, dst), func(c *client) { c.peers[peerIP(peer)] = struct{}{} })
}

func (s *Server) onPermissionGone(src, dst net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	s.with(keyOf(src, dst), func(c *client) { delete(c.peers, peerIP(peer)) })
}

func (s *Server) onChannel(src, dst net.Addr, _, _, _ string, _, _ net.Addr, number uint16) {
	s.with(keyOf(src, dst), func(c *client) { c.channels[number] = struct{}{} })
}

func (s *Server) onChannelGone(src, dst net.Addr, _, _, _ string, _, _ net.Addr, number uint16) {
	s.with(keyOf(src, dst), func(c *client) { delete(c.channels, number) })
}

func peerIP(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// permit is Pion's PermissionHandler.
func (s *Server) permit(k clientKey, ip net.IP) bool {
	peer := peerIP(ip)
	if !s.policy.permit(peer) {
		s.drop(dropPermission)
		return false
	}
	full := false
	s.with(k, func(c *client) {
		_, has := c.peers[peer]
		full = !has && len(c.peers) >= s.c.PermissionQuota
	})
	if full {
		s.drop(dropPermQuota)
	}
	return !full
}
