package turnd

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"veche.example/internal/udp"
)

// toLoopback lets relays reach sockets of the test.
func toLoopback(c *Config) { c.Mode, c.AllowPeers = Open, mustPrefixes("127.0.0.0/8") }

// channelClient is a raw client with an allocation.
type channelClient struct {
	*rawClient
	relay *relayConn
}

func (r *rig) allocated(t testing.TB, member string) *channelClient {
	t.Helper()
	c := r.raw(t, member)
	c.hello()
	res := c.allocate()
	var x stun.XORMappedAddress
	if err := x.GetFromAs(res, stun.AttrXORRelayedAddress); err != nil {
		t.Fatal(res, err)
	}
	// Pion starts the timer of a permission after telling of it, and stops it at the end, without a lock of its own: a request
	// in between, which takes ours, puts the two in order.
	t.Cleanup(func() { c.allocate() })
	return &channelClient{c, r.relayAt(&net.UDPAddr{IP: x.IP, Port: x.Port})}
}

func (c *channelClient) bind(number uint16, peer netip.AddrPort) stun.ErrorCode {
	c.t.Helper()
	return codeOf(c.ask(stun.MethodChannelBind, true, channelAttr(number), peerAttr(peer)))
}

func (c *channelClient) mustBind(number uint16, peer netip.AddrPort) {
	c.t.Helper()
	if code := c.bind(number, peer); code != 0 {
		c.t.Fatal("ChannelBind:", code)
	}
}

// fast reports whether what is sent by the channel goes past Pion's server.
func (c *channelClient) fast(number uint16) bool {
	_, ok := c.relay.lane.Load().current().up[number]
	return ok
}

func (c *channelClient) send(number uint16, data []byte, padding int) {
	c.t.Helper()
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, number), uint16(len(data)))
	if _, err := c.conn.Write(append(append(b, data...), make([]byte, padding)...)); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads one ChannelData message.
func (c *channelClient) expect(number uint16, data []byte) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 4096)
	n, err := c.conn.Read(b)
	want := append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, number), uint16(len(data))), data...)
	if err != nil || !bytes.Equal(b[:n], want) {
		c.t.Fatalf("%d bytes %.40x, %v; want %d bytes %.40x", n, b[:n], err, len(want), want)
	}
}

// flushed has everything that was sent before dealt with.
func (c *channelClient) flushed() {
	c.t.Helper()
	if res := c.ask(stun.MethodBinding, false); res == nil {
		c.t.Fatal("no answer")
	}
}

// socket is a peer.
func socket(t testing.TB) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, addrPortOf(c.LocalAddr())
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + n)
	}
	return b
}

// TestChannelSizes: data of every kind of length passes both ways as it is, padded or not, also what no link takes in one
// piece; what is cut off or longer than any packet is dropped.
func TestChannelSizes(t *testing.T) {
	r := newRig(t, toLoopback)
	c := r.allocated(t, "alice")
	conn, peer := socket(t)
	c.mustBind(0x4001, peer)
	if !c.fast(0x4001) {
		t.Fatal("the channel goes through Pion")
	}
	for _, n := range []int{1, 2, 3, 4, 5, 99, 172, 1199, 1200, 1472, 1501, 1900} {
		for padding := range 4 {
			data := pattern(n)
			c.send(0x4001, data, padding)
			if got, from := receive(t, conn); got != string(data) || from.String() != c.relay.local.String() {
				t.Fatalf("%d bytes with %d of padding: got %d from %v", n, padding, len(got), from)
			}
		}
		data := pattern(n)
		if _, err := conn.WriteToUDPAddrPort(data, c.relay.local); err != nil {
			t.Fatal(err)
		}
		c.expect(0x4001, data)
	}
	before := r.Stats()
	for _, bad := range [][]byte{{0x40}, {0x40, 1, 0}, {0x40, 1, 0, 1}, {0x40, 1, 255, 255, 1, 2}, {0x4f, 255, 0, 2, 1}} {
		if _, err := c.conn.Write(bad); err != nil {
			t.Fatal(err)
		}
	}
	c.send(0x4001, pattern(3000), 0)
	c.flushed()
	if s := r.c.Port.Stats(); s.Dropped["malformed"] != 5 || s.Dropped["oversize"] != 1 {
		t.Error(s.Dropped)
	}
	if s := r.Stats(); s.UpPackets != before.UpPackets || s.UpBytes != before.UpBytes || s.UpPackets != 48 || s.DownPackets != 12 {
		t.Errorf("%+v", s)
	}
}

