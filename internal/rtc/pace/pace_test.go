package pace

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
	"veche.example/internal/sfu/bwe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ms    = int64(1e6)
	extID = 3
)

// wire is a link in virtual time, and the client behind it.
type wire struct {
	t      testing.TB
	p      Pacer
	now    int64
	rate   float64 // bit/s
	room   int64   // of its queue, as time
	busy   int64
	sent   uint64
	lost   map[Class]int
	got    []arrived
	rec    *twcc.Recorder
	cut    int // packets that the link lost
	seq    uint16
	spare  int // bytes of probes
	widest int // packets in the queue
}

type arrived struct {
	class      Class
	rtp        uint16
	sent, came int64
}

func newWire(t testing.TB, rate float64) *wire {
	w := &wire{t: t, rate: rate, room: 100 * ms, now: 1000 * ms, lost: make(map[Class]int), rec: twcc.NewRecorder(1)}
	w.p.Init(w, &Clock{busy: make(map[*Pacer]struct{})}) // it does not run: the test turns
	if !w.p.Enable(extID, false) {
		t.Fatal("not enabled")
	}
	return w
}

func (w *wire) Sent() uint64 { return w.sent }

func (w *wire) Lost(c Class) { w.lost[c]++ }

func (w *wire) Pad(n int, now int64) {
	w.spare += n
	for ; n > 0; n -= 1000 {
		w.send(Repeat, 1000, true)
	}
}

// Emit puts a packet on the wire.
func (w *wire) Emit(h *rtp.Header, payload []byte, way sfu.Way) error {
	size := h.MarshalSize() + len(payload) + overhead
	w.p.Number(way.Number, size, way.Now)
	w.sent += uint64(size)
	begin := max(w.busy, w.now)
	if begin-w.now > w.room {
		w.cut++
		return nil
	}
	w.busy = begin + int64(float64(size)*8e9/w.rate)
	w.got = append(w.got, arrived{Class(h.PayloadType), h.SequenceNumber, int64(h.Timestamp) * ms, w.busy + 10*ms})
	w.rec.Record(1, binary.BigEndian.Uint16(h.GetExtension(extID)), (w.busy+10*ms)/1000)
	return nil
}

// send sends a packet as a slot does.
func (w *wire) send(c Class, size int, spare bool) {
	h := &rtp.Header{Version: 2, PayloadType: uint8(c), SequenceNumber: w.seq, Timestamp: uint32(w.now / ms)}
	w.seq++
	number := make([]byte, 2)
	if err := h.SetExtension(extID, number); err != nil {
		w.t.Fatal(err)
	}
	way := sfu.Way{Now: w.now, Number: number, Spare: spare}
	if !w.p.Slow() || w.p.Pass(h, make([]byte, size), way, c) {
		_ = w.Emit(h, make([]byte, size), way)
	}
}

// run lets time pass; each is called every 5 ms.
func (w *wire) run(d time.Duration, each func(step int64)) {
	for end := w.now + int64(d); w.now < end; w.now += int64(period) {
		w.p.Turn(w.now)
		step := w.now / int64(period)
		if step%4 == 0 {
			w.send(Sound, 100, false)
		}
		each(step)
		w.widest = max(w.widest, w.p.queue.n)
		if step%20 == 0 {
			for _, cc := range w.rec.BuildFeedbackPacket() {
				raw, err := cc.Marshal()
				if err != nil {
					w.t.Fatal(err)
				}
				w.p.Feedback(raw, w.now)
			}
		}
		if step%30 == 0 {
			w.p.Tick(w.now)
		}
	}
}

// picture sends one every 35 ms, together bits a second.
func (w *wire) picture(step int64, bits float64) {
	if step%7 == 0 {
		for n := int(bits * 35e-3 / 8); n > 0; n -= 1100 {
			w.send(Picture, min(n, 1100), false)
		}
	}
}

