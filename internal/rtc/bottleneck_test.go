package rtc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
)

// narrow is a way with a bottleneck towards one client: what it sends passes, what is sent to it queues.
type narrow struct {
	front, back *net.UDPConn
	rate        atomic.Int64 // bit/s
	room        int          // bytes of the queue
	passed      atomic.Int64 // bytes
	dropped     atomic.Int64
	wg          sync.WaitGroup
}

func newNarrow(t testing.TB, server netip.AddrPort, rate int64) *narrow {
	t.Helper()
	n := &narrow{room: 40_000}
	n.rate.Store(rate)
	var err error
	n.front, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	n.back, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(server))
	must(t, err)
	var client atomic.Pointer[netip.AddrPort]
	n.wg.Go(func() {
		buf := make([]byte, 2048)
		for {
			k, from, err := n.front.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			client.Store(&from)
			_, _ = n.back.Write(buf[:k])
		}
	})
	queue := make(chan []byte, 4096)
	var waiting atomic.Int64
	n.wg.Go(func() {
		defer close(queue)
		for {
			buf := make([]byte, 2048)
			k, err := n.back.Read(buf)
			if err != nil {
				return
			}
			if waiting.Load()+int64(k) > int64(n.room) {
				n.dropped.Add(1)
				continue
			}
			waiting.Add(int64(k))
			queue <- buf[:k]
		}
	})
	n.wg.Go(func() {
		free := time.Now()
		for b := range queue {
			if now := time.Now(); free.Before(now) {
				free = now
			}
			free = free.Add(time.Duration(int64(len(b)+overhead) * 8e9 / n.rate.Load()))
			if d := time.Until(free); d > time.Millisecond {
				time.Sleep(d)
			}
			waiting.Add(-int64(len(b)))
			n.passed.Add(int64(len(b) + overhead))
			if to := client.Load(); to != nil {
				_, _ = n.front.WriteToUDPAddrPort(b, *to)
			}
		}
	})
	t.Cleanup(func() {
		_ = n.front.Close()
		_ = n.back.Close()
		n.wg.Wait()
	})
	return n
}

var hostCandidate = regexp.MustCompile(`(a=candidate:\d+ 1 udp \d+) 127\.0\.0\.1 \d+ `)

// through negotiates so that the client knows the bottleneck's address only.
func (n *narrow) through(c *client) {
	c.t.Helper()
	c.fill()
	text := c.offer()
	answer, err := c.peer.Offer(context.Background(), Offer{SDP: text, Publish: c.publish, Receive: c.receive})
	must(c.t, err)
	addr := n.front.LocalAddr().(*net.UDPAddr)
	answer = hostCandidate.ReplaceAllString(answer, fmt.Sprintf("$1 127.0.0.1 %d ", addr.Port))
	must(c.t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	c.connected()
}

// camera writes a picture of VP8 at a rate that the test sets, and sound, into tracks.
type camera struct {
	audio, video *sfu.Track
	rate         atomic.Int64 // bit/s of the picture
	keys         atomic.Int64 // requests
}

func (c *camera) RequestKeyFrame() { c.keys.Add(1) }

func newCamera(t testing.TB, rate int64) *camera {
	c := new(camera)
	c.rate.Store(rate)
	c.video = sfu.NewTrack(sfu.TrackConfig{ID: "v", Codec: media.VP8, Up: c})
	c.audio = sfu.NewTrack(sfu.TrackConfig{ID: "a", Codec: media.Opus})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	loop := func(period time.Duration, f func(i int)) {
		wg.Go(func() {
			tick := time.NewTicker(period)
			defer tick.Stop()
			for i := 0; ; i++ {
				f(i)
				select {
				case <-tick.C:
				case <-stop:
					return
				}
			}
		})
	}
	seq, answered := uint16(1), int64(-1)
	body := make([]byte, 1100)
	loop(33*time.Millisecond, func(i int) {
		left := int(c.rate.Load() * 33 / 8000)
		key := answered != c.keys.Load()
		answered = c.keys.Load()
		for first := true; first || left > 0; first = false {
			n := max(min(left, len(body)), 40)
			left -= n
			copy(body, []byte{0x10, 1, 0, 0, 0x9d, 0x01, 0x2a, 1, 2, 3})
			if !key {
				body[1] = 1 // an inter frame
			} else {
				body[1] = 0
			}
			if !first {
				body[0] = 0
			}
			c.video.Write(&media.Packet{SSRC: 5, Timestamp: uint32(i * 2970), Seq: seq, PT: 96, Marker: left <= 0, Level: -1, Payload: body[:n], Arrival: media.Now()})
			seq++
		}
	})
	sound := make([]byte, 80)
	loop(20*time.Millisecond, func(i int) {
		c.audio.Write(&media.Packet{SSRC: 6, Timestamp: uint32(i * 960), Seq: uint16(i), PT: 111, Level: 20, Payload: sound, Arrival: media.Now()})
	})
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
		c.video.Close()
		c.audio.Close()
	})
	return c
}

