package bwe

import (
	"math/rand/v2"
	"testing"

	"github.com/pion/interceptor/pkg/twcc"
)

// FuzzFeedback: no report, however wrong, makes the estimator fail, or estimate what cannot be.
func FuzzFeedback(f *testing.F) {
	for _, n := range []int{1, 20, 200} {
		f.Add(report1(f, n), int64(100))
	}
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, step int64) {
		e := New()
		e.Demand(3_000_000)
		for i := range 300 {
			e.Sent(uint16(i), 1200, int64(i)*5*ms)
		}
		now := 1000 * ms
		for range 3 {
			now += step % (1000 * ms)
			e.Feedback(raw, now)
			e.Tick(now, true)
			if rate, _ := e.Probe(now); rate > 0 {
				e.Probed(uint16(step), now)
			}
			if got := e.Estimate(); got < Floor*3/10 || got > Ceiling {
				t.Fatal("estimate", got)
			}
			if lost := e.Lost(now); lost < 0 || lost > 1 {
				t.Fatal("lost", lost)
			}
			e.Abort()
		}
	})
}

// report1 is a report of n packets, each fifth of them lost.
func report1(t testing.TB, n int) []byte {
	rec := twcc.NewRecorder(1)
	for i := range n {
		if i%5 != 3 {
			rec.Record(2, uint16(i), int64(i)*5000+1000)
		}
	}
	raw, err := rec.BuildFeedbackPacket()[0].Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// BenchmarkFeedback is a report of 20 packets, as a client sends ten a second: taken apart, and used.
func BenchmarkFeedback(b *testing.B) {
	raw := report1(b, 20)
	e := New()
	now := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range 20 {
			e.Sent(uint16(i), 1200, now+int64(i)*5*ms)
		}
		now += 100 * ms
		e.Feedback(raw, now)
	}
}

// TestRead: a report is read as the library that clients use writes it.
func TestRead(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		rec := twcc.NewRecorder(1)
		var h History
		came := map[uint16]int64{}
		at, seq := int64(5000), uint16(rnd.Uint32())
		first, n := seq, 1+rnd.IntN(300)
		share := rnd.Float64()
		for range n {
			h.put(seq, 1000, at*1000)
			if seq == first || rnd.Float64() < share {
				at += rnd.Int64N(100) * 250 // a unit is 250 µs
				if rnd.IntN(20) == 0 {
					at += 200_000
				}
				rec.Record(2, seq, at)
				came[seq] = at * 1000
			}
			seq++
		}
		var r arrivals
		got := map[uint16]int64{}
		lost := 0
		var zero int64
		for _, p := range rec.BuildFeedbackPacket() {
			raw, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if !IsFeedback(raw) {
				t.Fatalf("% x", raw)
			}
			list, l, back := r.read(raw, &h)
			lost += l
			if back != 0 {
				t.Error(back, "came back")
			}
			for _, a := range list {
				if len(got) == 0 {
					zero = a.arrival - came[a.seq]
				}
				got[a.seq] = a.arrival - zero
			}
		}
		if len(got) != len(came) {
			t.Fatalf("%d of %d", len(got), len(came))
		}
		for seq, at := range came {
			if d := got[seq] - at; d > 300_000 || d < -300_000 {
				t.Fatalf("packet %d at %d, not %d", seq, got[seq], at)
			}
		}
		if lost+len(came) > n {
			t.Errorf("%d lost and %d came of %d", lost, len(came), n)
		}
	}
}