// TestChannelOfNobody: a channel that is not bound, and ChannelData without an allocation, reach nobody.
func TestChannelOfNobody(t *testing.T) {
	r := newRig(t, toLoopback)
	c := r.allocated(t, "alice")
	_, peer := socket(t)
	c.mustBind(0x4001, peer)
	c.send(0x4002, []byte("evil"), 0)
	stranger := &channelClient{r.raw(t, "mallory"), nil}
	stranger.send(0x4001, []byte("evil"), 0)
	c.flushed()
	eventually(t, "dropped", func() bool { return r.drops(dropNoAllocation) == 1 })
	if s := r.Stats(); s.UpPackets != 0 {
		t.Errorf("%+v", s)
	}
}

// TestPermissionExpires: without permission nothing passes in either direction, though the channel is bound; with a new one
// it does again (RFC 8656 §9).
func TestPermissionExpires(t *testing.T) {
	r := newRig(t, func(c *Config) {
		toLoopback(c)
		c.permissionLife = 100 * time.Millisecond
	})
	c := r.allocated(t, "alice")
	conn, peer := socket(t)
	c.mustBind(0x4001, peer)
	eventually(t, "expired", func() bool { return !c.fast(0x4001) })
	c.send(0x4001, []byte("late"), 0)
	if _, err := conn.WriteToUDPAddrPort([]byte("late"), c.relay.local); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dropped", func() bool { return r.drops(dropNoPermission) == 2 })
	if s := r.Stats(); s.UpPackets+s.DownPackets != 0 {
		t.Errorf("%+v", s)
	}
	back := c.relay.lane.Load()
	back.mu.Lock()
	bound := back.channels[0x4001]
	back.mu.Unlock()
	if bound == nil {
		t.Fatal("the channel has ended with the permission")
	}
	c.mustBind(0x4001, peer) // refreshes both
	data := []byte("in time")
	c.send(0x4001, data, 0)
	if r.drops(dropNoPermission) == 2 { // unless the machine was too slow for the life of a permission
		if got, _ := receive(t, conn); got != string(data) {
			t.Errorf("%q", got)
		}
	}
}

// TestChannelExpires: a channel that has expired carries nothing, and its number can be bound to another peer, which gets
// what is sent then, and nobody else.
func TestChannelExpires(t *testing.T) {
	r := newRig(t, func(c *Config) {
		toLoopback(c)
		c.channelLife = 100 * time.Millisecond
	})
	c := r.allocated(t, "alice")
	first, one := socket(t)
	second, two := socket(t)
	c.mustBind(0x4001, one)
	if code := c.bind(0x4001, two); code != stun.CodeBadRequest && c.fast(0x4001) {
		t.Error("one number for two peers:", code)
	}
	if code := c.bind(0x4002, one); code != stun.CodeBadRequest && c.fast(0x4001) {
		t.Error("two numbers for one peer:", code)
	}
	eventually(t, "expired", func() bool { return !c.fast(0x4001) && !c.fast(0x4002) })
	c.send(0x4001, []byte("late"), 0)
	c.flushed()
	if s := r.Stats(); s.UpPackets != 0 {
		t.Errorf("%+v", s)
	}
	// The permission is there still: data comes in as an indication.
	if _, err := first.WriteToUDPAddrPort([]byte("plain"), c.relay.local); err != nil {
		t.Fatal(err)
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 2000)
	n, err := c.conn.Read(b)
	m := &stun.Message{Raw: b[:n]}
	if err != nil || m.Decode() != nil || m.Type.Method != stun.MethodData {
		t.Fatalf("%x %v", b[:n], err)
	}
	for range 50 { // each may be too late on a slow machine
		c.mustBind(0x4001, two)
		c.send(0x4001, []byte("hello"), 0)
		c.flushed()
		if r.Stats().UpPackets > 0 {
			break
		}
	}
	if got, _ := receive(t, second); got != "hello" {
		t.Errorf("%q", got)
	}
	_ = first.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := first.Read(b); err == nil {
		t.Errorf("the first peer got %q", b[:n])
	}
}

