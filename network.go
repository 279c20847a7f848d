package veche

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"veche.example/internal/config"
	"veche.example/internal/portmux"
	"veche.example/internal/rtc"
	"veche.example/internal/turnd"
	"veche.example/internal/udp"
)

// network is what packets come through: the UDP port, the TCP ports, and STUN, TURN and ICE behind them.
type network struct {
	guest  turnd.Guest
	log    *slog.Logger
	cfg    *Config
	addrs  []netip.Addr // where clients reach this machine; never empty
	udp    *udp.Port
	turn   *turnd.Server
	engine *rtc.Engine
	wg     sync.WaitGroup // one Serve per port of muxes

	mu       sync.Mutex // guards the following
	muxes    []*portmux.Mux
	tcpPort  uint16 // of media.tcp, 0 = none
	httpPort uint16 // of Server.Listener, 0 = the embedding program has its own
	tls      bool   // on httpPort
}

// openNetwork binds the media ports. After an error nothing is open.
func openNetwork(c *Config, turnSecret []byte, guest turnd.Guest, log *slog.Logger) (*network, error) {
	n := &network{log: log, cfg: c, guest: guest}
	if err := n.open(turnSecret); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *network) open(turnSecret []byte) error {
	var err error
	if n.udp, err = udp.Listen(n.cfg.Media.UDP, n.log); err != nil {
		return fmt.Errorf("media.udp: %w", err)
	}
	if !n.cfg.Media.GSO {
		n.udp.DisableGSO()
	}
	if n.addrs, err = clientAddrs(&n.cfg.Media, n.udp.Addr().Addr()); err != nil {
		return err
	}
	if n.turn, err = turnd.New(n.turnConfig(turnSecret)); err != nil {
		return err
	}
	if n.engine, err = rtc.NewEngine(rtc.Config{UDP: n.udp.Mux(n.addrs...), Learn: n.udp.Learn, Log: n.log}); err != nil {
		return err
	}
	if n.cfg.Media.TCP == "" {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", n.cfg.Media.TCP)
	if err != nil {
		return fmt.Errorf("media.tcp: %w", err)
	}
	m, err := n.share(l, nil)
	if err != nil {
		return err
	}
	n.tcpPort = portOf(l.Addr())
	return m.HTTP().Close() // there are no pages on this port
}

func (n *network) turnConfig(secret []byte) turnd.Config {
	c := &n.cfg.TURN
	mode := turnd.Strict
	if c.Mode == "open" {
		mode = turnd.Open
	}
	return turnd.Config{
		Realm: c.Realm, Secret: secret, TTL: c.TTL, Mode: mode,
		Port: n.udp, Alias: n.udp.Alias,
		Relays: relays(n.addrs), MediaAddrs: []netip.AddrPort{n.udp.Addr()}, PublicAddrs: n.cfg.Media.IPs,
		PortMin: uint16(c.PortMin), PortMax: uint16(c.PortMax), AllowPeers: c.AllowPeers, DenyPeers: c.DenyPeers,
		MemberQuota: c.Quotas.Member, IPQuota: c.Quotas.IP, MaxAllocations: c.Quotas.Total, PermissionQuota: c.Quotas.Permissions,
		Guest: n.guest, Log: n.log,
	}
}

// share takes TURN and ICE-TCP connections out of a listener, with TLS or without. Its HTTP is the caller's.
func (n *network) share(l net.Listener, t *tls.Config) (*portmux.Mux, error) {
	trusted := func(a netip.Addr) bool {
		for _, p := range n.cfg.HTTP.TrustedProxies {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	m := portmux.New(l, portmux.Options{TLS: t, Trusted: trusted, Log: n.log})
	n.mu.Lock()
	n.muxes = append(n.muxes, m)
	n.mu.Unlock()
	if err := n.turn.AddListener(m.TURN()); err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, a := range n.addrs {
		addrs = append(addrs, netip.AddrPortFrom(a, portOf(l.Addr())))
	}
	if err := n.engine.AddTCP(m.ICE(), addrs...); err != nil {
		return nil, err
	}
	n.wg.Go(func() {
		if err := m.Serve(); err != nil && !errors.Is(err, net.ErrClosed) {
			n.log.Error("listener failed", "address", l.Addr().String(), "err", err)
		}
	})
	return m, nil
}

// close ends everything that was opened, in the reverse order, and waits.
func (n *network) close() error {
	n.mu.Lock()
	muxes := n.muxes
	n.mu.Unlock()
	var errs []error
	for _, m := range muxes {
		errs = append(errs, m.Close())
	}
	if n.engine != nil {
		errs = append(errs, n.engine.Close())
	}
	if n.turn != nil {
		errs = append(errs, n.turn.Close())
	}
	if n.udp != nil {
		errs = append(errs, n.udp.Close())
	}
	n.wg.Wait()
	return errors.Join(errs...)
}

// clientAddrs are the addresses of the host candidates: what is configured, or else those of the interfaces.
func clientAddrs(m *config.Media, bound netip.Addr) ([]netip.Addr, error) {
	addrs := m.IPs
	if len(addrs) == 0 && !bound.IsUnspecified() {
		return []netip.Addr{bound.Unmap()}, nil
	}
	if len(addrs) == 0 {
		var err error
		if addrs, err = interfaceAddrs(); err != nil {
			return nil, fmt.Errorf("media.ips: %w", err)
		}
	}
	out := append([]netip.Addr(nil), addrs...)
	if m.Loopback || len(out) == 0 {
		out = append(out, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		if bound.Is6() {
			out = append(out, netip.IPv6Loopback())
		}
	}
	return out, nil
}

// interfaceAddrs are the addresses of this machine that others may be able to reach.
func interfaceAddrs() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if ip := p.Addr().Unmap(); ip.IsGlobalUnicast() {
			out = append(out, ip)
		}
	}
	return out, nil
}

// relays takes the first address of each family that is not loopback, else loopback.
func relays(addrs []netip.Addr) []turnd.Relay {
	var v4, v6 netip.Addr
	for _, a := range addrs {
		best := &v6
		if a.Is4() {
			best = &v4
		}
		if !best.IsValid() || best.IsLoopback() && !a.IsLoopback() {
			*best = a
		}
	}
	var out []turnd.Relay
	for _, a := range []netip.Addr{v4, v6} {
		if a.IsValid() {
			out = append(out, turnd.Relay{Advertise: a})
		}
	}
	return out
}

func portOf(a net.Addr) uint16 {
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(port, 10, 16)
	return uint16(n)
}
