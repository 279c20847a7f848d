package turnd

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"veche.example/internal/udp"
)

// TestRelayToRelay: two members' relays talk, also where what is advertised is on no interface (1:1 NAT): nothing leaves
// the machine.
func TestRelayToRelay(t *testing.T) {
	for _, advertise := range []string{"127.0.0.1", "198.41.0.4"} {
		for _, bind := range []string{"", "127.0.0.1", "0.0.0.0"} {
			t.Run(advertise+" on "+bind, func(t *testing.T) {
				r := newRig(t, func(c *Config) {
					c.Relays = []Relay{{Advertise: netip.MustParseAddr(advertise)}}
					if bind != "" {
						c.Relays[0].Bind = netip.MustParseAddr(bind)
					}
				})
				a, b := r.dialUDP(t, "a").allocate(t), r.dialUDP(t, "b").allocate(t)
				if got := addrPortOf(a.LocalAddr()).Addr().String(); got != advertise {
					t.Fatal("advertises", got)
				}
				if _, err := b.WriteTo([]byte("open the way"), a.LocalAddr()); err != nil {
					t.Fatal(err)
				}
				pingPong(t, a, b, "hello")
				if s := r.Stats(); s.UpPackets == 0 || s.DownPackets == 0 || s.UpBytes < 5 || s.DownBytes < 5 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// TestRelayToMedia: a relay reaches media under every address media has, and the client sees the answer come from the
// address it used.
func TestRelayToMedia(t *testing.T) {
	port, err := udp.Listen("0.0.0.0:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	media := port.Addr()
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		b := make([]byte, 2000)
		for {
			n, from, err := port.TURN().ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = port.TURN().WriteTo(b[:n], from)
		}
	}()
	defer func() {
		_ = port.Close()
		<-echoed
	}()
	public := netip.MustParseAddr("198.41.0.9")
	r := newRig(t, func(c *Config) {
		c.MediaAddrs = []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), media.Port())}
		c.PublicAddrs = []netip.Addr{public}
		c.Relays = []Relay{{Advertise: netip.MustParseAddr("198.41.0.4")}}
	})
	relay := r.dialUDP(t, "a").allocate(t)
	targets := []netip.Addr{public, netip.MustParseAddr("198.41.0.4")}
	for ip := range r.policy.ask().ips {
		if ip.Is4() && !ip.IsLoopback() {
			targets = append(targets, ip)
		}
	}
	for _, ip := range targets {
		to := netip.AddrPortFrom(ip, media.Port())
		m := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
		if _, err := relay.WriteTo(m.Raw, net.UDPAddrFromAddrPort(to)); err != nil {
			t.Fatal(ip, err)
		}
		if got, from := receive(t, relay); got != string(m.Raw) || from.String() != to.String() {
			t.Errorf("%v: %x from %v", to, got, from)
		}
	}
}

// TestQuota: a member cannot have more than its share, nor an address, nor all together; what is given back can be taken
// again.
func TestQuota(t *testing.T) {
	r := newRig(t, func(c *Config) { c.IPQuota, c.MaxAllocations = 6, 7 })
	open := func(member string) (*rawClient, stun.ErrorCode) {
		c := r.raw(t, member)
		c.hello()
		return c, codeOf(c.allocate())
	}
	first, code := open("alice")
	if code != 0 {
		t.Fatal(code)
	}
	for i := range 20 { // a flood from many ports
		_, code = open("alice")
		if want := i < 3; (code == 0) != want || !want && code != stun.CodeAllocQuotaReached {
			t.Fatalf("allocation %d of a member: %d", i+2, code)
		}
	}
	for i := range 4 {
		_, code = open(fmt.Sprint("other", i))
		if want := i < 2; (code == 0) != want {
			t.Errorf("allocation %d of an address: %d", i+5, code)
		}
	}
	if n := r.Stats().Allocations; n != 6 {
		t.Errorf("%d allocations", n)
	}
	if codeOf(first.ask(stun.MethodRefresh, true, stun.RawAttribute{Type: stun.AttrLifetime, Value: make([]byte, 4)})) != 0 {
		t.Fatal("not released")
	}
	eventually(t, "released", func() bool { return r.Stats().Allocations == 5 })
	if _, code = open("alice"); code != 0 {
		t.Error("what was given back:", code)
	}
	if r.drops(dropQuota) < 19 {
		t.Error(r.drops(dropQuota))
	}
}

// TestNotServed: reservations, TCP relays and the like are refused, and leave nothing behind.
func TestNotServed(t *testing.T) {
	r := newRig(t, nil)
	tcp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{6, 0, 0, 0}}
	v6 := stun.RawAttribute{Type: stun.AttrRequestedAddressFamily, Value: []byte{2, 0, 0, 0}}
	for name, c := range map[string]struct {
		attrs []stun.Setter
		code  stun.ErrorCode
	}{
		"EVEN-PORT":         {[]stun.Setter{udpTransport, stun.RawAttribute{Type: stun.AttrEvenPort, Value: []byte{0x80}}}, stun.CodeInsufficientCapacity},
		"RESERVATION-TOKEN": {[]stun.Setter{udpTransport, stun.RawAttribute{Type: stun.AttrReservationToken, Value: []byte("12345678")}}, stun.CodeInsufficientCapacity},
		"TCP":               {[]stun.Setter{tcp}, stun.CodeInsufficientCapacity},
		"IPv6":              {[]stun.Setter{udpTransport, v6}, stun.CodeInsufficientCapacity},
		"no lifetime":       {[]stun.Setter{udpTransport, stun.RawAttribute{Type: stun.AttrLifetime, Value: make([]byte, 4)}}, stun.CodeInsufficientCapacity},
		"no transport":      {nil, stun.CodeBadRequest},
		"DONT-FRAGMENT":     {[]stun.Setter{udpTransport, stun.RawAttribute{Type: stun.AttrDontFragment}}, stun.CodeUnknownAttribute},
	} {
		for range 5 {
			cl := r.raw(t, "alice")
			cl.hello()
			if code := codeOf(cl.ask(stun.MethodAllocate, true, c.attrs...)); code != c.code {
				t.Fatalf("%s: %d, want %d", name, code, c.code)
			}
			_ = cl.conn.Close()
		}
	}
	if s := r.Stats(); s.Allocated != 0 || s.Allocations != 0 {
		t.Errorf("%+v", s)
	}
	c := r.raw(t, "alice")
	c.hello()
	if code := codeOf(c.allocate()); code != 0 {
		t.Fatal("quota was eaten:", code)
	}
	for _, m := range []stun.Method{stun.MethodConnect, stun.MethodConnectionBind} {
		if res := c.ask(m, true, peerAttr(netip.AddrPortFrom(lo4, 80))); res != nil {
			t.Errorf("%v is answered: %v", m, res)
		}
	}
}

// TestPermissionQuota: neither permissions nor channels of one allocation grow without bound.
func TestPermissionQuota(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Mode, c.PermissionQuota = Open, 5 })
	c := r.raw(t, "alice")
	c.hello()
	if code := codeOf(c.allocate()); code != 0 {
		t.Fatal(code)
	}
	peer := func(i int, port uint16) peerAttr {
		return peerAttr(netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, 8, byte(i)}), port))
	}
	for range 2 { // the second time it is a refresh
		for i := range 5 {
			if code := codeOf(c.ask(stun.MethodCreatePermission, true, peer(i, 9))); code != 0 {
				t.Fatal(i, code)
			}
		}
	}
	if code := codeOf(c.ask(stun.MethodCreatePermission, true, peer(5, 9))); code != stun.CodeForbidden {
		t.Error("sixth permission:", code)
	}
	for range 2 {
		for i := range uint16(5) {
			if code := codeOf(c.ask(stun.MethodChannelBind, true, channelAttr(0x4000+i), peer(0, 100+i))); code != 0 {
				t.Fatal(i, code)
			}
		}
	}
	if res := c.ask(stun.MethodChannelBind, true, channelAttr(0x4005), peer(0, 105)); res != nil {
		t.Error("sixth channel:", res)
	}
	if r.drops(dropChannelQuota) != 1 || r.drops(dropPermQuota) != 1 {
		t.Error(r.Stats().Dropped)
	}
}

