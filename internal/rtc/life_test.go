package rtc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
	"veche.example/internal/rtc/lite"
	"veche.example/internal/rtc/pace"
	"veche.example/internal/rtc/seal"
	"veche.example/internal/sfu"
)

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}

// TestLeaks: goroutines and file descriptors are back where they were after 200 peers.
func TestLeaks(t *testing.T) {
	r, _ := newTCPRig(t)
	pub := r.client(t, clientConfig{})
	v := pub.source(media.VP8)
	pub.connect()
	stop := pump(t, v)
	eventually(t, "track", func() bool { return pub.h.track("0") != nil })
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	for batch := range 10 {
		var list []*client
		for i := range 20 {
			var cc clientConfig
			if i%5 == 0 {
				cc.setting = onlyTCP
			}
			c := r.client(t, cc)
			c.seat()
			c.fill()
			c.negotiate()
			must(t, c.peer.Slot("1").Show(pub.h.track("0")))
			list = append(list, c)
		}
		for _, c := range list {
			c.connected()
		}
		for i, c := range list {
			if i%2 == 0 { // the client goes first; over TCP, Pion's client forgets to say so
				must(t, c.pc.GracefulClose())
				eventually(t, fmt.Sprint("closed ", i), func() bool { return i%5 == 0 || c.h.state() == Closed })
			}
			c.peer.Close()
			must(t, c.pc.GracefulClose())
		}
		if n := r.Stats().Peers; n != 1 {
			t.Fatal(batch, n, "peers")
		}
	}
	eventually(t, fmt.Sprint("goroutines back to ", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	eventually(t, fmt.Sprint("descriptors back to ", fds), func() bool { return descriptors(t) <= fds })
	if n := pub.h.track("0").Stats().Slots; n != 0 {
		t.Error(n, "slots are left")
	}
	stop()
}

// TestCloseAnytime: peers are closed at any moment of their lives, by either side, while they send and negotiate.
func TestCloseAnytime(t *testing.T) {
	r, _ := newTCPRig(t)
	pub := r.client(t, clientConfig{})
	v := pub.source(media.VP8)
	pub.connect()
	stop := pump(t, v)
	defer stop()
	eventually(t, "track", func() bool { return pub.h.track("0") != nil })
	var wg sync.WaitGroup
	for i := range 40 {
		c := r.client(t, clientConfig{})
		s := c.source(media.VP8)
		c.seat()
		c.fill()
		text := c.offer()
		after := time.Duration(rand.IntN(400)) * time.Millisecond
		wg.Go(func() {
			answer, err := c.peer.Offer(context.Background(), Offer{SDP: text, Publish: c.publish, Receive: c.receive})
			if err != nil {
				if !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				return
			}
			if slot := c.peer.Slot(c.receive[1]); slot != nil {
				_ = slot.Show(pub.h.track("0"))
			}
			_ = c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
			for range 20 {
				_ = s.try(keyPayload(media.VP8))
				_, _ = c.peer.Offer(context.Background(), Offer{SDP: text, Publish: c.publish, Receive: c.receive})
				_ = c.peer.Candidate(Candidate{})
				_ = c.peer.Stats()
				time.Sleep(5 * time.Millisecond)
			}
		})
		wg.Go(func() {
			time.Sleep(after)
			if i%3 == 0 {
				_ = c.pc.GracefulClose()
			}
			c.peer.Close()
			c.peer.Close()
			if _, err := c.peer.Offer(context.Background(), Offer{SDP: text}); !errors.Is(err, ErrClosed) {
				t.Error("an offer to a closed peer:", err)
			}
			c.h.mu.Lock()
			defer c.h.mu.Unlock()
			if n := len(c.h.states); n == 0 || c.h.states[n-1] != Closed || len(c.h.tracks) != 0 || slices.Index(c.h.states, Closed) != n-1 {
				t.Error("the handler was told", c.h.states, len(c.h.tracks))
			}
		})
	}
	wg.Wait()
}

// TestEngineClose: it closes the peers and takes no more.
func TestEngineClose(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pub, _ := shown(t, r)
	must(t, r.Engine.Close())
	if pub.h.state() != Closed || pub.h.track("0") != nil {
		t.Error(pub.h.history())
	}
	if _, err := r.NewPeer(PeerConfig{Handler: pub.h}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := r.AddTCP(nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if s := r.Stats(); s.Peers != 0 || s.PacketsIn == 0 || s.PacketsOut == 0 {
		t.Errorf("%+v", s)
	}
}

// TestPanic: a handler that panics costs its own peer only.
func TestPanic(t *testing.T) {
	r := newRig(t)
	pub, sub := shown(t, r)
	bad := r.client(t, clientConfig{})
	bad.h.on = func(string, *sfu.Track) { panic("as the test wants") }
	v := bad.source(media.VP8)
	bad.connect()
	stop := pump(t, v)
	defer stop()
	eventually(t, "failed", func() bool { return bad.h.state() == Failed })
	if n := bad.peer.Stats().Dropped["panic"]; n != 1 {
		t.Error(n, "panics were counted")
	}
	sub.drain0()
	sub.expect("video of the others", func(p received) bool { return p.mid == "1" })
	if pub.h.state() != Connected {
		t.Error(pub.h.history())
	}
}

// TestPanicWhileSending: what goes wrong while something is sent to a subscriber is neither the publisher's matter nor that of
// the others.
func TestPanicWhileSending(t *testing.T) {
	r := newRig(t)
	pub, sub := shown(t, r)
	bad := r.client(t, clientConfig{})
	bad.seat()
	bad.connect()
	must(t, bad.peer.Slot("1").Show(pub.h.track("0")))
	bad.expect("video", func(p received) bool { return p.mid == "1" })
	bad.peer.tx.keys.Store(new(seal.Sealer)) // without keys it panics
	eventually(t, "failed", func() bool { return bad.h.state() == Failed })
	if n := bad.peer.Stats().Dropped["panic"]; n == 0 {
		t.Error("it was not counted")
	}
	sub.drain0()
	sub.expect("video of the others", func(p received) bool { return p.mid == "1" })
	if pub.h.state() != Connected || sub.h.state() != Connected {
		t.Error(pub.h.history(), sub.h.history())
	}
}

// TestNoConfig: what an engine and a peer cannot do without.
func TestNoConfig(t *testing.T) {
	if _, err := NewEngine(Config{}); err == nil {
		t.Error("an engine without a UDP port")
	}
	if _, err := newRig(t).NewPeer(PeerConfig{}); err == nil {
		t.Error("a peer without a handler")
	}
}

// TestWatch: the states that time brings.
func TestWatch(t *testing.T) {
	o := newOffline(t)
	now := o.ice.heard.Load()
	o.setState(Connected)
	for _, step := range []struct {
		after int64
		heard bool
		want  State
	}{{7e9, false, Connected}, {9e9, false, Disconnected}, {10e9, true, Connected}, {19e9, false, Disconnected}, {10e9 + silence + farewell + 1, false, Failed}} {
		if step.heard {
			o.ice.heard.Store(now + step.after)
		}
		o.watch(now + step.after)
		eventually(t, fmt.Sprint(step), func() bool { return o.h.state() == step.want })
	}
	late := newOffline(t)
	late.watch(late.began.Load() + patience + 1)
	eventually(t, "failed", func() bool { return late.h.state() == Failed })
}

// TestPaths: where a peer sends.
func TestPaths(t *testing.T) {
	o := newOffline(t)
	o.ice.selected.Store(nil)
	o.dtls.started.Store(true)
	g := o.ice.current
	next := &generation{p: o.Peer, number: g.number + 1}
	mk := func(g *generation) *path { return &path{gen: g, out: o} }
	low, high, tcp, moved := mk(g), mk(g), mk(g), mk(next)
	tcp.tcp = true
	for i, step := range []struct {
		pa    *path
		prio  uint32
		use   bool
		quiet bool // what is selected has fallen silent
		want  *path
	}{
		{low, 100, false, false, low}, // the first, before anything is nominated
		{high, 200, false, false, low},
		{high, 200, true, false, high},
		{low, 100, true, false, high}, // aggressive nomination: the best stays
		{tcp, 150, true, false, high},
		{low, 100, true, true, low},
		{high, 200, true, false, high},
		{low, 100, false, true, low}, // an address translator has forgotten the other one
		{high, 200, true, false, high},
		{moved, 50, false, false, high}, // after an ICE restart
		{moved, 50, true, false, moved},
		{high, 200, true, true, moved},
	} {
		if step.quiet {
			sel := o.ice.selected.Load()
			sel.heard.Store(media.Now() - 2*quiet)
		}
		o.ice.checked(step.pa, lite.Check{Success: true, Use: step.use, Priority: step.prio})
		if o.ice.selected.Load() != step.want {
			t.Fatal("step", i)
		}
	}
	o.ice.lost(moved)
	if o.ice.selected.Load() != nil || o.tx.rtp(nil, nil, sfu.Way{}, pace.Sound) == nil {
		t.Error("sends without a path")
	}
}

// lossRate loses one of n datagrams that begin like SRTP.
type lossRate struct{ n, count atomic.Int64 }

func (l *lossRate) lose(b []byte) bool {
	n := l.n.Load()
	return n > 0 && len(b) > 100 && b[0] >= 128 && b[0] <= 191 && l.count.Add(1)%n == 0
}

// lossyConn is a client's socket that loses media datagrams.
type lossyConn struct {
	net.PacketConn
	in, out *lossRate
}

func (c *lossyConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, a, err := c.PacketConn.ReadFrom(b)
		if err != nil || !c.in.lose(b[:n]) {
			return n, a, err
		}
	}
}

func (c *lossyConn) WriteTo(b []byte, a net.Addr) (int, error) {
	if c.out.lose(b) {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, a)
}

// lossyClient makes a client send and receive by a lossy socket.
func lossyClient(t *testing.T, in, out *lossRate) clientConfig {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: &lossyConn{conn, in, out}, Logger: silent.NewLogger("ice")})
	t.Cleanup(func() { _ = mux.Close() })
	return clientConfig{setting: func(se *webrtc.SettingEngine) { se.SetICEUDPMux(mux) }}
}

// TestLoss: what is lost on either way is asked for and comes again.
func TestLoss(t *testing.T) {
	t.Parallel()
	in, out := new(lossRate), new(lossRate)
	r := newRig(t)
	pub := r.client(t, lossyClient(t, new(lossRate), in))
	v := pub.source(media.VP8)
	pub.connect()
	big := append(keyPayload(media.VP8), make([]byte, 500)...)
	send := func() {
		v.send(t, big)
		time.Sleep(time.Millisecond)
	}
	eventually(t, "track", func() bool { send(); return pub.h.track("0") != nil })
	sub := r.client(t, lossyClient(t, out, new(lossRate)))
	sub.seat(webrtc.RTPCodecTypeVideo)
	sub.connect()
	must(t, sub.peer.Slot("0").Show(pub.h.track("0")))
	in.n.Store(10)
	out.n.Store(7)
	got := make(map[uint16]int)
	eventually(t, "repairs", func() bool {
		for range 20 {
			send()
		}
		for len(sub.in) > 0 {
			got[(<-sub.in).SequenceNumber]++
		}
		return pub.h.track("0").Stats().Recovered > 5 && sub.peer.Slot("0").Stats().Retransmitted > 5
	})
	in.n.Store(0)
	out.n.Store(0)
	complete := func() bool {
		send()
		for len(sub.in) > 0 {
			got[(<-sub.in).SequenceNumber]++
		}
		keys := make([]int, 0, len(got))
		for k := range got {
			keys = append(keys, int(k))
		}
		slices.Sort(keys)
		return keys[len(keys)-1]-keys[0]+1 == len(keys)
	}
	eventually(t, "no holes", complete)
	s := pub.h.track("0").Stats()
	t.Logf("%d packets, %d recovered, %d sent again", s.Packets, s.Recovered, sub.peer.Slot("0").Stats().Retransmitted)
}

// heap is how much memory is in use, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestRTCPFlood is the real thing: a client that reports for thousands of SSRCs is thrown out, and leaves memory where it was.
func TestRTCPFlood(t *testing.T) {
	o := newOffline(t)
	o.keep.Store(false)
	before := heap()
	for i := range uint32(6000) {
		o.rx.mu.Lock()
		o.rx.rtcpIn = 0
		o.rx.mu.Unlock()
		o.rtcp(reports(i)...)
	}
	eventually(t, "failed", func() bool { return o.h.state() == Failed })
	if d := o.Stats().Dropped; d["ssrc-limit"]+d["over"] < 5000 {
		t.Error(d)
	}
	o.client = nil // that side's own tables
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("%d KiB more than before", grown>>10)
	}
	runtime.KeepAlive(o)
}

