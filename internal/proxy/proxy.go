// Package proxy tells who the client of an HTTP request is and under which URL it sees us,
// believing forwarding headers only when they come from a configured proxy.
package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
)

// Trust is the set of proxies whose X-Forwarded-* headers are believed. The zero value trusts nobody.
// It is immutable and safe for concurrent use.
type Trust struct {
	proxies []netip.Prefix
}

// New returns a Trust in the given proxies.
func New(proxies []netip.Prefix) Trust {
	return Trust{proxies: append([]netip.Prefix(nil), proxies...)}
}

// Origin is how the client reaches us.
type Origin struct {
	IP     netip.Addr // the client's address; invalid when the peer address cannot be parsed
	Scheme string     // "http" or "https"
	Host   string     // host, with a port when there is one
	Prefix string     // path prefix that a proxy strips, without a trailing slash: "" or "/veche"
}

// Hostname is the host without its port and without IPv6 brackets.
func (o Origin) Hostname() string {
	if h, _, err := net.SplitHostPort(o.Host); err == nil {
		return h
	}
	return strings.Trim(o.Host, "[]")
}

// Of resolves the origin of a request. The client is the last address of X-Forwarded-For that is not
// itself a trusted proxy: what stands before it was written by the client and proves nothing.
func (t Trust) Of(r *http.Request) Origin {
	o := Origin{IP: peer(r), Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		o.Scheme = "https"
	}
	if !t.trusts(o.IP) {
		return o
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		o.IP = a.Unmap()
		if !t.trusts(o.IP) {
			break
		}
	}
	if s := last(r.Header.Get("X-Forwarded-Proto")); s == "http" || s == "https" {
		o.Scheme = s
	}
	if h := last(r.Header.Get("X-Forwarded-Host")); h != "" && validHost(h) {
		o.Host = h
	}
	o.Prefix = cleanPrefix(last(r.Header.Get("X-Forwarded-Prefix")))
	return o
}

func (t Trust) trusts(a netip.Addr) bool {
	for _, p := range t.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func last(list string) string {
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// validHost keeps characters out of generated URLs that a host cannot have.
func validHost(h string) bool {
	for _, c := range h {
		ok := c == '.' || c == '-' || c == ':' || c == '[' || c == ']' ||
			c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !ok {
			return false
		}
	}
	return len(h) <= 255
}

// cleanPrefix accepts only a rooted path of plain segments; "//evil" would be another host to a browser.
func cleanPrefix(p string) string {
	if p == "" || p[0] != '/' || len(p) > 255 {
		return ""
	}
	for _, c := range p {
		ok := c == '/' || c == '-' || c == '_' || c == '.' || c == '~' ||
			c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !ok {
			return ""
		}
	}
	if p = path.Clean(p); p == "/" {
		return ""
	}
	return p
}
