package sfu

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"veche.example/internal/media"
)

func TestClockTakesTheLeastDelayed(t *testing.T) {
	var c Clock
	for i, delay := range []int64{80, 30, 200, 31, 90} {
		ntp := int64(i) * 1000 * ms
		c.observe(ntp, ntp+7000*ms+delay*ms)
	}
	if off := c.off.Load(); off < 7030*ms || off > 7030*ms+ms {
		t.Errorf("offset %d µs, want 7030 ms", off/1000)
	}
}

func TestClockFollowsDrift(t *testing.T) {
	for _, ppm := range []int64{-60, 60} {
		var c Clock
		for i := range int64(3600) {
			real := i * 1e9
			c.observe(real-real/1e6*ppm, real+20*ms+(i%7)*3*ms)
		}
		want := 3599*1e3*ppm + 20*ms
		if d := c.off.Load() - want; d < -3*ms || d > 3*ms {
			t.Errorf("%d ppm: off by %d µs after an hour", ppm, d/1000)
		}
	}
}

func TestClockSteps(t *testing.T) {
	var c Clock
	c.observe(1000*ms, 2000*ms)
	c.observe(11000*ms, 3000*ms) // the publisher's clock jumps ahead
	equal(t, "ahead", c.off.Load(), -8000*ms)
	c.observe(2000*ms, 4000*ms) // and back
	equal(t, "back", c.off.Load(), 2000*ms)
}

func TestTimelineUnknown(t *testing.T) {
	l := timeline{clock: new(Clock), rate: 90000}
	if _, ok := l.captured(1); ok {
		t.Error("captured without a report")
	}
	if _, ok := l.rtpAt(1); ok {
		t.Error("rtpAt without a report")
	}
}

func TestTimelineInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]uint32{8000, 48000, 90000}).Draw(t, "rate")
		l := timeline{clock: new(Clock), rate: rate}
		ntp := rapid.Int64Range(0, 4<<31*1e9/2).Draw(t, "ntp")
		arrival := rapid.Int64Range(0, 1e15).Draw(t, "arrival")
		l.clock.observe(ntp, arrival)
		l.last.Store(&report{ntp: ntp, rtp: rapid.Uint32().Draw(t, "rtp")})
		ts := l.last.Load().rtp + uint32(int32(rapid.IntRange(-1e6, 1e8).Draw(t, "ahead")))
		at, ok := l.captured(ts)
		if !ok {
			t.Fatal("unknown")
		}
		back, _ := l.rtpAt(at)
		if !near(back, ts, 1) {
			t.Fatalf("%d became %d", ts, back)
		}
	})
}

func TestNTP(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 500_000_000, time.UTC)
	n := ntpTime(at)
	equal(t, "seconds", n>>32, uint64(at.Unix()+2208988800))
	equal(t, "fraction", uint32(n), 1<<31)
	d := ntpNanos(n) - (at.Unix()+2208988800)*1e9
	equal(t, "and back", d, 500*ms)
	equal(t, "largest", ntpNanos(1<<64-1) > 0, true)
}

func TestTicks(t *testing.T) {
	equal(t, "a second", ticks(1e9, 90000), 90000)
	equal(t, "backwards", ticks(-20*ms, 48000), -960)
	equal(t, "a year does not overflow", ticks(365*86400*1e9, 90000), 365*86400*90000)
}

// TestLipSync: sound and picture of one publisher, switched at different moments and with different
// delays, report the same RTP time for the same instant of capture.
func TestLipSync(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := new(Clock)
		a, v := newSource(1, media.Opus), newSource(2, media.VP8)
		ta, tv := NewTrack(TrackConfig{Codec: media.Opus, Clock: clock}), NewTrack(TrackConfig{Codec: media.VP8, Clock: clock})
		ra, rv := newRig(media.Audio), newRig(media.Video)
		delay := func(name string) int64 { return int64(rapid.IntRange(0, 300).Draw(rt, name)) * ms }
		a.at, v.at = a.at+delay("audio"), v.at+delay("video")
		ats, vts := a.ts, v.ts // captured at the same instant
		ntp := int64(3_900_000_000) * 1e9
		ta.SenderReport(ntpAt(ntp), ats, 1000*ms+delay("audio report"))
		tv.SenderReport(ntpAt(ntp), vts, 1000*ms+delay("video report"))
		if ra.Show(ta) != nil || rv.Show(tv) != nil {
			rt.Fatal("show")
		}
		write(ta, a.next(true, 1)...)
		write(tv, v.next(true, 1)...)
		av, vv := ra.sink.take()[0], rv.sink.take()[0]
		now := 1500 * ms
		sa, _ := ra.SenderReport(now)
		sv, _ := rv.SenderReport(now)
		// How long before the reports' instant the two frames lie: equal up to rounding.
		da := float64(int32(sa.RTPTime-av.Timestamp)) / 48000
		dv := float64(int32(sv.RTPTime-vv.Timestamp)) / 90000
		if d := da - dv; d < -0.0001 || d > 0.0001 {
			rt.Fatalf("%.4f s of skew", d)
		}
	})
}