// TestBottleneck is a client whose link goes from 4 Mbit/s to 500 kbit/s and back, with somebody who sends as much as the
// estimate allows: the picture follows, and the sound does not notice.
func TestBottleneck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := newNarrow(t, r.port.Addr(), 4_000_000)
	sub := r.client(t, clientConfig{reports: true})
	sub.seat()
	n.through(sub)
	cam := newCamera(t, 300_000)
	must(t, sub.peer.Slot("0").Show(cam.audio))
	must(t, sub.peer.Slot("1").Show(cam.video))
	const wish = 2_000_000
	sub.peer.Demand(wish)
	var heard, gaps int
	var last uint16
	wait := func(what string, most time.Duration, ok func(bits int) bool) time.Duration {
		t.Helper()
		begin := time.Now()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case p := <-sub.in:
				if p.mid == "0" {
					if heard > 0 && p.SequenceNumber != last+1 {
						gaps++
						t.Logf("%s: a gap of %d before %d", what, p.SequenceNumber-last-1, p.SequenceNumber)
					}
					heard, last = heard+1, p.SequenceNumber
				}
			case <-tick.C:
				e := sub.peer.Estimate()
				cam.rate.Store(int64(max(min(e.Bitrate-80_000, wish)*9/10, 50_000)))
				if ok(e.Bitrate) {
					t.Logf("%s after %v: %+v", what, time.Since(begin).Round(10*time.Millisecond), e)
					return time.Since(begin)
				}
				if time.Since(begin) > most {
					t.Fatalf("not %s after %v: %+v, drops %v", what, most, e, sub.peer.Stats().Dropped)
				}
			}
		}
	}
	wait("used", 25*time.Second, func(bits int) bool { return bits >= wish })
	n.rate.Store(500_000)
	wait("given way", 25*time.Second, func(bits int) bool { return bits < 550_000 })
	passed, began := n.passed.Load(), time.Now()
	wait("steady", 5*time.Second, func(int) bool { return time.Since(began) > 1500*time.Millisecond })
	if bits := float64(n.passed.Load()-passed) * 8 / time.Since(began).Seconds(); bits < 100_000 {
		t.Errorf("%.0f bit/s of 500k are used", bits)
	}
	n.rate.Store(4_000_000)
	wait("back", 25*time.Second, func(bits int) bool { return bits >= wish })
	if heard < 100 {
		t.Error("heard", heard)
	}
	t.Logf("%d heard, %d gaps, %d dropped by the link, ours: %v", heard, gaps, n.dropped.Load(), sub.peer.Stats().Dropped)
}

// TestEarlyTimes: packets that come before the keys are reported with the times they came at: browsers try the way with their
// first ones, and stay at 300 kbit/s for long if those seem to have come at once.
func TestEarlyTimes(t *testing.T) {
	o := newOffline(t)
	ctx := o.rx.ctx
	o.rx.ctx = nil
	begin := media.Now()
	for i := range 5 {
		o.rx.take(o.seal(rtp.Header{SSRC: 2222, PayloadType: 96, SequenceNumber: uint16(i + 1)}, keyPayload(media.VP8),
			ext{3, []byte{0, byte(i)}}), begin+int64(i)*10e6, nil)
	}
	o.rx.openKeys(ctx)
	list := o.rx.twcc.Reports()
	if len(list) != 1 {
		t.Fatalf("%d reports", len(list))
	}
	deltas := list[0].(*rtcp.TransportLayerCC).RecvDeltas
	if len(deltas) != 5 {
		t.Fatalf("%d packets", len(deltas))
	}
	for i, d := range deltas[1:] {
		if d.Delta < 9_500 || d.Delta > 10_500 {
			t.Errorf("packet %d came %d µs after the one before", i+1, d.Delta)
		}
	}
}
