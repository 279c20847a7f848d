package turnd

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// policy decides which peers a relay may talk to, and under which local address its own server's sockets are reached.
// Methods may be called from any goroutine.
type policy struct {
	mode        Mode
	relays      [2]Relay // by family: 0 IPv4, 1 IPv6; Advertise invalid if there is none
	media       []netip.AddrPort
	public      map[netip.Addr]struct{} // addresses that lead here without being on an interface: public and advertised ones
	allow, deny []netip.Prefix

	epoch   atomic.Uint64 // changes with every change of what out and in say
	own     atomic.Pointer[ownAddrs]
	refresh sync.Mutex // one goroutine at a time asks the system

	mu     sync.RWMutex // guards byPort
	byPort [2]map[uint16]*relayConn
}

// ownAddrs are the addresses of the interfaces at a time.
type ownAddrs struct {
	ips  map[netip.Addr]struct{}
	when time.Time
}

// ownAddrsFor is how long the addresses of the interfaces are believed.
const ownAddrsFor = 10 * time.Second

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func newPolicy(c *Config) (*policy, error) {
	p := &policy{mode: c.Mode, public: map[netip.Addr]struct{}{}}
	p.byPort = [2]map[uint16]*relayConn{{}, {}}
	if c.Mode != Strict && c.Mode != Open {
		return nil, fmt.Errorf("turnd: Mode %d does not exist", c.Mode)
	}
	if err := p.setRelays(c.Relays); err != nil {
		return nil, err
	}
	for _, a := range c.PublicAddrs {
		if !a.IsValid() || a.IsUnspecified() {
			return nil, fmt.Errorf("turnd: PublicAddrs: %v is no address", a)
		}
		p.public[canonicalIP(a)] = struct{}{}
	}
	for _, a := range c.MediaAddrs {
		if !a.Addr().IsValid() || a.Port() == 0 {
			return nil, fmt.Errorf("turnd: MediaAddrs: %v is no address with a port", a)
		}
		p.media = append(p.media, netip.AddrPortFrom(canonicalIP(a.Addr()), a.Port()))
	}
	if c.Mode == Strict && len(c.AllowPeers)+len(c.DenyPeers) > 0 {
		return nil, fmt.Errorf("turnd: AllowPeers and DenyPeers need the open mode")
	}
	var err error
	if p.allow, err = canonicalPrefixes("AllowPeers", c.AllowPeers); err != nil {
		return nil, err
	}
	p.deny, err = canonicalPrefixes("DenyPeers", c.DenyPeers)
	return p, err
}