// TestAllocationEnds: neither an allocation that its client has deleted nor one that was revoked carries anything.
func TestAllocationEnds(t *testing.T) {
	for name, end := range map[string]func(r *rig, c *channelClient){
		"deleted": func(_ *rig, c *channelClient) {
			if code := codeOf(c.ask(stun.MethodRefresh, true, stun.RawAttribute{Type: stun.AttrLifetime, Value: make([]byte, 4)})); code != 0 {
				t.Error(code)
			}
		},
		"revoked": func(r *rig, _ *channelClient) { r.Revoke("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, toLoopback)
			c := r.allocated(t, "alice")
			conn, peer := socket(t)
			c.mustBind(0x4001, peer)
			c.send(0x4001, []byte("x"), 0)
			receive(t, conn)
			end(r, c)
			eventually(t, "ended", func() bool { return r.Stats().Allocations == 0 && !r.clients.has(streamless(c, r)) })
			c.send(0x4001, []byte("late"), 0)
			eventually(t, "dropped", func() bool { return r.drops(dropNoAllocation) == 1 })
			if s := r.Stats(); s.UpPackets != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func streamless(c *channelClient, r *rig) clientKey { return keyOf(c.conn.LocalAddr(), r.udp) }

// TestLaneFollowsPolicy: what the policy says now counts, not what it said when the channel was bound.
func TestLaneFollowsPolicy(t *testing.T) {
	r := newRig(t, nil) // strict
	a, b := r.allocated(t, "alice"), r.allocated(t, "bob")
	a.mustBind(0x4001, b.relay.advertised)
	b.mustBind(0x4002, a.relay.advertised)
	in := r.c.Port.Stats().PacketsIn
	a.send(0x4001, []byte("from a"), 0)
	b.expect(0x4002, []byte("from a"))
	b.send(0x4002, []byte("from b"), 0)
	a.expect(0x4001, []byte("from b"))
	if n := r.c.Port.Stats().PacketsIn - in; n != 2 {
		t.Errorf("%d packets instead of 2 came in", n)
	}
	if s := r.Stats(); s.UpPackets != 2 || s.DownPackets != 2 || s.UpBytes != 12 || s.DownBytes != 12 {
		t.Errorf("%+v", s)
	}
	gone := b.relay.local
	r.Revoke("bob")
	eventually(t, "ended", func() bool { return r.Stats().Allocations == 1 })
	victim, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(gone)) // somebody else has the port
	if err != nil {
		t.Skip("the port was taken at once:", err)
	}
	defer victim.Close()
	a.send(0x4001, []byte("evil"), 0)
	eventually(t, "dropped", func() bool { return r.drops(dropPeerOut) == 1 })
	if _, err := victim.WriteToUDPAddrPort([]byte("evil"), a.relay.local); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dropped on the way in", func() bool { return r.drops(dropPeerIn) == 1 })
	_ = victim.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := victim.Read(make([]byte, 10)); err == nil {
		t.Errorf("the victim got %d bytes", n)
	}
}

// TestLaneFollowsInterfaces: an address that becomes the machine's own is refused from then on.
func TestLaneFollowsInterfaces(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Mode = Open })
	c := r.allocated(t, "alice")
	public := netip.MustParseAddr("8.8.8.8")
	c.mustBind(0x4001, netip.AddrPortFrom(public, 9))
	if !c.fast(0x4001) {
		t.Fatal("refused")
	}
	r.policy.own.Store(&ownAddrs{ips: map[netip.Addr]struct{}{public: {}}, when: time.Now()})
	r.policy.epoch.Add(1)
	if c.fast(0x4001) {
		t.Error("an own address is reached")
	}
	r.policy.own.Store(&ownAddrs{ips: map[netip.Addr]struct{}{public: {}}}) // long ago
	epoch := r.policy.epoch.Load()
	r.renewAddrs()
	if r.policy.epoch.Load() == epoch || !c.fast(0x4001) {
		t.Error("the system is not asked")
	}
}

// TestToOwnMedia: what a relay exchanges with the media port of the same process passes through no socket in between, and
// the client is answered by the channel it used.
func TestToOwnMedia(t *testing.T) {
	public := netip.MustParseAddr("198.41.0.4")
	var port *udp.Port
	r := newRig(t, func(c *Config) {
		port = c.Port
		c.MediaAddrs = []netip.AddrPort{port.Addr()}
		c.Relays = []Relay{{Advertise: public}}
		c.Alias = port.Alias
	})
	agent, err := port.Mux().GetConn("srv", r.udp)
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	c := r.allocated(t, "alice")
	c.mustBind(0x4001, port.Addr())
	c.mustBind(0x4002, netip.AddrPortFrom(public, port.Addr().Port()))
	b := make([]byte, 2000)
	read := func() ([]byte, net.Addr) {
		_ = agent.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, from, err := agent.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return b[:n], from
	}
	in, out := port.Stats().PacketsIn, port.Stats().PacketsOut
	for number := uint16(0x4001); number <= 0x4002; number++ {
		check := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("srv:cli"))
		c.send(number, check.Raw, 0)
		got, from := read()
		if !bytes.Equal(got, check.Raw) || from.String() != c.relay.advertised.String() {
			t.Fatalf("%x from %v", got, from)
		}
		answer := stun.MustBuild(check, stun.BindingSuccess)
		if _, err := agent.WriteTo(answer.Raw, from); err != nil {
			t.Fatal(err)
		}
		c.expect(number, answer.Raw)
		media := append([]byte{0x80, 96}, pattern(1000)...)
		c.send(number, media, 2)
		if got, _ := read(); !bytes.Equal(got, media) {
			t.Fatalf("%d bytes", len(got))
		}
		if _, err := agent.WriteTo(media, from); err != nil {
			t.Fatal(err)
		}
		c.expect(number, media)
	}
	// A request of before may have been repeated by its client; by the relay's socket there would be twice as many.
	if s := port.Stats(); s.PacketsIn-in > 6 || s.PacketsOut-out > 6 {
		t.Errorf("%d in, %d out: something took the way by the relay's socket", s.PacketsIn-in, s.PacketsOut-out)
	}
	if s := r.Stats(); s.UpPackets != 4 || s.DownPackets != 4 {
		t.Errorf("%+v", s)
	}
	r.Revoke("alice")
	eventually(t, "ended", func() bool { return r.Stats().Allocations == 0 })
	_, _ = agent.WriteTo([]byte{0x80, 96, 0, 0, 0, 0, 0, 0}, net.UDPAddrFromAddrPort(c.relay.advertised))
	if s := r.Stats(); s.DownPackets != 4 {
		t.Error("answers a client without allocation")
	}
}

