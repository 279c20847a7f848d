package udp

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Mux is the port as ICE agents see it. It implements ice.UDPMux. It is a view: any number of them may share a port.
type Mux struct {
	port      *Port
	advertise []netip.Addr
}

// GetConn gives a handle on the conn of the ufrag in the family of addr, which is one of GetListenAddresses; the conn is
// made if there is none. Each handle must be closed.
func (m *Mux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	u, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, &net.AddrError{Err: "not a UDP address", Addr: addr.String()}
	}
	p := m.port
	if p.closed.Load() {
		return nil, io.ErrClosedPipe
	}
	fam := famIndex(u.AddrPort().Addr().Unmap())
	var h *handle
	p.ufrags.update(ufrag, func(old *family, _ bool) (*family, bool) {
		var f family
		if old != nil {
			f = *old
		}
		if f[fam] != nil {
			if h = f[fam].open(u); h != nil {
				return old, true
			}
		}
		f[fam] = newConn(p, ufrag, fam)
		h = f[fam].open(u)
		return &f, true
	})
	if p.closed.Load() { // Close may have missed it
		_ = h.Close()
		return nil, io.ErrClosedPipe
	}
	return h, nil
}

// RemoveConnByUfrag makes the conns of a ufrag unreachable; they are closed by their handles.
func (m *Mux) RemoveConnByUfrag(ufrag string) {
	f, _ := m.port.ufrags.get(ufrag)
	if f == nil {
		return
	}
	for _, c := range f {
		if c != nil {
			c.unregister()
		}
	}
}

// GetListenAddresses are the host candidates.
func (m *Mux) GetListenAddresses() []net.Addr {
	ips := m.advertise
	if len(ips) == 0 {
		ips = m.port.hostIPs()
	}
	addrs := make([]net.Addr, len(ips))
	for i, ip := range ips {
		addrs[i] = net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip.Unmap(), m.port.addr.Port()))
	}
	return addrs
}

// Close closes the conns of all agents, not the port.
func (m *Mux) Close() error {
	m.port.closeConns()
	return nil
}

// hostAddrs remembers the addresses of the interfaces for a moment: asking the kernel costs more than all the rest of
// making an agent.
type hostAddrs struct {
	mu   sync.Mutex // guards the following
	ips  []netip.Addr
	when time.Time
}

const hostAddrsFor = 5 * time.Second

// hostIPs are the addresses a remote side can reach the port at, as far as this machine can tell.
func (p *Port) hostIPs() []netip.Addr {
	if ip := p.addr.Addr(); !ip.IsUnspecified() {
		return []netip.Addr{ip}
	}
	p.host.mu.Lock()
	defer p.host.mu.Unlock()
	if time.Since(p.host.when) > hostAddrsFor {
		p.host.ips, p.host.when = interfaceIPs(p.addr.Addr().Is4()), time.Now()
	}
	return p.host.ips
}

func interfaceIPs(only4 bool) []netip.Addr {
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var ips, loopback []netip.Addr
	for _, i := range ifaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			switch ip := prefix.Addr().Unmap(); {
			case only4 && !ip.Is4(), ip.IsLinkLocalUnicast():
			case ip.IsLoopback():
				loopback = append(loopback, ip)
			case !slices.Contains(ips, ip):
				ips = append(ips, ip)
			}
		}
	}
	if len(ips) == 0 {
		return loopback
	}
	return ips
}
