package turnd

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"go.uber.org/goleak"

	"veche.example/internal/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	secret = bytes.Repeat([]byte("s"), minSecret)
	lo4    = netip.AddrFrom4([4]byte{127, 0, 0, 1})
)

// rig is a server on a loopback UDP socket.
type rig struct {
	*Server
	udp *net.UDPAddr
}

// newRig starts a server that advertises its relays on loopback, unless change says otherwise.
func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	port := newPort(t, "127.0.0.1:0")
	c := Config{Secret: secret, Port: port, Relays: []Relay{{Advertise: lo4}}}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if st := s.Stats(); st.Allocations != 0 || st.Streams != 0 || len(s.clients.m) != 0 || s.quota.all != 0 ||
			len(s.quota.ips)+len(s.quota.members)+len(s.policy.byPort[0])+len(s.policy.byPort[1]) != 0 {
			t.Errorf("left over after Close: %+v, %d clients, quota %+v", st, len(s.clients.m), s.quota)
		}
	})
	return &rig{s, net.UDPAddrFromAddrPort(port.Addr())}
}

func newPort(t testing.TB, addr string) *udp.Port {
	t.Helper()
	port, err := udp.Listen(addr, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	return port
}

func (r *rig) drops(why dropReason) uint64 { return r.count.drops[why].Load() }

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// client is a real TURN client, pion's.
type realClient struct {
	*turn.Client
	conn net.PacketConn
}

func (r *rig) dialUDP(t testing.TB, member string) *realClient {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return r.client(t, conn, member)
}

func (r *rig) client(t testing.TB, conn net.PacketConn, member string) *realClient {
	t.Helper()
	user, password, _ := r.Credentials(member, time.Now())
	lf := logging.NewDefaultLoggerFactory()
	lf.DefaultLogLevel = logging.LogLevelDisabled
	c, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: r.udp.String(), TURNServerAddr: r.udp.String(), Username: user, Password: password,
		Realm: r.c.Realm, Conn: conn, LoggerFactory: lf, RTO: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		_ = conn.Close()
	})
	if err = c.Listen(); err != nil {
		t.Fatal(err)
	}
	return &realClient{c, conn}
}

// allocate gives the relayed conn, closed with the test.
func (c *realClient) allocate(t testing.TB) net.PacketConn {
	t.Helper()
	p, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func receive(t testing.TB, c net.PacketConn) (string, net.Addr) {
	t.Helper()
	b := make([]byte, 2000)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, from, err := c.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), from
}

// send writes until the answer is there, since the first packets may race with the other side's permission.
func pingPong(t testing.TB, a, b net.PacketConn, text string) {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		buf := make([]byte, 2000)
		_ = b.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, from, err := b.ReadFrom(buf)
		if err != nil || from.String() != a.LocalAddr().String() {
			got <- "failed: " + errors.Join(err, errors.New("from "+addrText(from))).Error()
			return
		}
		got <- string(buf[:n])
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

func addrText(a net.Addr) string {
	if a == nil {
		return "nowhere"
	}
	return a.String()
}

// echo is a UDP socket that sends back what it gets.
func echo(t testing.TB, addr string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return addrPortOf(c.LocalAddr())
}

// rawClient speaks TURN by hand.
type rawClient struct {
	t              testing.TB
	conn           *net.UDPConn
	user, password string
	realm          string
	nonce          stun.Nonce
}

func (r *rig) raw(t testing.TB, member string) *rawClient {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, r.udp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &rawClient{t: t, conn: conn, realm: r.c.Realm}
	c.user, c.password, _ = r.Credentials(member, time.Now())
	return c
}

// ask sends one request and gives the answer, nil if there is none in time. Without auth it is sent bare.
func (c *rawClient) ask(method stun.Method, auth bool, attrs ...stun.Setter) *stun.Message {
	c.t.Helper()
	set := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attrs...)
	if auth {
		set = append(set, stun.NewUsername(c.user), stun.NewRealm(c.realm), c.nonce,
			stun.NewLongTermIntegrity(c.user, c.realm, c.password))
	}
	m := stun.MustBuild(set...)
	if _, err := c.conn.Write(m.Raw); err != nil {
		c.t.Fatal(err)
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 2000)
	for {
		n, err := c.conn.Read(b)
		if err != nil {
			return nil
		}
		res := &stun.Message{Raw: append([]byte(nil), b[:n]...)}
		if res.Decode() == nil && res.TransactionID == m.TransactionID {
			return res
		}
	}
}

// hello gets a nonce.
func (c *rawClient) hello() {
	c.t.Helper()
	res := c.ask(stun.MethodAllocate, false)
	if res == nil || codeOf(res) != stun.CodeUnauthorized {
		c.t.Fatalf("first answer: %v", res)
	}
	if err := c.nonce.GetFrom(res); err != nil {
		c.t.Fatal(err)
	}
}

// udpTransport is REQUESTED-TRANSPORT for UDP.
var udpTransport = stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}

func (c *rawClient) allocate(attrs ...stun.Setter) *stun.Message {
	c.t.Helper()
	return c.ask(stun.MethodAllocate, true, append([]stun.Setter{udpTransport}, attrs...)...)
}

// codeOf is the error code of an answer, 0 for success and -1 for none.
func codeOf(m *stun.Message) stun.ErrorCode {
	if m == nil {
		return -1
	}
	var e stun.ErrorCodeAttribute
	if e.GetFrom(m) != nil {
		return 0
	}
	return e.Code
}

// peerAttr is XOR-PEER-ADDRESS.
type peerAttr netip.AddrPort

func (p peerAttr) AddTo(m *stun.Message) error {
	a := netip.AddrPort(p)
	x := stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}
	return x.AddToAs(m, stun.AttrXORPeerAddress)
}

func channelAttr(n uint16) stun.RawAttribute {
	return stun.RawAttribute{Type: stun.AttrChannelNumber, Value: []byte{byte(n >> 8), byte(n), 0, 0}}
}