// TestLaneOfPion: a channel of Pion's own client, both ways.
func TestLaneOfPion(t *testing.T) {
	r := newRig(t, toLoopback)
	client := r.dialUDP(t, "alice")
	relay := client.allocate(t)
	peer := echo(t, "127.0.0.1:0")
	at := r.relayAt(relay.LocalAddr())
	for i := 0; len(at.lane.Load().current().up) == 0; i++ { // the client binds a channel in its own time
		if _, err := relay.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(peer)); err != nil {
			t.Fatal(err)
		}
		receive(t, relay)
		if i > 5000 {
			t.Fatal("no channel")
		}
	}
	for i := range 20 {
		data := pattern(100 * i)[:100*i+0]
		data = append(data, 'x')
		if _, err := relay.WriteTo(data, net.UDPAddrFromAddrPort(peer)); err != nil {
			t.Fatal(err)
		}
		if got, from := receive(t, relay); got != string(data) || from.String() != peer.String() {
			t.Fatalf("%d bytes from %v", len(got), from)
		}
	}
}

// TestLaneAllocations: relaying allocates nothing, to a peer, from a peer, and in memory.
func TestLaneAllocations(t *testing.T) {
	r := newRig(t, func(c *Config) {
		toLoopback(c)
		c.MediaAddrs = []netip.AddrPort{c.Port.Addr()}
	})
	a, b := r.allocated(t, "alice"), r.allocated(t, "bob")
	_, peer := socket(t)
	a.mustBind(0x4001, peer)
	a.mustBind(0x4002, r.c.Port.Addr())
	a.mustBind(0x4003, b.relay.advertised)
	b.mustBind(0x4003, a.relay.advertised)
	out := r.c.Port.Mux().NewBatch()
	data, lane := pattern(1000), a.relay.lane.Load()
	for name, f := range map[string]func(){
		"up":       func() { lane.Relay(0x4001, data, out) },
		"to media": func() { lane.Relay(0x4002, data, out) },
		"to relay": func() { lane.Relay(0x4003, data, out) },
		"down":     func() { a.relay.Receive(data, peer, out) },
	} {
		before := r.Stats()
		if n := testing.AllocsPerRun(200, func() {
			for range 3 {
				f()
			}
			out.Flush()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if s := r.Stats(); s.UpPackets+s.DownPackets-before.UpPackets-before.DownPackets < 600 {
			t.Errorf("%s: nothing was relayed", name)
		}
	}
}