func canonicalPrefixes(field string, list []netip.Prefix) (out []netip.Prefix, err error) {
	for _, p := range list {
		c, err := canonicalPrefix(p)
		if err != nil {
			return nil, fmt.Errorf("turnd: %s: %v: %w", field, p, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func (p *policy) setRelays(list []Relay) error {
	for _, r := range list {
		r.Advertise, r.Bind = r.Advertise.Unmap(), r.Bind.Unmap()
		if !r.Advertise.IsValid() || r.Advertise.IsUnspecified() || r.Advertise.IsMulticast() {
			return fmt.Errorf("turnd: Relays: %v cannot be advertised", r.Advertise)
		}
		f := family(r.Advertise)
		if p.relays[f].Advertise.IsValid() {
			return fmt.Errorf("turnd: Relays: %v is the second of its family", r.Advertise)
		}
		if !r.Bind.IsValid() {
			r.Bind = p.defaultBind(r.Advertise)
		}
		if family(r.Bind) != f {
			return fmt.Errorf("turnd: Relays: %v and %v are of different families", r.Bind, r.Advertise)
		}
		p.relays[f] = r
		p.public[canonicalIP(r.Advertise)] = struct{}{}
	}
	if len(list) == 0 {
		return fmt.Errorf("turnd: Relays is empty")
	}
	return nil
}

// defaultBind is the local address for relays that are advertised as a. Strict relays need no other machine, so loopback
// will do where a is not ours.
func (p *policy) defaultBind(a netip.Addr) netip.Addr {
	switch {
	case p.interfaceIP(a):
		return a
	case p.mode == Strict:
		return loopback(family(a))
	case a.Is4():
		return netip.IPv4Unspecified()
	default:
		return netip.IPv6Unspecified()
	}
}

// interfaceIP reports whether an address is on an interface of this machine.
func (p *policy) interfaceIP(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	o := p.own.Load()
	if o == nil || time.Since(o.when) > ownAddrsFor {
		o = p.ask()
	}
	_, ok := o.ips[a]
	return ok
}

// ask gets the addresses of the interfaces from the system.
func (p *policy) ask() *ownAddrs {
	p.refresh.Lock()
	defer p.refresh.Unlock()
	if o := p.own.Load(); o != nil && time.Since(o.when) <= ownAddrsFor {
		return o // somebody else just did
	}
	o := &ownAddrs{ips: map[netip.Addr]struct{}{}, when: time.Now()}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		if old := p.own.Load(); old != nil {
			o.ips = old.ips
		}
	}
	for _, a := range addrs {
		if pre, err := netip.ParsePrefix(a.String()); err == nil {
			o.ips[canonicalIP(pre.Addr())] = struct{}{}
		}
	}
	old := p.own.Load()
	p.own.Store(o)
	if old == nil || !maps.Equal(old.ips, o.ips) {
		p.epoch.Add(1)
	}
	return o
}

// isOwn reports whether an address leads to this machine.
func (p *policy) isOwn(a netip.Addr) bool {
	_, ok := p.public[a]
	return ok || p.interfaceIP(a)
}

// permit decides about a permission, which names an address only.
func (p *policy) permit(ip netip.Addr) bool {
	a := canonicalIP(ip)
	if p.mode == Open {
		return p.offersMedia(a) || p.openTo(a)
	}
	return p.offersMedia(a)
}

// offersMedia reports whether one of our own sockets may be reached at the address: a relay (advertised addresses are
// public), or media. Loopback counts only where something is said to be there.
func (p *policy) offersMedia(a netip.Addr) bool {
	if !a.IsValid() || a.IsUnspecified() {
		return false
	}
	if _, ok := p.public[a]; ok {
		return true
	}
	for _, m := range p.media {
		if m.Addr() == a || m.Addr().IsUnspecified() && !a.IsLoopback() && p.interfaceIP(a) {
			return true
		}
	}
	return false
}

// place is where a packet to a peer goes.
type place struct {
	to    netip.AddrPort
	relay *relayConn     // whose address that is
	media netip.AddrPort // or which media socket's, as it is bound
}

// out decides about a packet of a relay to a peer and gives the place to send it to.
func (p *policy) out(peer netip.AddrPort) (place, bool) {
	a := canonicalIP(peer.Addr())
	if p.offersMedia(a) {
		if to, ok := p.ownSocket(netip.AddrPortFrom(a, peer.Port())); ok {
			return to, true
		}
	}
	if p.mode == Open && p.openTo(a) {
		return place{to: netip.AddrPortFrom(a, peer.Port())}, true
	}
	return place{}, false
}

// ownSocket finds our own relay or media socket behind an own address. What is bound to every address, but known under
// one that is on no interface, is reached by loopback: no router has to turn packets round.
func (p *policy) ownSocket(peer netip.AddrPort) (place, bool) {
	f := family(peer.Addr())
	if p.relays[f].Advertise == peer.Addr() {
		if r := p.relay(f, peer.Port()); r != nil {
			return place{to: r.local, relay: r}, true
		}
	}
	for _, m := range p.media {
		if m.Port() != peer.Port() {
			continue
		}
		switch {
		case m.Addr() == peer.Addr(), m.Addr().IsUnspecified() && p.interfaceIP(peer.Addr()):
			return place{to: peer, media: m}, true
		case m.Addr().IsUnspecified():
			return place{to: netip.AddrPortFrom(loopback(f), m.Port()), media: m}, true
		case family(m.Addr()) == f:
			return place{to: m, media: m}, true
		}
	}
	return place{}, false
}

func loopback(f int) netip.Addr {
	if f == 0 {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// in decides about a packet that came to a relay and gives the address under which the client knows the sender: our own
// relays by what they advertise, media by how the client addressed it (known is asked).
func (p *policy) in(from netip.AddrPort, known func(netip.AddrPort) netip.AddrPort) (netip.AddrPort, bool) {
	a := canonicalIP(from.Addr())
	if p.isOwn(a) {
		f := family(a)
		if r := p.relay(f, from.Port()); r != nil {
			return r.advertised, true
		}
		for _, m := range p.media {
			if m.Port() == from.Port() && (m.Addr() == a || m.Addr().IsUnspecified()) {
				return known(from), true
			}
		}
	}
	if p.mode == Open && p.openTo(a) {
		return netip.AddrPortFrom(a, from.Port()), true
	}
	return netip.AddrPort{}, false
}

// openTo is the rule of the open mode for an address, in canonical form, that is not one of our own sockets.
func (p *policy) openTo(a netip.Addr) bool {
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	if contains(p.allow, a) {
		return true
	}
	for _, x := range append(embedded(a), a) {
		if isSpecial(x) || contains(p.deny, x) || p.isOwn(x) {
			return false
		}
	}
	return true
}

// relay finds one of our relays by its port.
func (p *policy) relay(f int, port uint16) *relayConn {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byPort[f][port]
}

// isRelay reports whether a packet came from one of our relays.
func (p *policy) isRelay(from netip.AddrPort) bool {
	return p.relay(family(from.Addr()), from.Port()) != nil && p.isOwn(from.Addr())
}

func (p *policy) add(r *relayConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.epoch.Add(1)
	p.byPort[family(r.advertised.Addr())][r.advertised.Port()] = r
}

func (p *policy) remove(r *relayConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.epoch.Add(1)
	m := p.byPort[family(r.advertised.Addr())]
	if m[r.advertised.Port()] == r {
		delete(m, r.advertised.Port())
	}
}
