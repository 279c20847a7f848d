package sfu

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
)

// TestNumberingHolds: however the level of a stream changes and whatever is lost on the way and comes late, the slot's
// numbers have no gap once all has come, none stands for two contents (receiver looks), VP8's picture ids follow each
// other, and each picture ends with a marker and has none within.
func TestNumberingHolds(t *testing.T) {
	for _, c := range []struct {
		film  string
		codec media.Codec
	}{{"vp8-h", media.VP8}, {"vp8dd-h", media.VP8}, {"vp9", media.VP9}, {"av1", media.AV1}} {
		master := loadFilm(t, c.film, c.codec, 1)
		t.Run(c.film, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { numberingHolds(t, rt, *master) })
		})
	}
}

func numberingHolds(t *testing.T, rt *rapid.T, f film) {
	f.next, f.round = 0, 0
	x := newStage(t, rapid.Uint64().Draw(rt, "network"), &f)
	x.keysCome = f.codec == media.AV1
	x.slot.high.Store(rapid.SampledFrom([]int64{10, 65500, 32700}).Draw(rt, "first number"))
	x.slot.missing.Store(x.slot.high.Load())
	must(t, x.slot.ShowAt(x.tracks[0], levelAt(rapid.IntRange(0, top).Draw(rt, "first level"))))
	for range rapid.IntRange(1, 25).Draw(rt, "changes") {
		x.run(rapid.IntRange(1, 9).Draw(rt, "pictures"))
		must(t, x.slot.ShowAt(x.tracks[0], levelAt(rapid.IntRange(0, top).Draw(rt, "level"))))
	}
	x.flush()
	r := x.receiver
	if r.broken != "" {
		rt.Fatal(r.broken)
	}
	var (
		last   *sent
		id     = -1
		filled bool
	)
	for n := r.low; n <= r.high; n++ {
		s, ok := r.got[n]
		if !ok {
			rt.Fatalf("number %d of %d to %d was never given", n, r.low, r.high)
		}
		if len(s.payload) == 0 {
			filled = true
			continue
		}
		first := last == nil || last.Marker
		if last != nil && (s.Timestamp != last.Timestamp) != first || last != nil && int32(s.Timestamp-last.Timestamp) < 0 {
			rt.Fatalf("number %d: timestamp %d after %d, marker %v", n, s.Timestamp, last.Timestamp, last.Marker)
		}
		if i, _ := codec.Parse(f.codec, s.payload); f.codec == media.VP8 && i.PIDBits != 0 {
			if d := int(i.PID) - id; id >= 0 && (!first && d != 0 || first && d&0x7fff != 1 && !filled) {
				rt.Fatalf("number %d: picture id %d after %d", n, i.PID, id)
			}
			id = int(i.PID)
		}
		filled = false
		last = &s
	}
	if got := x.slot.Stats().Packets; got != uint64(len(r.got)) {
		rt.Fatalf("counted %d of %d packets", got, len(r.got))
	}
}

// flush brings what is still on the way.
func (x *stage) flush() {
	for n, list := range x.late {
		for _, p := range list {
			p.Arrival = x.now
			x.tracks[n].Write(p)
		}
		x.late[n] = nil
	}
}

// TestTally compares counting with a plain model, over more than the window.
func TestTally(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const size = 64
		start := rapid.Int64Range(1000, 1<<40).Draw(rt, "start")
		y := newTally(size, start, true)
		type place struct {
			n    int64
			want counts
			own  [levels]bool
		}
		sum := counts{}
		for l := range sum {
			sum[l] = start
		}
		var known []place
		n := start
		for range rapid.IntRange(1, 200).Draw(rt, "packets") {
			gap := rapid.SampledFrom([]int64{0, 0, 0, 1, 5, 200}).Draw(rt, "missing")
			for m := range gap {
				p := place{n: n + 1 + m}
				for l := range sum {
					sum[l]++
					p.own[l] = true
				}
				p.want = sum
				known = append(known, p)
			}
			n += gap + 1
			spatial, temporal := uint8(rapid.IntRange(0, 2).Draw(rt, "spatial")), uint8(rapid.IntRange(0, 2).Draw(rt, "temporal"))
			p := place{n: n}
			for l := range sum {
				if v := levelAt(l); int8(spatial) <= v.Spatial && int8(temporal) <= v.Temporal {
					sum[l]++
					p.own[l] = true
				}
			}
			p.want = sum
			known = append(known, p)
			if got := y.note(n, spatial, temporal); *got != sum {
				rt.Fatalf("place %d: %v, want %v", n, *got, sum)
			}
		}
		for _, p := range known {
			got := y.note(p.n, uint8(rand.IntN(3)), 0) // late: whatever it turns out to be
			if p.n <= n-size {
				if got != nil {
					rt.Fatalf("place %d is older than the window at %d", p.n, n)
				}
				continue
			}
			if *got != p.want {
				rt.Fatalf("place %d late: %v, want %v", p.n, *got, p.want)
			}
			for l := range levels {
				if w := y.where(l, got[l]); p.own[l] && w != p.n {
					rt.Fatalf("count %d of level %d is place %d, want %d", got[l], l, w, p.n)
				}
			}
		}
	})
}