// TestStrangersOnUDP: checks that do not know the password, and media from unchecked addresses, are dropped.
func TestStrangersOnUDP(t *testing.T) {
	o := newOffline(t)
	g := o.ice.current
	e := newEdge(g)
	e.out = o
	from := netip.MustParseAddrPort("192.0.2.1:1000")
	build := func(user, pwd string, controlled bool) []byte { return binding(t, user, pwd, controlled) }
	for name, b := range map[string][]byte{
		"other password": build(g.User, "wrong", false),
		"other user":     build(g.Ufrag+":zzzz", g.Pwd, false),
		"no user":        build("", g.Pwd, false),
		"cut short":      build(g.User, g.Pwd, false)[:30],
		"not STUN":       []byte(strings.Repeat("\x00", 40)),
	} {
		o.take()
		before := o.Stats().Dropped["check"]
		e.check(b, from)
		if len(o.take()) != 0 || len(e.list()) != 0 || o.Stats().Dropped["check"] != before+1 {
			t.Error(name)
		}
	}
	e.check(build(g.User, g.Pwd, true), from)
	if sent := o.take(); len(sent) != 1 || len(e.list()) != 0 || sent[0][0] != 1 || sent[0][1] != 0x11 {
		t.Error("no role conflict", sent)
	}
	o.dtls.started.Store(true)
	for i := range uint16(3 * maxPaths) {
		e.check(build(g.User, g.Pwd, false), netip.AddrPortFrom(from.Addr(), 2000+i))
	}
	if len(e.list()) != maxPaths || o.Stats().Dropped["paths"] != 2*maxPaths {
		t.Error(len(e.list()), o.Stats().Dropped)
	}
	for _, pa := range e.list() {
		pa.heard.Store(media.Now() - 60e9)
	}
	e.check(build(g.User, g.Pwd, false), from)
	if e.find(from) == nil || len(e.list()) != maxPaths {
		t.Error("an old address was not forgotten")
	}
}
