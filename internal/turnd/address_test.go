package turnd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// battery are addresses a relay must not reach in the open mode, as they may be written in XOR-PEER-ADDRESS.
var battery = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
	"127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192",
	"192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
	"239.255.255.250", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
	"::ffff:0.0.0.0", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "64:ff9b:1::808:808",
	"100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:a00:1::", "2001:2::1", "2001:10::1", "2001:db8::1",
	"2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
	"fec0::1", "ff02::1", "ff0e::1", "2a00:1450::5efe:a00:1", "2a00:1450::200:5efe:7f00:1", "4000::1", "::2",
}

// ordinary are addresses that the open mode must leave alone.
var ordinary = []string{
	"8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.1", "172.15.255.255",
	"172.32.0.0", "192.31.196.1", "192.52.193.1", "192.175.48.1", "198.17.255.255", "198.20.0.0", "223.255.255.255",
	"2a00:1450:4001::200e", "2606:4700::1111", "2001:4860:4860::8888", "2620:4f:8000::1", "64:ff9b::808:808",
	"2a00:1450::5efe:808:808", "::ffff:8.8.8.8",
}

func openPolicy(t testing.TB, change func(*Config)) *policy {
	t.Helper()
	c := Config{Mode: Open, Relays: []Relay{{Advertise: netip.MustParseAddr("198.41.0.4")}}}
	if change != nil {
		change(&c)
	}
	p, err := newPolicy(&c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOpenDenies(t *testing.T) {
	p := openPolicy(t, nil)
	for _, s := range battery {
		a := netip.MustParseAddr(s)
		if p.permit(a) {
			t.Errorf("permission for %s", s)
		}
		if to, ok := p.out(netip.AddrPortFrom(a, 80)); ok {
			t.Errorf("%s is sent to, as %v", s, to)
		}
		if _, ok := p.in(netip.AddrPortFrom(a, 80), nil); ok {
			t.Errorf("%s is heard", s)
		}
	}
	for _, s := range ordinary {
		a := netip.MustParseAddr(s)
		to, ok := p.out(netip.AddrPortFrom(a, 80))
		if !ok || !p.permit(a) {
			t.Errorf("%s is denied", s)
		}
		if want := netip.AddrPortFrom(a.Unmap(), 80); ok && to.to != want {
			t.Errorf("%s is sent to as %v", s, to)
		}
	}
}

func TestOpenLists(t *testing.T) {
	p := openPolicy(t, func(c *Config) {
		c.AllowPeers = mustPrefixes("10.1.0.0/16", "::ffff:192.168.7.0/120", "fd00:1::/32", "0.0.0.0/1")
		c.DenyPeers = mustPrefixes("8.8.8.0/24", "2606:4700::/32", "10.1.2.3", "1.1.1.1")
		c.PublicAddrs = []netip.Addr{netip.MustParseAddr("198.41.0.5")}
	})
	for s, want := range map[string]bool{
		"10.1.2.3": true, "10.2.0.1": true, "::ffff:10.1.0.9": true, "192.168.7.9": true, "192.168.8.9": false,
		"fd00:1::5": true, "fd00:2::5": false, "64:ff9b::c0a8:709": false, "2606:4700::1": false, "8.8.4.4": true,
		"0.0.0.0": false, "::": false, "198.41.0.4": false, "198.41.0.5": false, "64:ff9b::c629:5": false,
		"200.1.1.1": true,
	} {
		if _, ok := p.out(netip.AddrPortFrom(netip.MustParseAddr(s), 9)); ok != want {
			t.Errorf("%s: %v", s, ok)
		}
	}
}

func TestParsePrefixes(t *testing.T) {
	got, err := ParsePrefixes([]string{" 10.0.0.0/8", "192.168.1.77/24", "::ffff:10.0.0.0/104", "::ffff:1.2.3.4", "fe80::1%eth0", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, p := range got {
		text = append(text, p.String())
	}
	want := "10.0.0.0/8 192.168.1.0/24 10.0.0.0/8 1.2.3.4/32 fe80::1/128 2001:db8::/32"
	if strings.Join(text, " ") != want {
		t.Errorf("%v, want %s", text, want)
	}
	for _, bad := range []string{"", "10.0.0.0/33", "10.0.0", "10.0.0.0/", "example.org", "10.0.0.0/8/8", "::ffff:10.0.0.0/95", "fe80::%eth0/64"} {
		if p, err := ParsePrefixes([]string{"10.0.0.0/8", bad}); err == nil {
			t.Errorf("%q gives %v", bad, p)
		} else if !strings.Contains(err.Error(), bad) {
			t.Errorf("the error does not name %q: %v", bad, err)
		}
	}
}

func TestEmbedded(t *testing.T) {
	for s, want := range map[string][]string{
		"1.2.3.4": nil, "2a00::1": nil, "64:ff9b::102:304": {"1.2.3.4"}, "2002:102:304::": {"1.2.3.4"},
		"2001:0:102:304::fefd:fcfb": {"1.2.3.4", "1.2.3.4"}, "2a00::5efe:102:304": {"1.2.3.4"}, "::ffff:0:102:304": {"1.2.3.4"},
		"2002:102:304::5efe:506:708": {"1.2.3.4", "5.6.7.8"}, "::1.2.3.4": {"1.2.3.4"},
	} {
		var got []string
		for _, a := range embedded(netip.MustParseAddr(s)) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
}

// FuzzAddress: whatever 16 or 4 bytes a client names, no form of a special IPv4 address is let through, and the
// canonical form is stable.
func FuzzAddress(f *testing.F) {
	for _, s := range append(slices.Clone(battery), ordinary...) {
		f.Add(netip.MustParseAddr(s).AsSlice())
	}
	p := openPolicy(f, nil)
	strict := strictPolicy(f, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		c := canonicalIP(a)
		if canonicalIP(c) != c || c.Is4In6() {
			t.Fatalf("%v: canonical form %v is not stable", a, c)
		}
		to, open := p.out(netip.AddrPortFrom(a, 53))
		if open != p.permit(a) {
			t.Fatalf("%v: permission %v, sending %v", a, !open, open)
		}
		if open {
			for _, x := range append(embedded(c), c) {
				if x.IsPrivate() || x.IsLoopback() || x.IsLinkLocalUnicast() || x.IsMulticast() || x.IsUnspecified() {
					t.Fatalf("%v leads to %v", a, x)
				}
			}
			if to.to.Addr().Is4In6() {
				t.Fatalf("%v is sent to as %v", a, to)
			}
		}
		if _, ok := strict.out(netip.AddrPortFrom(a, 53)); ok {
			t.Fatalf("strict: %v is sent to", a)
		}
	})
}
