package turnd

import (
	"net/netip"
	"strings"
	"testing"
)

func strictPolicy(t testing.TB, change func(*Config)) *policy {
	t.Helper()
	c := Config{
		Relays:     []Relay{{Advertise: netip.MustParseAddr("198.41.0.4")}, {Advertise: netip.MustParseAddr("2a00::4")}},
		MediaAddrs: []netip.AddrPort{netip.MustParseAddrPort("[::]:7788")},
	}
	if change != nil {
		change(&c)
	}
	p, err := newPolicy(&c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStrictDenies(t *testing.T) {
	p := strictPolicy(t, nil)
	for _, s := range append(append([]string(nil), battery...), ordinary...) {
		a := netip.MustParseAddr(s)
		if p.permit(a) {
			t.Errorf("permission for %s", s)
		}
		if at, ok := p.out(netip.AddrPortFrom(a, 80)); ok {
			t.Errorf("%s is sent to, as %v", s, at.to)
		}
	}
}

// TestOwnSockets: which local address stands for which of our own, by how media is bound.
func TestOwnSockets(t *testing.T) {
	inner := "10.9.8.7" // an interface address, as far as the policy is told
	for name, c := range map[string]struct {
		media string
		cases map[string]string // peer → local address, empty for denied
	}{
		"every address": {"[::]:7788", map[string]string{
			"198.41.0.4:7788": "127.0.0.1:7788", "198.41.0.4:7789": "", "[2a00::4]:7788": "[::1]:7788", "198.41.0.5:7788": "",
			inner + ":7788": inner + ":7788", inner + ":22": "", "127.0.0.1:7788": "", "[::ffff:198.41.0.4]:7788": "127.0.0.1:7788",
		}},
		"one address": {inner + ":7788", map[string]string{
			"198.41.0.4:7788": inner + ":7788", inner + ":7788": inner + ":7788", "[2a00::4]:7788": "", "127.0.0.1:7788": "",
			inner + ":7789": "",
		}},
		"loopback": {"127.0.0.1:7788", map[string]string{
			"198.41.0.4:7788": "127.0.0.1:7788", "127.0.0.1:7788": "127.0.0.1:7788", "127.0.0.1:22": "", inner + ":7788": "",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := strictPolicy(t, func(cfg *Config) { cfg.MediaAddrs = []netip.AddrPort{netip.MustParseAddrPort(c.media)} })
			p.ask().ips[netip.MustParseAddr(inner)] = struct{}{}
			for peer, want := range c.cases {
				at, ok := p.out(netip.MustParseAddrPort(peer))
				if ok != (want != "") || ok && at.to != netip.MustParseAddrPort(want) {
					t.Errorf("%s is sent to %v (%v), want %q", peer, at.to, ok, want)
				}
				if ok && !p.permit(netip.MustParseAddrPort(peer).Addr()) {
					t.Errorf("no permission for %s", peer)
				}
			}
		})
	}
}

func TestConfig(t *testing.T) {
	addr := netip.MustParseAddr
	for name, c := range map[string]struct {
		change func(*Config)
		names  string // in the error
	}{
		"short secret":       {func(c *Config) { c.Secret = secret[:31] }, "Secret"},
		"no relay":           {func(c *Config) { c.Relays = nil }, "Relays"},
		"relay unspecified":  {func(c *Config) { c.Relays = []Relay{{Advertise: addr("0.0.0.0")}} }, "Relays"},
		"relay without":      {func(c *Config) { c.Relays = []Relay{{Bind: addr("127.0.0.1")}} }, "Relays"},
		"two of one family":  {func(c *Config) { c.Relays = []Relay{{Advertise: lo4}, {Advertise: lo4}} }, "Relays"},
		"families differ":    {func(c *Config) { c.Relays = []Relay{{Advertise: lo4, Bind: addr("::1")}} }, "Relays"},
		"media without port": {func(c *Config) { c.MediaAddrs = []netip.AddrPort{netip.AddrPortFrom(lo4, 0)} }, "MediaAddrs"},
		"public unspecified": {func(c *Config) { c.PublicAddrs = []netip.Addr{addr("::")} }, "PublicAddrs"},
		"malformed allow":    {func(c *Config) { c.Mode = Open; c.AllowPeers = []netip.Prefix{{}} }, "AllowPeers"},
		"malformed deny":     {func(c *Config) { c.Mode = Open; c.DenyPeers = []netip.Prefix{netip.PrefixFrom(lo4, 40)} }, "DenyPeers"},
		"mapped prefix": {func(c *Config) {
			c.Mode = Open
			c.AllowPeers = []netip.Prefix{netip.PrefixFrom(addr("::ffff:1.2.3.4"), 64)}
		}, "AllowPeers"},
		"allow in strict":     {func(c *Config) { c.AllowPeers = mustPrefixes("10.0.0.0/8") }, "open mode"},
		"unknown mode":        {func(c *Config) { c.Mode = 7 }, "Mode"},
		"ports turned round":  {func(c *Config) { c.PortMin, c.PortMax = 2000, 1000 }, "PortMin"},
		"min without maximum": {func(c *Config) { c.PortMin = 2000 }, "PortMin"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Secret: secret, Relays: []Relay{{Advertise: lo4}}}
			c.change(&cfg)
			s, err := New(cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("starts")
			}
			if !strings.Contains(err.Error(), c.names) {
				t.Errorf("%v does not name %s", err, c.names)
			}
		})
	}
}
