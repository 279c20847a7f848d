package rtc

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
)

// newTCPRig listens for ICE-TCP too.
func newTCPRig(t *testing.T) (*rig, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	return newRig(t, func(c *Config) { c.TCP, c.TCPAddrs = l, []netip.AddrPort{addr} }), l
}

func onlyTCP(se *webrtc.SettingEngine) {
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
}

// TestTCP: clients without UDP publish and watch by ICE-TCP.
func TestTCP(t *testing.T) {
	t.Parallel()
	r, _ := newTCPRig(t)
	pub := r.client(t, clientConfig{setting: onlyTCP})
	v := pub.source(media.VP8)
	pub.connect()
	if s := pub.peer.Stats(); !s.TCP {
		t.Fatalf("not by TCP: %+v", s)
	}
	stop := pump(t, v)
	defer stop()
	eventually(t, "track", func() bool { return pub.h.track("0") != nil })
	sub := r.client(t, clientConfig{setting: onlyTCP})
	sub.seat()
	sub.connect()
	must(t, sub.peer.Slot("1").Show(pub.h.track("0")))
	for range 20 {
		sub.expect("video", func(p received) bool { return p.mid == "1" })
	}
	if n := r.Stats().TCP; n < 2 { // a Pion client dials from each of its addresses
		t.Error(n, "connections")
	}
	sub.peer.Close()
	pub.peer.Close()
	eventually(t, "connections closed", func() bool { return r.Stats().TCP == 0 })
}

// TestUDPFirst: UDP is preferred where there is a choice.
func TestUDPFirst(t *testing.T) {
	t.Parallel()
	r, _ := newTCPRig(t)
	c := r.client(t, clientConfig{setting: func(se *webrtc.SettingEngine) {
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4})
	}})
	c.seat()
	c.connect()
	if c.peer.Stats().TCP {
		t.Error("by TCP although there is UDP")
	}
}

// TestTCPStrangers: connections that do not say whose they are are closed and hurt nobody.
func TestTCPStrangers(t *testing.T) {
	r, l := newTCPRig(t)
	for name, first := range map[string][]byte{
		"HTTP":       []byte("GET / HTTP/1.1\r\n\r\n"),
		"no length":  {0},
		"empty":      {0, 0},
		"huge":       {0xff, 0xff, 1, 2, 3},
		"not a user": append([]byte{0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...),
		"DTLS":       append(binary.BigEndian.AppendUint16(nil, 20), append([]byte{22, 254, 253}, make([]byte, 17)...)...),
	} {
		c, err := net.Dial("tcp", l.Addr().String())
		must(t, err)
		_, err = c.Write(first)
		must(t, err)
		if name == "no length" {
			_ = c.Close()
			continue
		}
		must(t, c.SetReadDeadline(time.Now().Add(patience1)))
		if n, err := c.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		_ = c.Close()
	}
	eventually(t, "all counted", func() bool { return r.Stats().Dropped["tcp-unknown"] == 6 })
	// One that says nothing does not keep the engine from closing.
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
}
