package turnd

import (
	"net"
	"net/netip"
	"sync"

	"github.com/pion/turn/v5"
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

// clients are those with an allocation. Pion calls in here with its locks held; nothing here calls Pion.
type clients struct {
	quota int // of permissions, and of channels

	mu   sync.Mutex // guards m and what it holds
	m    map[clientKey]*client
	idle *sync.Cond // told when m becomes empty
}

// client is what is known of a client with an allocation.
type client struct {
	allocations int                     // 1, see clientKey for 2
	peers       map[netip.Addr]struct{} // with permission
	channels    map[uint16]struct{}
}

func newClients(quota int) *clients {
	c := &clients{quota: quota, m: map[clientKey]*client{}}
	c.idle = sync.NewCond(&c.mu)
	return c
}

// has reports whether a client has an allocation.
func (c *clients) has(k clientKey) bool { return c.with(k, func(*client) {}) }

// with runs f on a client, if it has an allocation.
func (c *clients) with(k clientKey, f func(*client)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl := c.m[k]
	if cl != nil {
		f(cl)
	}
	return cl != nil
}

func (c *clients) created(k clientKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m[k] == nil {
		c.m[k] = &client{peers: map[netip.Addr]struct{}{}, channels: map[uint16]struct{}{}}
	}
	c.m[k].allocations++
}

func (c *clients) deleted(k clientKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cl := c.m[k]; cl != nil {
		if cl.allocations--; cl.allocations == 0 {
			delete(c.m, k)
		}
	}
	if len(c.m) == 0 {
		c.idle.Broadcast()
	}
}

// waitEmpty waits until no client has an allocation.
func (c *clients) waitEmpty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.m) > 0 {
		c.idle.Wait()
	}
}

// roomForPeer reports whether a client may have a permission for a peer: one more, or one it has already.
func (c *clients) roomForPeer(k clientKey, peer netip.Addr) bool {
	room := true
	c.with(k, func(cl *client) {
		_, has := cl.peers[peer]
		room = has || len(cl.peers) < c.quota
	})
	return room
}

// roomForChannel is the same for a channel; known reports whether the client has an allocation at all.
func (c *clients) roomForChannel(k clientKey, number uint16) (room, known bool) {
	room = true
	known = c.with(k, func(cl *client) {
		_, has := cl.channels[number]
		room = has || len(cl.channels) < c.quota
	})
	return room, known
}

// events are Pion's callbacks that keep the clients.
func (s *Server) events() turn.EventHandler {
	c := s.clients
	return turn.EventHandler{
		OnAuth: func(src, _ net.Addr, _, _, _, _ string, ok bool) {
			if !ok {
				s.failed(addrPortOf(src).Addr())
			}
		},
		OnAllocationCreated: func(src, dst net.Addr, _, _, _ string, relay net.Addr, _ int) {
			c.created(keyOf(src, dst))
			s.openLane(keyOf(src, dst), relay)
		},
		OnAllocationDeleted: func(src, dst net.Addr, _, _, _ string) { c.deleted(keyOf(src, dst)) },
		OnPermissionCreated: func(src, dst net.Addr, _, _, _ string, relay net.Addr, peer net.IP) {
			c.with(keyOf(src, dst), func(cl *client) { cl.peers[peerIP(peer)] = struct{}{} })
			s.changeLane(relay, func(l *lane) { l.peers[canonicalIP(peerIP(peer))] = struct{}{} })
		},
		OnPermissionDeleted: func(src, dst net.Addr, _, _, _ string, relay net.Addr, peer net.IP) {
			c.with(keyOf(src, dst), func(cl *client) { delete(cl.peers, peerIP(peer)) })
			s.changeLane(relay, func(l *lane) { delete(l.peers, canonicalIP(peerIP(peer))) })
		},
		OnChannelCreated: func(src, dst net.Addr, _, _, _ string, relay, peer net.Addr, number uint16) {
			c.with(keyOf(src, dst), func(cl *client) { cl.channels[number] = struct{}{} })
			s.changeLane(relay, func(l *lane) { l.bind(number, addrPortOf(peer)) })
		},
		OnChannelDeleted: func(src, dst net.Addr, _, _, _ string, relay, _ net.Addr, number uint16) {
			c.with(keyOf(src, dst), func(cl *client) { delete(cl.channels, number) })
			s.changeLane(relay, func(l *lane) { l.unbind(number) })
		},
	}
}

func peerIP(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// permit is Pion's PermissionHandler.
func (s *Server) permit(k clientKey, ip net.IP) bool {
	peer := peerIP(ip)
	switch {
	case !s.policy.permit(peer):
		s.drop(dropPermission)
		return false
	case !s.clients.roomForPeer(k, peer):
		s.drop(dropPermQuota)
		return false
	}
	return true
}
