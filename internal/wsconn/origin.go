package wsconn

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// OriginPolicy decides which web pages may use an endpoint (RFC 6455 §10.2). The zero value allows those of the same
// host. Browsers always send their Origin with a WebSocket, so that a request without one comes from a program, which
// could send any.
type OriginPolicy struct {
	Origins  []string                       // "https://example.org" besides the own host; "*" = any
	Host     func(*http.Request) string     // as the client sees it; nil = the Host header
	ClientIP func(*http.Request) netip.Addr // needed for Local
	Local    bool                           // a page of the machine where both its browser and this server run
}

func (c *Config) origins() OriginPolicy {
	return OriginPolicy{Origins: c.Origins, Host: c.Host, ClientIP: c.ClientIP, Local: c.Local}
}

// Allows says whether the page that a request comes from may make it. Any goroutine.
func (p OriginPolicy) Allows(r *http.Request) bool {
	list := r.Header.Values("Origin")
	if len(list) == 0 || slices.Contains(p.Origins, "*") {
		return true
	}
	o, err := url.Parse(list[0])
	if len(list) > 1 || err != nil || o.Host == "" || o.Opaque != "" {
		return false // also "null": sandboxed and local pages
	}
	host := r.Host
	if p.Host != nil {
		host = p.Host(r)
	}
	if sameHost(o, host) || p.Local && p.ClientIP != nil && p.ClientIP(r).IsLoopback() && isLoopback(o.Hostname()) {
		return true
	}
	return slices.ContainsFunc(p.Origins, func(entry string) bool {
		e, err := url.Parse(entry)
		return err == nil && e.Host != "" && strings.EqualFold(e.Scheme, o.Scheme) && sameHost(o, e.Host)
	})
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// sameHost compares host and port; a port left out is that of the origin's scheme.
func sameHost(o *url.URL, host string) bool {
	std := "80"
	if strings.EqualFold(o.Scheme, "https") {
		std = "443"
	}
	norm := func(h string) string {
		name, port, err := net.SplitHostPort(h)
		if err != nil {
			name, port = strings.Trim(h, "[]"), std
		}
		return net.JoinHostPort(strings.ToLower(name), port)
	}
	return host != "" && norm(o.Host) == norm(host)
}
