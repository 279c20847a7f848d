package sfu

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"veche.example/internal/media"
)

// stressSlot is a slot under stress: what it sends is judged by a validator, and its subscriber asks for
// things from goroutines of its own.
type stressSlot struct {
	*Slot
	v    *validator
	last atomic.Uint32 // a sequence number sent lately
	rtx  atomic.Int64
}

func (s *stressSlot) WriteRTP(h *rtp.Header, payload []byte, way Way) error {
	if h.SSRC != s.v.ssrc {
		s.rtx.Add(1)
		return nil
	}
	s.last.Store(uint32(h.SequenceNumber))
	return s.v.WriteRTP(h, payload, way)
}

// TestStress lets publishers write while slots are switched, paused, bound again and closed, and while
// subscribers ask for retransmissions and key frames. Tracks come and go. The time line is real; the pace
// of everybody is the packets that were written.
func TestStress(t *testing.T) {
	for _, c := range []media.Codec{media.VP8, media.AV1, media.Opus} {
		t.Run(c.Name(), func(t *testing.T) {
			s := &stress{codec: c, tracks: make([]atomic.Pointer[Track], 3)}
			s.run(t, 8, 1000)
		})
	}
}

// stress is one run: it ends when every controller has made its moves.
type stress struct {
	codec   media.Codec
	tracks  []atomic.Pointer[Track]
	written atomic.Int64 // packets, by all publishers
	resets  atomic.Uint64
	failed  atomic.Pointer[string]
	done    atomic.Bool
}

func (x *stress) run(t *testing.T, slots, moves int) {
	list := make([]*stressSlot, slots)
	for i := range list {
		b := binding()
		b.SSRC, b.RTXSSRC = uint32(i)*2+2, uint32(i)*2+3
		// Retransmissions have an SSRC of their own: the other is sent by one goroutine at a time.
		b.Payload[x.codec].RTX = 126
		s := &stressSlot{v: newValidator(b.SSRC, x.codec.Kind() == media.Video, func(e string) { x.failed.CompareAndSwap(nil, &e) })}
		if x.codec == media.VP8 {
			s.v.pidAt = 2
		}
		s.Slot = NewSlot(x.codec.Kind(), s)
		s.Bind(b)
		list[i] = s
	}
	var publishers, sessions, browsers sync.WaitGroup
	for i := range x.tracks {
		x.tracks[i].Store(NewTrack(TrackConfig{Codec: x.codec}))
		publishers.Go(func() { x.publish(newSource(byte(i+1), x.codec), &x.tracks[i]) })
	}
	for i, s := range list {
		sessions.Go(func() { x.control(s, rand.New(rand.NewPCG(uint64(i), 1)), moves) })
		browsers.Go(func() { x.subscribe(s, rand.New(rand.NewPCG(uint64(i), 2))) })
	}
	sessions.Wait()
	x.done.Store(true)
	browsers.Wait()
	publishers.Wait()
	if e := x.failed.Load(); e != nil {
		t.Fatal(*e)
	}
	for i, s := range list {
		st := s.Stats()
		t.Logf("slot %d: %d packets, %d switches, %d runs, %d sent again, %d late", i, st.Packets, st.Switches, s.v.runs, s.rtx.Load(), st.Late)
		if st.Packets != uint64(s.v.n) || uint64(s.rtx.Load()) != st.Retransmitted {
			t.Errorf("slot %d counted %d and %d, sent %d and %d", i, st.Packets, st.Retransmitted, s.v.n, s.rtx.Load())
		}
		if uint64(s.v.runs) > st.Switches+x.resets.Load() {
			t.Errorf("slot %d: %d runs, %d switches", i, s.v.runs, st.Switches)
		}
		if st.Switches < 10 || st.Retransmitted < 10 {
			t.Errorf("slot %d was idle", i)
		}
		s.Close()
	}
	for i := range x.tracks {
		if n := x.tracks[i].Load().Stats().Slots; n != 0 {
			t.Errorf("track %d has %d slots left", i, n)
		}
	}
}

// wait lets at most n packets pass.
func (x *stress) wait(n int) {
	for end := x.written.Load() + int64(n); x.written.Load() < end && !x.done.Load(); {
		runtime.Gosched()
	}
}

