package veche

import (
	"net"
	"strconv"
	"strings"
	"time"

	"veche.example/internal/session"
)

// iceServers are the STUN and TURN URLs (RFC 7064, RFC 7065) that work for a client, with credentials of the member's own:
// UDP first, then TCP, then whatever port the client's page came through, since that one is open.
func (n *network) iceServers(member string, reach session.Reach) []session.ICEServer {
	user, password, _ := n.turn.Credentials(member, time.Now())
	host, port := n.hostPort(reach)
	udp := net.JoinHostPort(host, strconv.Itoa(int(n.udp.Addr().Port())))
	urls := []string{"turn:" + udp + "?transport=udp"}
	n.mu.Lock()
	tcpPort, shared, secure := n.tcpPort, n.httpPort != 0, n.tls
	n.mu.Unlock()
	if tcpPort != 0 {
		urls = append(urls, "turn:"+net.JoinHostPort(host, strconv.Itoa(int(tcpPort)))+"?transport=tcp")
	}
	if shared && reach.Direct && port != "" {
		scheme := "turn:"
		if secure && reach.Secure {
			scheme = "turns:"
		}
		urls = append(urls, scheme+net.JoinHostPort(host, port)+"?transport=tcp")
	}
	return []session.ICEServer{
		{URLs: []string{"stun:" + udp}},
		{URLs: urls, Username: user, Credential: password},
	}
}

// hostPort is where the client's pages come from, without IPv6 brackets.
func (n *network) hostPort(r session.Reach) (host, port string) {
	host, port = r.Host, "80"
	if r.Secure {
		port = "443"
	}
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		host, port = h, p
	}
	if host = strings.Trim(host, "[]"); host == "" {
		host, port = n.addrs[0].String(), ""
	}
	return host, port
}
