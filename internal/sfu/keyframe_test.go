package sfu

import (
	"testing"

	"pgregory.net/rapid"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
)

// TestKeyFrameRepeats drives a waiting slot by Tick alone, by packets alone, and by both.
func TestKeyFrameRepeats(t *testing.T) {
	for _, by := range []string{"ticks", "packets", "both"} {
		t.Run(by, func(t *testing.T) {
			src := newSource(1, media.VP8)
			up := &upstream{now: &src.at}
			tr := newTrack(src, up)
			r := newRig(media.Video)
			begin := src.at
			must(t, r.Show(tr))
			for range 30 {
				if by != "ticks" {
					write(tr, src.next(false, 1)...)
				} else {
					src.next(false, 1)
				}
				if by != "packets" {
					r.Tick(src.at)
				}
			}
			// 0, 400, 1000 … ms: repeated soon, but never more than two in a second.
			if n := len(up.at); n < 2 || up.at[0] != begin {
				t.Fatalf("requests at %v", up.at)
			}
			if d := up.at[1] - begin; d < 400*ms || d > 470*ms {
				t.Errorf("second request after %d ms", d/ms)
			}
			spaced(t, up.at)
			write(tr, src.next(true, 1)...)
			n := up.count()
			for range 60 {
				write(tr, src.next(false, 1)...)
				r.Tick(src.at)
			}
			equal(t, "requests after the key frame", up.count(), n)
		})
	}
}

// spaced checks the limit of two requests in any second, 400 ms apart.
func spaced(t *testing.T, at []int64) {
	t.Helper()
	for i := range at {
		if i >= 1 && at[i]-at[i-1] < 400*ms {
			t.Errorf("requests %d ms apart", (at[i]-at[i-1])/ms)
		}
		if i >= 2 && at[i]-at[i-2] < 1000*ms {
			t.Errorf("three requests in %d ms", (at[i]-at[i-2])/ms)
		}
	}
}

func TestKeyFrameWishesAreMerged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := int64(0)
		up := &upstream{now: &now}
		k := keyAsker{up: up}
		for range rapid.IntRange(1, 200).Draw(rt, "n") {
			now += int64(rapid.IntRange(0, 300).Draw(rt, "gap")) * ms
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0, 1:
				k.ask(now)
			case 2:
				k.came()
			default:
				k.repeat(now)
			}
		}
		spaced(t, up.at)
		if got, want := k.sent.Load(), uint64(len(up.at)); got != want {
			rt.Fatalf("counted %d of %d", got, want)
		}
	})
}

func TestKeyFrameWishIsDeferredNotLost(t *testing.T) {
	now := int64(1)
	up := &upstream{now: &now}
	k := keyAsker{up: up}
	k.ask(now)
	k.came()
	now += 100 * ms
	k.ask(now) // too soon
	equal(t, "requests", up.count(), 1)
	equal(t, "merged", k.merged.Load(), 1)
	now += 300 * ms
	k.repeat(now)
	equal(t, "made up for", up.count(), 2)
	// Nobody renews the wish: it dies.
	now += 6000 * ms
	k.repeat(now)
	now += 1000 * ms
	k.repeat(now)
	equal(t, "given up", up.count(), 2)
	equal(t, "nothing waits", k.wanted.Load(), 0)
	k.repeat(now)
	k.came()
}

func TestKeyFrameWithoutUpstream(t *testing.T) {
	var k keyAsker
	k.ask(1)
	k.renew(1)
	equal(t, "sent", k.sent.Load(), 0)

	src, up := newSource(1, media.Opus), &upstream{}
	tr := newTrack(src, up)
	tr.RequestKeyFrame()
	equal(t, "sound has no key frames", up.count(), 0)
	audio := newRig(media.Audio)
	must(t, audio.Show(tr))
	audio.Tick(src.at + 10000*ms)
	equal(t, "nor are they ticked", up.count(), 0)

	vup := &upstream{}
	video := newTrack(newSource(2, media.VP8), vup)
	video.RequestKeyFrame()
	equal(t, "asked for directly", vup.count(), 1)
	video.Close()
	video.RequestKeyFrame()
	equal(t, "not after Close", vup.count(), 1)
}