// TestNested: a relay is no TURN client.
func TestNested(t *testing.T) {
	r := newRig(t, nil)
	r.policy.media = append(r.policy.media, addrPortOf(r.udp)) // TURN shares the port of media, as in the product
	relay := r.dialUDP(t, "a").allocate(t)
	m := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	if _, err := relay.WriteTo(m.Raw, r.udp); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dropped", func() bool { return r.drops(dropNested) == 1 })
}

// TestFlood: requests without credentials are answered up to a rate only; a client with an allocation is not touched.
func TestFlood(t *testing.T) {
	r := newRig(t, nil)
	member := r.raw(t, "alice")
	member.hello()
	if code := codeOf(member.allocate()); code != 0 {
		t.Fatal(code)
	}
	bot := r.raw(t, "mallory")
	for range 3 * limiterBurst {
		m := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest))
		if _, err := bot.conn.Write(m.Raw); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "limited", func() bool { return r.drops(dropRate) > 0 })
	lifetime := stun.RawAttribute{Type: stun.AttrLifetime, Value: []byte{0, 0, 2, 88}}
	if code := codeOf(member.ask(stun.MethodRefresh, true, lifetime)); code != 0 {
		t.Error("a member is hit:", code)
	}
}

// TestPorts: relays keep to a configured range, and to their number.
func TestPorts(t *testing.T) {
	r := newRig(t, func(c *Config) { c.PortMin, c.PortMax = 39710, 39711 })
	for i := range 3 {
		c := r.raw(t, "alice")
		c.hello()
		res := c.allocate()
		if i == 2 {
			if codeOf(res) != stun.CodeInsufficientCapacity {
				t.Error(res)
			}
			break
		}
		var x stun.XORMappedAddress
		if err := x.GetFromAs(res, stun.AttrXORRelayedAddress); err != nil || x.Port < 39710 || x.Port > 39711 {
			t.Error(x, err)
		}
	}
}

