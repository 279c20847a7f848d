package rtc

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
)

// TestBack: when a client is back, key frames are asked for on both sides.
func TestBack(t *testing.T) {
	t.Parallel()
	pub, sub := newOffline(t, simulcast), newOffline(t)
	for i, name := range []string{"l", "h"} {
		pub.layer(uint32(10+i), 1, mid("v"), rid(name))
	}
	must(t, sub.Slot("sv").Show(pub.track("v/h")))
	pub.layer(11, 2)
	asked := func(o *offline) (list []uint32) {
		_, control := o.out()
		for _, p := range control {
			if pli, ok := p.(*rtcp.PictureLossIndication); ok {
				list = append(list, pli.MediaSSRC)
			}
		}
		return list
	}
	for _, o := range []*offline{pub, sub} {
		o.setState(Connected)
		now := media.Now()
		o.tick(now, nil)
		o.ice.heard.Store(now + 100e6)
		o.tick(now+100e6, nil)
		asked(pub)
		pub.layer(11, 3) // a key frame: nothing is awaited any more
		time.Sleep(600 * time.Millisecond)
		asked(pub)
		o.tick(now+4e9, nil)
		o.ice.heard.Store(now + 6e9)
		o.tick(now+6e9, nil)
		if got := asked(pub); !slices.Equal(got, []uint32{11}) {
			t.Error(o == pub, "asked for", got)
		}
	}
}

// roaming is a client's socket that changes its address below the client, as an address translator does, and loses
// everything for a while.
type roaming struct {
	net.PacketConn // the first
	second         net.PacketConn
	moved, hole    atomic.Bool
	in             chan datagram
	done           chan struct{}
}

type datagram struct {
	b    []byte
	from net.Addr
}

func newRoaming(t *testing.T) *roaming {
	t.Helper()
	r := &roaming{in: make(chan datagram, 1024), done: make(chan struct{})}
	for _, c := range []*net.PacketConn{&r.PacketConn, &r.second} {
		var err error
		*c, err = net.ListenPacket("udp4", "127.0.0.1:0")
		must(t, err)
		go r.read(*c)
	}
	return r
}

func (r *roaming) read(c net.PacketConn) {
	for {
		b := make([]byte, 1600)
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if r.hole.Load() || r.moved.Load() != (c == r.second) {
			continue
		}
		select {
		case r.in <- datagram{b[:n], from}:
		default:
		}
	}
}

func (r *roaming) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-r.in:
		return copy(b, d.b), d.from, nil
	case <-r.done:
		return 0, nil, net.ErrClosed
	}
}

func (r *roaming) WriteTo(b []byte, to net.Addr) (int, error) {
	if r.hole.Load() {
		return len(b), nil
	}
	if r.moved.Load() {
		return r.second.WriteTo(b, to)
	}
	return r.PacketConn.WriteTo(b, to)
}

func (r *roaming) Close() error {
	select {
	case <-r.done:
	default:
		close(r.done)
	}
	_ = r.second.Close()
	return r.PacketConn.Close()
}

func (r *roaming) config(t *testing.T) clientConfig {
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: r, Logger: silent.NewLogger("ice")})
	t.Cleanup(func() { _ = mux.Close(); _ = r.Close() })
	return clientConfig{setting: func(se *webrtc.SettingEngine) {
		se.SetICEUDPMux(mux)
		se.SetICETimeouts(time.Minute, time.Minute, 500*time.Millisecond)
	}}
}

// TestRoaming: the publisher's and the subscriber's address changes in the middle of a call, then nothing passes for a while.
// Sound and picture are back soon, by the same peer, and the picture begins with a key frame that was asked for.
func TestRoaming(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	out, back := newRoaming(t), newRoaming(t)
	pub := rig.client(t, out.config(t))
	a, v := pub.source(media.Opus), pub.source(media.VP8)
	pub.connect()
	sub := rig.client(t, back.config(t))
	sub.seat()
	sub.connect()
	v.asked.Store(true)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			_ = a.try(keyPayload(media.Opus))
			payload := []byte{0x10, 1, 0, 0, 1, 2} // depends on the one before
			if v.asked.Swap(false) {
				payload = keyPayload(media.VP8)
			}
			_ = v.try(payload)
		}
	}()
	defer func() { cancel(); <-ended }()
	eventually(t, "tracks", func() bool { return pub.h.track("0") != nil && pub.h.track("1") != nil })
	must(t, sub.peer.Slot("0").Show(pub.h.track("0")))
	must(t, sub.peer.Slot("1").Show(pub.h.track("1")))
	flows := func(what string, sound, picture time.Duration) {
		t.Helper()
		began := time.Now()
		for len(sub.in) > 0 {
			<-sub.in
		}
		sub.expect(what+": sound", func(r received) bool { return r.mid == "0" })
		heard := time.Since(began)
		sub.expect(what+": picture", func(r received) bool { return r.mid == "1" && isKey(r.Packet) })
		seen := time.Since(began)
		t.Logf("%s: sound %v, picture %v", what, heard.Round(time.Millisecond), seen.Round(time.Millisecond))
		if heard > sound || seen > picture {
			t.Error(what, "took", heard, seen)
		}
	}
	sub.expect("sound", func(r received) bool { return r.mid == "0" })
	sub.expect("picture", func(r received) bool { return r.mid == "1" })
	for i, c := range []*roaming{out, back} {
		c.moved.Store(true)
		flows(fmt.Sprint("moved ", i), 4*time.Second, 5*time.Second)
	}
	for i, c := range []*roaming{out, back} {
		c.hole.Store(true)
		hole := time.NewTimer(2300 * time.Millisecond)
		<-hole.C
		c.hole.Store(false)
		flows(fmt.Sprint("hole ", i), 4*time.Second, 5*time.Second)
	}
	if pub.h.count() != 2 || pub.h.state() == Failed || sub.h.state() == Failed {
		t.Error(pub.h.count(), pub.h.history(), sub.h.history())
	}
}

func isKey(p *rtp.Packet) bool {
	return len(p.Payload) >= len(keyPayload(media.VP8))
}