func TestTickLeavesFreshGroupAlone(t *testing.T) {
	src, up := newSource(1, media.VP8), &upstream{}
	tr := newTrack(src, up)
	write(tr, src.next(true, 1)...)
	r := newRig(media.Video)
	r.time = src.at
	must(t, r.Show(tr))
	r.Tick(src.at + 500*ms)
	equal(t, "the next packet will do", up.count(), 0)
	r.Tick(src.at + 1500*ms) // a still screen: no packet came
	equal(t, "too old by now", up.count(), 1)
	r.Tick(src.at + 1600*ms)
	equal(t, "not at each tick", up.count(), 1)
}

func TestGroupBegins(t *testing.T) {
	type pk struct {
		seq  int64
		ts   uint32
		rank codec.Rank
		want int64 // start of the group afterwards, -1 = none
	}
	tests := []struct {
		name string
		in   []pk
	}{
		{"delta only", []pk{{1, 1, codec.Delta, -1}}},
		{"picture", []pk{{1, 1, codec.Delta, -1}, {2, 2, codec.Picture, 2}, {3, 3, codec.Delta, 2}, {4, 4, codec.Picture, 4}}},
		{"sps then idr of one frame", []pk{{1, 1, codec.Parameters, 1}, {2, 1, codec.Delta, 1}, {3, 1, codec.Picture, 1}}},
		{"idr alone once sps is in band", []pk{{1, 1, codec.Parameters, 1}, {5, 5, codec.Picture, 1}, {9, 9, codec.Parameters, 9}}},
		{"vps then sps", []pk{{1, 1, codec.VideoSet, 1}, {2, 1, codec.Parameters, 1}, {7, 7, codec.VideoSet, 7}}},
		{"idr first, later the sps shows", []pk{{1, 1, codec.Picture, 1}, {5, 5, codec.Parameters, 5}, {6, 5, codec.Picture, 5}, {9, 9, codec.Picture, 5}}},
		{"packets of a key frame out of order", []pk{{2, 1, codec.Parameters, 2}, {1, 1, codec.Parameters, 1}, {3, 1, codec.Parameters, 1}}},
		{"an older key frame comes late", []pk{{9, 9, codec.Picture, 9}, {4, 4, codec.Picture, 9}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var g gop
			high := int64(0)
			for i, p := range tt.in {
				high = max(high, p.seq)
				g.note(&packet{seq: p.seq, ts: p.ts, arrival: 5, info: codec.Info{Rank: p.rank}}, high)
				start := int64(-1)
				if g.ok {
					start = g.start
				}
				if start != p.want || g.fresh(5) != g.ok {
					t.Fatalf("packet %d: start %d fresh %v, want %d", i, start, g.fresh(5), p.want)
				}
			}
		})
	}
}

func TestGroupGrowsStale(t *testing.T) {
	var g gop
	g.note(&packet{seq: 10, info: codec.Info{Rank: codec.Picture}}, 10)
	equal(t, "fresh at time 0 too", g.fresh(0), true)
	g.note(&packet{seq: 209}, 209)
	equal(t, "200 packets", g.fresh(0), true)
	g.note(&packet{seq: 210}, 210)
	equal(t, "201 packets", g.fresh(0), false)
	g.reset()
	equal(t, "forgotten", g.ok, false)
}

// TestLongGroup: of a publisher that cannot be asked, a slot gets the whole group, as long as the ring has it.
func TestLongGroup(t *testing.T) {
	for _, c := range []struct {
		frames int
		begins bool
	}{{100, true}, {900, true}, {1100, false}} {
		src := newSource(1, media.VP8)
		tr := newTrack(src, nil)
		write(tr, src.next(true, 1)...)
		for range c.frames - 1 {
			src.at -= 25 * ms // faster than the clock: only the number of packets is of interest
			write(tr, src.next(false, 1)...)
		}
		r := newRig(media.Video)
		must(t, r.Show(tr))
		write(tr, src.next(false, 1)...)
		if got := len(r.sink.all) > 0; got != c.begins || got && len(r.sink.all) != c.frames+1 {
			t.Errorf("%d frames: %d sent", c.frames, len(r.sink.all))
		}
	}
}