// TestOnePort: TURN on the port of media, as the product has it; a relay reaches an ICE agent there.
func TestOnePort(t *testing.T) {
	var port *udp.Port
	r := newRig(t, func(c *Config) {
		port = c.Port
		c.MediaAddrs = []netip.AddrPort{port.Addr()}
		c.Relays = []Relay{{Advertise: netip.MustParseAddr("198.41.0.4")}}
		c.Alias = port.Alias
	})
	agent, err := port.Mux().GetConn("srv", r.udp)
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	client := r.dialUDP(t, "a")
	if mapped, err := client.SendBindingRequest(); err != nil || mapped.String() != client.conn.LocalAddr().String() {
		t.Error("STUN:", mapped, err)
	}
	relay := client.allocate(t)
	check := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("srv:cli"))
	public := &net.UDPAddr{IP: net.IPv4(198, 41, 0, 4), Port: r.udp.Port}
	if _, err = relay.WriteTo(check.Raw, public); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2000)
	_ = agent.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, from, err := agent.ReadFrom(b)
	if err != nil || string(b[:n]) != string(check.Raw) {
		t.Fatal(n, err)
	}
	if from.String() != relay.LocalAddr().String() {
		t.Errorf("the agent knows the relay as %v, its client as %v", from, relay.LocalAddr())
	}
	answer := stun.MustBuild(check, stun.BindingSuccess)
	if _, err = agent.WriteTo(answer.Raw, from); err != nil {
		t.Fatal(err)
	}
	if got, from := receive(t, relay); got != string(answer.Raw) || from.String() != public.String() {
		t.Errorf("%x from %v", got, from)
	}
}