// TestStubborn is somebody who goes on sending 3 Mbit/s when the link has 500 kbit/s only: sound gets through at once, the
// link is not overrun, and what waits is bounded.
func TestStubborn(t *testing.T) {
	w := newWire(t, 6_000_000)
	w.p.Demand(3_000_000)
	full := func(step int64) { w.picture(step, 3_000_000) }
	w.run(4*time.Second, full)
	if len(w.lost) != 0 || w.p.Slow() {
		t.Fatalf("a link with room: lost %v, slow %v", w.lost, w.p.Slow())
	}
	w.rate = 500_000
	w.run(2*time.Second, full)
	sent, cut, from := w.sent, w.cut, w.now
	w.run(10*time.Second, full)
	if rate := float64(w.sent-sent) * 8 / 10; rate > 550_000 || rate < 250_000 {
		t.Errorf("%.0f bit/s are sent", rate)
	}
	if w.lost[Sound] != 0 || w.lost[Picture] == 0 || w.widest > queueLen {
		t.Errorf("lost %v, %d waited", w.lost, w.widest)
	}
	late, heard := 0, 0
	for _, a := range w.got {
		if a.class == Sound && a.sent > from {
			if heard++; a.came-a.sent > 150*ms {
				late++
			}
		}
	}
	if heard < 440 || late > heard/20 {
		t.Errorf("sound: %d heard of 500, %d of them late", heard, late)
	}
	t.Logf("%d cut by the link, %v by us, sound %d, late %d, estimate %d", w.cut-cut, w.lost, heard, late, w.p.Estimate(w.now).Bitrate)
	// Whoever listens goes down, and gets through.
	few := w.lost[Picture]
	w.run(3*time.Second, func(step int64) { w.picture(step, 250_000) })
	w.lost[Picture] = 0
	w.run(3*time.Second, func(step int64) { w.picture(step, 250_000) })
	if n := w.lost[Picture]; n > 5 {
		t.Errorf("%d dropped of a picture that fits, %d before", n, few)
	}
	w.rate = 6_000_000
	w.run(13*time.Second, func(step int64) { w.picture(step, 250_000) })
	if e := w.p.Estimate(w.now); e.Bitrate < 3_000_000 || e.Limited {
		t.Errorf("back on a free link: %+v", e)
	}
}

// TestObedient sends what the estimate says over a link of 4 Mbit/s, 500 kbit/s and 4 Mbit/s.
func TestObedient(t *testing.T) {
	w := newWire(t, 4_000_000)
	w.p.Demand(2_500_000)
	obey := func(step int64) {
		w.picture(step, max(float64(min(w.p.Estimate(w.now).Bitrate, 2_500_000))*0.95-60_000, 0))
	}
	until := func(what string, most int64, like func(Estimate) bool) {
		t.Helper()
		begin := w.now
		for !like(w.p.Estimate(w.now)) {
			if w.run(50*time.Millisecond, obey); w.now-begin > most {
				t.Fatalf("%s: not within %d ms: %+v", what, most/ms, w.p.Estimate(w.now))
			}
		}
		t.Logf("%s after %d ms", what, (w.now-begin)/ms)
	}
	until("up", 2000*ms, func(e Estimate) bool { return e.Bitrate >= 2_500_000 && !e.Limited })
	w.run(2*time.Second, obey)
	w.rate = 500_000
	until("down", 1500*ms, func(e Estimate) bool { return e.Bitrate < 560_000 && e.Limited })
	w.run(2*time.Second, obey)
	w.got, w.lost = nil, make(map[Class]int)
	w.run(20*time.Second, obey)
	var ways []int64
	for _, a := range w.got {
		ways = append(ways, a.came-a.sent)
	}
	slices.Sort(ways)
	if p95 := ways[len(ways)*95/100]; p95 > 300*ms || w.lost[Picture] > 20 {
		t.Errorf("one of 20 needs %d ms, lost %v", p95/ms, w.lost)
	} else {
		t.Logf("one of 20 needs %d ms, one %d ms, lost %v", p95/ms, ways[len(ways)-1]/ms, w.lost)
	}
	w.rate = 4_000_000
	until("back", 12_000*ms, func(e Estimate) bool { return e.Bitrate >= 2_500_000 })
}

// TestRepeat: what is sent again counts, and gives way only when far too much is sent.
func TestRepeat(t *testing.T) {
	w := newWire(t, 400_000)
	w.p.Demand(2_000_000)
	w.run(3*time.Second, func(step int64) { w.picture(step, 600_000) })
	before := w.p.Estimate(w.now).Bitrate
	w.run(2*time.Second, func(step int64) {
		w.picture(step, 100_000)
		if step%4 == 0 {
			w.send(Repeat, 500, false)
		}
	})
	if e := w.p.Estimate(w.now).Bitrate; e > before-80_000 && e > 330_000 {
		t.Errorf("200k are sent again: the rest was %d and is %d", before, e)
	}
	w.run(2*time.Second, func(int64) { w.send(Repeat, 1000, false) })
	if w.lost[Repeat] == 0 || w.lost[Sound] != 0 {
		t.Errorf("lost %v", w.lost)
	}
}

// TestOrder: pictures leave in the order in which they came, unchanged.
func TestOrder(t *testing.T) {
	w := newWire(t, 1_000_000)
	w.p.slow.Store(true)
	w.p.rate, w.p.tokens = 100_000, 0
	w.p.filled = w.now
	for range 30 {
		w.send(Picture, 900, false)
	}
	for range 200 {
		w.now += int64(period)
		w.p.Turn(w.now)
	}
	var list []uint16
	for _, a := range w.got {
		list = append(list, a.rtp)
	}
	if len(list) != 30 || !slices.IsSorted(list) {
		t.Error(list)
	}
}

