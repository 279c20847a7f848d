package vtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"

	"veche.example"
	"veche.example/internal/signal/native/proto"
)

// onePort is a whole server whose listener is shared as cmd/veche shares it: HTTP, TURN and ICE on one TCP port.
type onePort struct {
	*stand
	server *veche.Server
}

func newOnePort(t testing.TB, secure bool, change ...func(*veche.Config)) *onePort {
	t.Helper()
	c := veche.DefaultConfig()
	c.Auth.OpenRooms = true
	c.Media.UDP, c.Media.TCP, c.Media.Loopback = "127.0.0.1:0", "127.0.0.1:0", true
	for _, f := range change {
		f(&c)
	}
	s, err := veche.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conf *tls.Config
	url := "http://" + l.Addr().String()
	if secure {
		conf, url = certificate(t), "https://"+l.Addr().String()
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: patience}
	served := make(chan error, 1)
	go func() { served <- web.Serve(s.Listener(l, conf)) }()
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(func() {
		defer cancel()
		if err := errors.Join(s.Close(ctx), web.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
		<-served
	})
	return &onePort{&stand{t, ctx, url, nil}, s}
}

func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

var anyCertificate = &tls.Config{InsecureSkipVerify: true}

// relayOf opens a relay as a browser would, by one of the URLs of a welcome.
func (s *onePort) relayOf(list []proto.ICEServer, url string) (net.PacketConn, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	address, transport, _ := strings.Cut(rest, "?transport=")
	var user, password string
	for _, server := range list {
		if server.Username != "" {
			user, password = server.Username, server.Credential
		}
	}
	var conn net.PacketConn
	var err error
	switch scheme + " " + transport {
	case "turn udp":
		conn, err = net.ListenPacket("udp4", "127.0.0.1:0")
	case "turn tcp", "turns tcp":
		var stream net.Conn
		if stream, err = net.Dial("tcp", address); err == nil && scheme == "turns" {
			stream = tls.Client(stream, anyCertificate)
		}
		if err == nil {
			conn = turn.NewSTUNConn(stream)
		}
	default:
		err = fmt.Errorf("no such way: %s", url)
	}
	if err != nil {
		return nil, err
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	c, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: address, STUNServerAddr: address, Username: user, Password: password, Conn: conn, LoggerFactory: quiet, RTO: 100 * time.Millisecond,
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.t.Cleanup(func() {
		c.Close()
		_ = conn.Close()
	})
	if err := c.Listen(); err != nil {
		return nil, err
	}
	relay, err := c.Allocate()
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = relay.Close() })
	return relay, nil
}

// urls are the TURN URLs of a welcome.
func urls(list []proto.ICEServer) []string {
	var out []string
	for _, server := range list {
		for _, u := range server.URLs {
			if strings.HasPrefix(u, "turn") {
				out = append(out, u)
			}
		}
	}
	return out
}

// passes wants a text that a sends to come out at b. The first ones may come before b's permission.
func passes(t testing.TB, a, b net.PacketConn, text string) {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		buf := make([]byte, 1500)
		_ = b.SetReadDeadline(time.Now().Add(patience))
		for {
			n, _, err := b.ReadFrom(buf)
			if err != nil {
				got <- err.Error()
				return
			}
			if string(buf[:n]) == text {
				got <- text
				return
			}
		}
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := a.WriteTo([]byte(text), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		select {
		case g := <-got:
			if g != text {
				t.Fatalf("%q, want %q", g, text)
			}
			return
		case <-tick.C:
		}
	}
}

func (s *onePort) allocations() string {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.server.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if n, ok := strings.CutPrefix(line, "veche_turn_allocations "); ok {
			return strings.TrimSpace(n)
		}
	}
	s.t.Fatal("no veche_turn_allocations")
	return ""
}