// publish writes packets through a bad network, and now and then closes its track and begins another, or
// begins a new sequence.
func (x *stress) publish(src *source, track *atomic.Pointer[Track]) {
	r := rand.New(rand.NewPCG(uint64(src.id), 0))
	n := network{t: track.Load(), pick: r.IntN, hold: src.id%2 == 1}
	for !x.done.Load() {
		src.at = media.Now()
		count := 1
		if src.codec.Kind() == media.Video {
			count = 1 + r.IntN(4)
		}
		for _, p := range src.next(r.IntN(10) == 0, count) {
			n.carry(p)
		}
		x.written.Add(int64(count))
		switch r.IntN(1000) {
		case 0:
			x.resets.Add(n.t.Stats().Resets)
			n.t.Close()
			src.index += 10 // packets of the next track are another run
			n = network{t: NewTrack(TrackConfig{Codec: src.codec}), pick: r.IntN, hold: n.hold}
			track.Store(n.t)
		case 1:
			src.ssrc++
			src.index += 10
			n.waiting = nil
		case 2, 3:
			n.t.SenderReport(ntpAt(src.at+int64(src.id)*1e12), src.ts, src.at)
		}
		runtime.Gosched()
	}
	x.resets.Add(n.t.Stats().Resets)
}

// control is the session that owns the slot.
func (x *stress) control(s *stressSlot, r *rand.Rand, moves int) {
	for range moves {
		x.wait(r.IntN(60))
		switch r.IntN(12) {
		case 0:
			_ = s.Show(nil)
		case 1:
			s.Pause(true)
		case 2, 3:
			s.Pause(false)
		case 4:
			b := s.binding
			b.MIDExt, b.MID = 3, string('a'+rune(r.IntN(3)))
			s.Bind(b)
		case 5:
			s.Tick(media.Now())
			s.Status()
			s.Stats()
			s.SenderReport(media.Now())
		default:
			_ = s.Show(x.tracks[r.IntN(len(x.tracks))].Load())
		}
	}
}

// subscribe is the browser behind the slot.
func (x *stress) subscribe(s *stressSlot, r *rand.Rand) {
	ssrc := s.v.ssrc
	for !x.done.Load() {
		x.wait(r.IntN(20))
		last := uint16(s.last.Load())
		s.HandleRTCP(nack(ssrc, last, last-uint16(r.IntN(40)), last-uint16(r.IntN(1000)), last+1))
		if r.IntN(20) == 0 {
			s.HandleRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}})
			s.HandleRTCP(receiverReport(ssrc, 0, 0))
		}
	}
}

// TestCloseWaits: nothing of a track is sent once Close, Show(nil) or Pause has returned.
func TestCloseWaits(t *testing.T) {
	for _, how := range []string{"track", "slot", "nil", "pause"} {
		t.Run(how, func(t *testing.T) {
			for range 50 {
				var stopped, after atomic.Bool
				w := writerFunc(func() {
					if stopped.Load() {
						after.Store(true)
					}
				})
				src := newSource(1, media.VP8)
				tr := newTrack(src, nil)
				tr.now = media.Now
				s := NewSlot(media.Video, w)
				s.Bind(binding())
				must(t, s.Show(tr))
				var wg sync.WaitGroup
				begun := make(chan struct{})
				wg.Go(func() {
					for i := range 300 {
						src.at = media.Now()
						write(tr, src.next(true, 1)...)
						if i == 20 {
							close(begun)
						}
					}
				})
				<-begun
				switch how {
				case "track":
					tr.Close()
				case "slot":
					s.Close()
				case "nil":
					must(t, s.Show(nil))
				case "pause":
					s.Pause(true)
				}
				stopped.Store(true)
				wg.Wait()
				if after.Load() {
					t.Fatal("a packet was sent afterwards")
				}
			}
		})
	}
}

// writerFunc is a Writer that calls a function per packet.
type writerFunc func()

func (f writerFunc) WriteRTP(*rtp.Header, []byte, Way) error { f(); return nil }

// TestSwitchFromCallback: OnSwitch runs outside of the busy section, so that it may use the slot.
func TestSwitchFromCallback(t *testing.T) {
	a, b := newSource(1, media.VP8), newSource(2, media.VP8)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Video)
	r.OnSwitch(func(tr *Track, _ uint32) {
		if tr == ta {
			must(t, r.Show(tb))
		} else {
			r.OnSwitch(nil)
			must(t, r.Show(nil))
		}
	})
	must(t, r.Show(ta))
	write(ta, a.next(true, 1)...)
	equal(t, "status", r.Status(), Waiting)
	write(tb, b.next(true, 1)...)
	equal(t, "status", r.Status(), Empty)
	contiguous(t, r.sink.take())
}
