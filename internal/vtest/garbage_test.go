package vtest

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// tap is a client's socket by which a test sends what it likes to where the client sends its media.
type tap struct {
	net.PacketConn
	to atomic.Pointer[net.UDPAddr]
}

// WriteTo implements net.PacketConn.
func (x *tap) WriteTo(b []byte, to net.Addr) (int, error) {
	if u, ok := to.(*net.UDPAddr); ok && len(b) > 0 && b[0] >= 20 { // DTLS, SRTP
		x.to.Store(u)
	}
	return x.PacketConn.WriteTo(b, to)
}

func (x *tap) say(t testing.TB, b []byte) {
	t.Helper()
	if _, err := x.PacketConn.WriteTo(b, x.to.Load()); err != nil {
		t.Fatal(err)
	}
}

// drops is what the server's metrics say of a part's drops.
func (s *stand) drops(part, reason string) int {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.server.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	name := `veche_dropped_total{part="` + part + `",reason="` + reason + `"} `
	for line := range strings.Lines(w.Body.String()) {
		if v, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return int(n)
		}
	}
	return 0
}

// TestGarbage: a publisher sends what nobody can use, from outside and from within its own encryption. It is counted by
// its reasons, and ends the publisher when it makes up sources; another pair in the same room notices nothing.
func TestGarbage(t *testing.T) {
	s := newStand(t)
	honest := s.join(Bot{Name: "honest", Publish: true})
	sees := s.join(Bot{Name: "sees", Seats: 2, Watch: true})
	sees.sees(0, honest.ID(), "live", "live")
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &tap{PacketConn: conn}
	mux := webrtc.NewICEUDPMux(logging.NewDefaultLoggerFactory().NewLogger("ice"), x)
	t.Cleanup(func() { _ = mux.Close() })
	bad := s.join(Bot{Name: "bad", Publish: true, setting: func(e *webrtc.SettingEngine) { e.SetICEUDPMux(mux) }})
	sees.sees(1, bad.ID(), "live", "live")
	rtp := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		b[0], b[1] = 0x80, 96
		return b
	}
	control := rtp(60)
	control[1] = 201
	pc := bad.peer.pc
	for _, c := range []struct {
		name, part, reason string
		send               func()
	}{
		{"undecryptable RTP", "media", "auth", func() { x.say(t, rtp(600)) }},
		{"undecryptable RTCP", "media", "auth", func() { x.say(t, control) }},
		{"a header that says more than there is", "media", "auth", func() { b := rtp(20); b[0] = 0x9f; x.say(t, b) }},
		{"oversized", "udp", "oversize", func() { x.say(t, rtp(9000)) }},
		{"too short", "udp", "malformed", func() { x.say(t, []byte{0x80, 96, 1}) }},
		{"RTCP that is cut off", "media", "malformed", func() {
			raw := rtcp.RawPacket(append([]byte{0x81, 201, 0, 7}, bytes.Repeat([]byte{7}, 10)...))
			_ = pc.WriteRTCP([]rtcp.Packet{&raw})
		}},
	} {
		before := s.drops(c.part, c.reason)
		s.until(c.name, func() bool {
			for range 50 {
				c.send()
			}
			return s.drops(c.part, c.reason) > before+50
		})
		sees.flows(0)
	}
	ssrc := uint32(1000)
	s.until("the end of who makes up sources", func() bool {
		for range 10 {
			ssrc++
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: ssrc}})
		}
		return bad.State().Media[1] == "failed"
	})
	sees.wait("the end of its seat", func(st State) bool { return st.Seats[1].SeatInfo.Video != "live" })
	sees.flows(0)
	if st, own := sees.State(), honest.State(); st.Media[1] != "connected" || own.Media[1] != "connected" || st.Closed || own.Closed {
		t.Errorf("others noticed: %+v, %+v", st.Media, own.Media)
	}
	if n := s.drops("media", "panic"); n != 0 {
		t.Errorf("%d panics", n)
	}
}

// until asks again and again.
func (s *stand) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(look) {
		if time.Now().After(end) {
			s.t.Fatalf("not in time: %s", what)
		}
	}
}
