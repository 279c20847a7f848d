package turnd

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// TestSSRF: the whole battery through a real client, in both modes. Nothing may leave a relay.
func TestSSRF(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"strict": func(c *Config) { c.MediaAddrs = []netip.AddrPort{netip.MustParseAddrPort("[::]:7788")} },
		"open":   func(c *Config) { c.Mode = Open },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				change(c)
				c.Relays = []Relay{{Advertise: netip.MustParseAddr("198.41.0.4")}}
				if ip6 := netip.MustParseAddr("2a00::4"); haveIPv6() {
					c.Relays = append(c.Relays, Relay{Advertise: ip6})
				}
			})
			c4, c6 := r.raw(t, "four"), r.raw(t, "six")
			c4.hello()
			if code := codeOf(c4.allocate()); code != 0 {
				t.Fatal(code)
			}
			c6.hello()
			v6 := stun.RawAttribute{Type: stun.AttrRequestedAddressFamily, Value: []byte{2, 0, 0, 0}}
			if code := codeOf(c6.allocate(v6)); code != 0 && haveIPv6() {
				t.Fatal(code)
			}
			for i, s := range append([]string{"127.0.0.53", "198.41.0.4"}, battery...) {
				a := netip.MustParseAddr(s)
				c := c6
				if a.Unmap().Is4() {
					c = c4
				} else if !haveIPv6() {
					continue
				}
				peer := peerAttr(netip.AddrPortFrom(a, 80))
				code := codeOf(c.ask(stun.MethodCreatePermission, true, peer))
				own := s == "198.41.0.4" // other members' relays are there, so the address as such is permitted
				if (code == 0) != own {
					t.Errorf("permission for %s: %d", s, code)
				}
				code = codeOf(c.ask(stun.MethodChannelBind, true, channelAttr(uint16(0x4000+i)), peer))
				if (code == 0) != own {
					t.Errorf("channel to %s: %d", s, code)
				}
				data := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peer,
					stun.RawAttribute{Type: stun.AttrData, Value: []byte("evil")})
				_, _ = c.conn.Write(data.Raw)
				_, _ = c.conn.Write([]byte{0x40, byte(i), 0, 4, 'e', 'v', 'i', 'l'})
			}
			c4.ask(stun.MethodBinding, false) // all before it has been handled
			c6.ask(stun.MethodBinding, false)
			if s := r.Stats(); s.UpPackets != 0 || s.Dropped["relay_error"] != 0 || s.Dropped["permission_denied"] < 80 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func haveIPv6() bool {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// TestSameAddressOtherPort: a permission is for an address, but what is sent goes to our own ports only; and nothing comes
// in from another port either.
func TestSameAddressOtherPort(t *testing.T) {
	media := echo(t, "127.0.0.1:0")
	victim, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close()
	r := newRig(t, func(c *Config) { c.MediaAddrs = []netip.AddrPort{media} })
	relay := r.dialUDP(t, "a").allocate(t)
	for range 3 {
		if _, err = relay.WriteTo([]byte("evil"), victim.LocalAddr()); err != nil {
			t.Fatal(err) // the address is permitted, media is there
		}
	}
	eventually(t, "dropped", func() bool { return r.drops(dropPeerOut) >= 3 })
	if _, err = victim.WriteTo([]byte("evil"), relay.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dropped on the way in", func() bool { return r.drops(dropPeerIn) == 1 })
	if _, err = relay.WriteTo([]byte("good"), net.UDPAddrFromAddrPort(media)); err != nil {
		t.Fatal(err)
	}
	if got, _ := receive(t, relay); got != "good" {
		t.Errorf("%q came in", got)
	}
	_ = victim.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, _, err := victim.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("the victim got %d bytes", n)
	}
}

// TestOpenReaches: the open mode with an exception for loopback reaches it, and its own relays as well.
func TestOpenReaches(t *testing.T) {
	friend := echo(t, "127.0.0.1:0")
	r := newRig(t, func(c *Config) {
		c.Mode, c.AllowPeers = Open, mustPrefixes("127.0.0.1")
		c.Relays = []Relay{{Advertise: netip.MustParseAddr("198.41.0.4")}}
	})
	a, b := r.dialUDP(t, "a").allocate(t), r.dialUDP(t, "b").allocate(t)
	if _, err := a.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(friend)); err != nil {
		t.Fatal(err)
	}
	if got, from := receive(t, a); got != "x" || from.String() != friend.String() {
		t.Error(got, from)
	}
	if _, err := b.WriteTo([]byte("open the way"), a.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	pingPong(t, a, b, "relay to relay")
	if _, err := a.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 9}); err == nil ||
		!strings.Contains(err.Error(), "403") {
		t.Error("private address:", err)
	}
}
