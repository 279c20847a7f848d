package turnd

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParsePrefixes reads addresses and CIDRs; the error names the malformed entry. An IPv4-mapped prefix becomes the IPv4 one
// it means.
func ParsePrefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := parsePrefix(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("turnd: %q is neither an address nor a CIDR: %w", s, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return canonicalPrefix(p)
}

// canonicalPrefix masks a prefix and unmaps IPv4-mapped ones.
func canonicalPrefix(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("invalid prefix")
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("the prefix of a mapped address is shorter than 96 bits")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

func mustPrefixes(list ...string) []netip.Prefix {
	p, err := ParsePrefixes(list)
	if err != nil {
		panic(err) // constants below
	}
	return p
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// special4 are the blocks of the IANA IPv4 Special-Purpose Address Registry that are not globally reachable, multicast,
// and one public address that is a cloud's metadata service.
var special4 = mustPrefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carrier-grade NAT, and a cloud's metadata service
	"127.0.0.0/8",     // loopback
	"168.63.129.16",   // a cloud's platform service
	"169.254.0.0/16",  // link-local, and most clouds' metadata service
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // IETF protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relay anycast, deprecated
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarking
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, limited broadcast
)

// global6 is all that is handed out of IPv6 to be reached globally; special6 is what of it is special after all, by the
// IANA IPv6 Special-Purpose Address Registry.
var (
	global6  = netip.MustParsePrefix("2000::/3")
	special6 = mustPrefixes(
		"2001::/23",     // IETF protocol assignments: Teredo, benchmarking, ORCHID and others
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4
		"3fff::/20",     // documentation
	)
)

// Prefixes of IPv6 addresses that hold an IPv4 address.
var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")              // RFC 6052
	nat64Own  = netip.MustParsePrefix("64:ff9b:1::/48")            // RFC 8215, where the address lies depends on the operator
	compat    = netip.MustParsePrefix("::/96")                     // RFC 4291 §2.5.5.1, deprecated
	translate = netip.MustParsePrefix("::ffff:0:0:0/96")           // RFC 2765
	sixToFour = netip.MustParsePrefix("2002::/16")                 // RFC 3056
	teredo    = netip.MustParsePrefix("2001::/32")                 // RFC 4380
	isatap    = [2][4]byte{{0, 0, 0x5e, 0xfe}, {2, 0, 0x5e, 0xfe}} // RFC 5214, first half of the interface id
)

// canonicalIP is the one form in which an address is compared: IPv4-mapped addresses are the IPv4 address they mean, zones
// are gone.
func canonicalIP(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// embedded are the IPv4 addresses that an IPv6 address may lead to, wherever in it they lie.
func embedded(a netip.Addr) (list []netip.Addr) {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	v4 := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	switch {
	case nat64.Contains(a), translate.Contains(a), nat64Own.Contains(a), compat.Contains(a):
		list = append(list, v4(12))
	case sixToFour.Contains(a):
		list = append(list, v4(2))
	case teredo.Contains(a): // the server, and the client with its bits inverted
		list = append(list, v4(4), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
	}
	if id := [4]byte(b[8:12]); id == isatap[0] || id == isatap[1] {
		list = append(list, v4(12))
	}
	return list
}

// isSpecial reports whether an address, in canonical form, is not an ordinary address of the Internet.
func isSpecial(a netip.Addr) bool {
	switch {
	case !a.IsValid():
		return true
	case a.Is4():
		return contains(special4, a)
	case nat64.Contains(a):
		return false // means what it holds, which is looked at too
	default:
		return !global6.Contains(a) || contains(special6, a)
	}
}