// TestTURN: a member's own credentials open relays on every way that its welcome names, UDP, TCP and the very port of
// the pages, with TLS if they have it; the relays reach each other and nothing else; they end with the member.
func TestTURN(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			s := newOnePort(t, secure)
			boss, guest := s.join(Bot{Name: "boss", TLS: anyCertificate}), s.join(Bot{Name: "guest", TLS: anyCertificate})
			ways, far := urls(boss.Welcome().ICEServers), guest.Welcome().ICEServers
			page := map[bool]string{false: "turn:", true: "turns:"}[secure] + s.url[strings.Index(s.url, "://")+3:] + "?transport=tcp"
			if len(ways) != 3 || ways[2] != page {
				t.Fatalf("ways %v, the last should be %s", ways, page)
			}
			other, err := s.relayOf(far, urls(far)[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, way := range ways {
				relay, err := s.relayOf(boss.Welcome().ICEServers, way)
				if err != nil {
					t.Fatalf("%s: %v", way, err)
				}
				if _, err := other.WriteTo([]byte("opens the way"), relay.LocalAddr()); err != nil {
					t.Fatal(err)
				}
				passes(t, relay, other, "by "+way)
				s.strict(relay, other)
				_ = relay.Close()
			}
			s.bound(far)
			boss.must(proto.Remove{Member: guest.ID()})
			boss.wait("its relay ends too", func(State) bool { return s.allocations() == "0" })
			for _, way := range urls(far) {
				if _, err := s.relayOf(far, way); err == nil {
					t.Errorf("%s: the credentials of a removed member are good", way)
				}
			}
		})
	}
}

// strict: a relay reaches neither addresses of others nor other ports of this machine.
func (s *onePort) strict(relay, other net.PacketConn) {
	s.t.Helper()
	if _, err := relay.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9}); err == nil {
		s.t.Error("a permission for a foreign address")
	}
	local, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = local.Close() }()
	if _, err := relay.WriteTo([]byte("x"), local.LocalAddr()); err != nil {
		return // refused at once
	}
	passes(s.t, relay, other, "after it")
	_ = local.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, _, err := local.ReadFrom(make([]byte, 10)); err == nil {
		s.t.Errorf("%d bytes at a socket of this machine that is not ours", n)
	}
}

// bound: a password is good for its own user name only, which names a member and a time.
func (s *onePort) bound(list []proto.ICEServer) {
	s.t.Helper()
	for i := range list {
		expiry, member, ok := strings.Cut(list[i].Username, ":")
		if !ok {
			continue
		}
		for _, forged := range []string{expiry + ":x" + member, "9" + expiry + ":" + member, expiry + ":"} {
			copied := []proto.ICEServer{list[i]}
			copied[0].Username = forged
			if _, err := s.relayOf(copied, list[i].URLs[0]); err == nil {
				s.t.Errorf("the password of %s is good for %s", list[i].Username, forged)
			}
		}
	}
}

// TestICEServersAreRenewed: the request "ice" gives other credentials that work.
func TestICEServersAreRenewed(t *testing.T) {
	s := newOnePort(t, false)
	c := s.join(Bot{Name: "c"})
	ok, err := c.Ask(s.ctx, proto.ICE{})
	if err != nil || ok.ICEServers == nil {
		t.Fatalf("%+v %v", ok, err)
	}
	fresh := *ok.ICEServers
	if _, err := s.relayOf(fresh, urls(fresh)[0]); err != nil {
		t.Error(err)
	}
}

// TestICETCP: without UDP media goes straight to the server by TCP, to a port of its own or to that of the pages.
func TestICETCP(t *testing.T) {
	for name, port := range map[string]string{"a port of its own": "127.0.0.1:0", "the port of the pages": ""} {
		t.Run(name, func(t *testing.T) {
			s := newOnePort(t, false, func(c *veche.Config) { c.Media.TCP = port })
			p := s.join(Bot{Name: "p", Publish: true, TCP: true})
			w := s.join(Bot{Name: "w", Seats: 1, Watch: true, TCP: true})
			w.sees(0, p.ID(), "live", "live")
			w.flows(0)
			pair, err := w.peer.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
			if err != nil || pair == nil || pair.Remote.Protocol != webrtc.ICEProtocolTCP {
				t.Errorf("by %v, %v", pair, err)
			}
		})
	}
}

// TestRelaysOfAMember: a browser opens one relay per way for each of its connections, and has several of these: links to
// everybody in a forced P2P room, or the old and the new one while the topology changes.
func TestRelaysOfAMember(t *testing.T) {
	s := newOnePort(t, false)
	c := s.join(Bot{Name: "c"})
	for connection := range 5 {
		for _, way := range urls(c.Welcome().ICEServers) {
			if _, err := s.relayOf(c.Welcome().ICEServers, way); err != nil {
				t.Errorf("connection %d, %s: %v", connection, way, err)
			}
		}
	}
}