// TestNobodyReports: without feedback the loss that receivers report counts, and what they allow.
func TestNobodyReports(t *testing.T) {
	w := newWire(t, 1e9)
	if w.p.Enable(extID, true) || w.p.Enable(extID, false) {
		t.Fatal("numbered, though retransmissions could not be told apart")
	}
	number := []byte{7, 7}
	w.p.Number(number, 100, w.now)
	if !bytes.Equal(number, []byte{7, 7}) {
		t.Error("numbered")
	}
	if e := w.p.Estimate(w.now); e.Bitrate != bwe.Ceiling || e.Limited {
		t.Errorf("%+v", e)
	}
	for range 6 {
		w.sent += 250_000 // 2 Mbit/s
		w.now += 1000 * ms
		w.p.Tick(w.now)
		w.p.Reported(0.3, w.now)
	}
	e := w.p.Estimate(w.now)
	if e.Bitrate > 1_500_000 || !e.Limited || e.Lost != 0.3 {
		t.Errorf("a third is lost: %+v", e)
	}
	for range 120 {
		w.now += 1000 * ms
		w.sent += 100_000
		w.p.Tick(w.now)
		w.p.Reported(0, w.now)
	}
	if e := w.p.Estimate(w.now); e.Bitrate != bwe.Ceiling {
		t.Errorf("nothing is lost any more: %+v", e)
	}
	w.p.Allowed(300_000, w.now)
	if e := w.p.Estimate(w.now); e.Bitrate != 300_000 {
		t.Errorf("the client allows 300k: %+v", e)
	}
	if e := w.p.Estimate(w.now + 6e9); e.Bitrate != bwe.Ceiling {
		t.Errorf("long ago: %+v", e)
	}
}

// TestClock: a packet that waits is sent by the clock, and the clock sleeps afterwards; all at once with senders and an end.
func TestClock(t *testing.T) {
	c := NewClock()
	defer c.Close()
	var wg sync.WaitGroup
	for range 4 {
		l := &counted{done: make(chan struct{})}
		l.p.Init(l, c)
		l.p.slow.Store(true)
		l.p.rate, l.p.tokens, l.p.filled = 200_000, -100, media.Now()
		for range 3 {
			wg.Go(func() {
				for i := range 10 {
					h := &rtp.Header{Version: 2, SequenceNumber: uint16(i)}
					if l.p.Pass(h, make([]byte, 800), sfu.Way{Now: media.Now()}, Picture) {
						_ = l.Emit(h, nil, sfu.Way{})
					}
				}
			})
		}
		wg.Go(func() {
			select {
			case <-l.done:
			case <-time.After(10 * time.Second):
				t.Error("not sent", l.n)
			}
			l.p.Close()
		})
	}
	wg.Wait()
}

// counted is a link that counts to 30.
type counted struct {
	p    Pacer
	mu   sync.Mutex
	n    int
	done chan struct{}
}

func (l *counted) Emit(*rtp.Header, []byte, sfu.Way) error { l.add(); return nil }
func (l *counted) Lost(Class)                              { l.add() }
func (l *counted) Pad(int, int64)                          {}
func (l *counted) Sent() uint64                            { return 0 }

func (l *counted) add() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n++; l.n == 30 {
		close(l.done)
	}
}

// TestFree: a peer whose link has room takes no lock and allocates nothing.
func TestFree(t *testing.T) {
	w := newWire(t, 1e9)
	number := make([]byte, 2)
	w.p.mu.Lock() // whoever takes it hangs
	defer w.p.mu.Unlock()
	if n := testing.AllocsPerRun(1000, func() {
		if !w.p.Slow() {
			w.p.Number(number, 1200, w.now)
		}
	}); n != 0 {
		t.Error(n, "allocations")
	}
}

// BenchmarkNumber is what a packet costs that is numbered.
func BenchmarkNumber(b *testing.B) {
	w := newWire(b, 1e9)
	number := make([]byte, 2)
	for b.Loop() {
		if !w.p.Slow() {
			w.p.Number(number, 1200, w.now)
		}
	}
}

// TestReports: transport-wide reports are taken out of whatever they come with.
func TestReports(t *testing.T) {
	w := newWire(t, 1e9)
	for range 5 {
		w.send(Sound, 100, false)
	}
	report, err := w.rec.BuildFeedbackPacket()[0].Marshal()
	if err != nil {
		t.Fatal(err)
	}
	other := []byte{0x80, 201, 0, 1, 0, 0, 0, 1}
	for _, c := range [][2][]byte{
		{report, nil}, {other, other}, {slices.Concat(other, report), other}, {slices.Concat(report, other), other},
		{slices.Concat(other, report, other, report), slices.Concat(other, other)}, {nil, nil}, {{1, 2}, {1, 2}},
		{report[:10], report[:10]}, {{0x80, 201, 0xff, 0xff, 5}, {0x80, 201, 0xff, 0xff, 5}},
	} {
		if rest := w.p.Reports(slices.Clone(c[0]), w.now); !bytes.Equal(rest, c[1]) {
			t.Errorf("% x of % x", rest, c[0])
		}
	}
	if e := w.p.est.Load(); e.Received() == 0 {
		t.Error("not used")
	}
}
