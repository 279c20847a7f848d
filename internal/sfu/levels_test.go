package sfu

import (
	"math"
	"math/rand/v2"
	"testing"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
)

func TestReach(t *testing.T) {
	const first = codec.First
	tests := []struct {
		name           string
		is, want, next Level
		info           codec.Info
	}{
		{"a key frame takes all", Level{0, 0}, Top, Top, codec.Info{Rank: codec.Picture, Flags: first}},
		{"a key frame drops all", Top, Level{0, 0}, Level{0, 0}, codec.Info{Rank: codec.Picture, Flags: first}},
		{"no more size without one", Level{0, 2}, Top, Level{0, 2}, codec.Info{Flags: first, Open: 2}},
		{"less size at any picture", Top, Level{1, 2}, Level{1, 2}, codec.Info{Flags: first, Temporal: 2}},
		{"less time at a picture that stays", Top, Level{2, 1}, Level{2, 1}, codec.Info{Flags: first, Temporal: 1}},
		{"not at one that goes", Top, Level{2, 1}, Top, codec.Info{Flags: first, Temporal: 2}},
		{"nor is the size dropped there", Top, Level{0, 0}, Top, codec.Info{Flags: first, Temporal: 2}},
		{"more time where it is open", Level{2, 0}, Top, Top, codec.Info{Flags: first, Open: 2}},
		{"as far as it is open", Level{2, 0}, Top, Level{2, 1}, codec.Info{Flags: first, Open: 1}},
		{"as far as is wanted", Level{2, 0}, Level{2, 1}, Level{2, 1}, codec.Info{Flags: first, Open: 2}},
		{"not by a picture of a layer that was not sent", Level{2, 0}, Top, Level{2, 0}, codec.Info{Flags: first, Temporal: 1, Open: 2}},
		{"VP8 without Y", Level{2, 0}, Top, Level{2, 0}, codec.Info{Flags: first, Temporal: 1}},
		{"VP8 by one layer with Y", Level{2, 0}, Top, Level{2, 1}, codec.Info{Flags: first | codec.Sync, Temporal: 1}},
		{"VP8 not by two", Level{2, 0}, Top, Level{2, 0}, codec.Info{Flags: first | codec.Sync, Temporal: 2}},
		{"less size and more time", Level{2, 0}, Level{0, 2}, Level{0, 2}, codec.Info{Flags: first, Open: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { equal(t, "level", reach(tt.is, tt.want, &tt.info), tt.next) })
	}
}

// played is a stage with one film over a good network.
func played(t *testing.T, name string, c media.Codec) (*stage, *Track, *upstream) {
	x := newStage(t, 1, loadFilm(t, name, c, 1))
	up := &upstream{now: &x.now}
	tr := x.tracks[0]
	tr.key.up = up
	return x, tr, up
}

// pass carries packets over a good network until n pictures have ended.
func (x *stage) pass(pictures int) {
	for f := x.films[0]; pictures > 0; {
		x.now = f.due()
		p := f.play()
		x.tracks[0].Write(p)
		x.slot.Tick(x.now)
		if p.Marker {
			pictures--
		}
	}
}

func TestTrackTellsItsLayers(t *testing.T) {
	tests := []struct {
		film                  string
		codec                 media.Codec
		spatial, temporal     int
		width, height         int
		part                  Level
		partMin, partMax, all int // bit/s
	}{
		{"vp8-h", media.VP8, 1, 3, 320, 180, Level{0, 0}, 5_000, 25_000, 30_000},
		{"vp8dd-h", media.VP8, 1, 3, 320, 180, Level{0, 0}, 5_000, 25_000, 30_000},
		{"vp8-l", media.VP8, 1, 3, 80, 45, Level{0, 1}, 5_000, 20_000, 15_000},
		{"vp9", media.VP9, 3, 3, 960, 540, Level{0, 2}, 10_000, 60_000, 100_000},
		{"av1", media.AV1, 3, 3, 960, 540, Level{1, 2}, 40_000, 120_000, 120_000},
		{"h264-h", media.H264, 1, 1, 320, 180, Top, 10_000, 20_000, 10_000},
	}
	for _, tt := range tests {
		t.Run(tt.film, func(t *testing.T) {
			x, tr, _ := played(t, tt.film, tt.codec)
			x.pass(30)
			spatial, temporal := tr.Levels()
			equal(t, "spatial", spatial, tt.spatial)
			equal(t, "temporal", temporal, tt.temporal)
			w, h := tr.Size()
			equal(t, "width", w, tt.width)
			equal(t, "height", h, tt.height)
			if part, all := tr.Rate(tt.part), tr.Rate(Top); part < tt.partMin || part > tt.partMax || all < tt.all || all < part {
				t.Errorf("%d of %d bit/s", part, all)
			}
			p := *x.films[0].play()
			p.SSRC++
			p.Payload = []byte{0x10, 1, 2}
			p.DD = nil
			tr.Write(&p)
			if spatial, temporal = tr.Levels(); spatial != 1 || temporal != 1 {
				t.Errorf("a new sequence has %d, %d layers at once", spatial, temporal)
			}
		})
	}
}

// TestSizeRisesAtKeyFrame: more spatial layers wait for a key frame, which is asked for until it comes, at most twice a second.
func TestSizeRisesAtKeyFrame(t *testing.T) {
	for _, c := range []media.Codec{media.VP9, media.AV1} {
		t.Run(c.Name(), func(t *testing.T) {
			x, tr, up := played(t, c.Name(), c)
			must(t, x.slot.ShowAt(tr, Level{0, 2}))
			x.pass(3)
			equal(t, "asked to begin with", up.count(), 1)
			x.now += 1000 * ms
			must(t, x.slot.ShowAt(tr, Top))
			equal(t, "asked at once", up.count(), 2)
			x.pass(1)
			equal(t, "level without key frame", x.slot.Stats().Level, Level{0, 2})
			x.pass(8)
			equal(t, "level after it", x.slot.Stats().Level, Top)
			equal(t, "key frames", tr.Stats().KeyFrames, 2)
			n := up.count()
			if n > 4 {
				t.Errorf("asked %d times in two thirds of a second", n)
			}
			x.pass(10)
			equal(t, "asked after that", up.count(), n)
		})
	}
	t.Run("asks again", func(t *testing.T) {
		x, tr, up := played(t, "vp9", media.VP9)
		must(t, x.slot.ShowAt(tr, Level{0, 2}))
		x.pass(2)
		must(t, x.slot.ShowAt(tr, Top))
		for until := x.now + 10_000*ms; x.now < until; x.now += 100 * ms {
			x.slot.Tick(x.now)
		}
		if n := up.count(); n < 15 || n > 20 {
			t.Errorf("asked %d times in 10 s", n)
		}
		for i := 2; i < len(up.at); i++ {
			if d := up.at[i] - up.at[i-2]; d < 1000*ms {
				t.Errorf("three requests within %d ms", d/ms)
			}
		}
	})
}

// TestTemporalRisesWithoutKeyFrame: switching points are enough. VP8 has one for each layer, once in eight pictures.
func TestTemporalRisesWithoutKeyFrame(t *testing.T) {
	tests := []struct {
		film     string
		codec    media.Codec
		pictures int
		level    Level
	}{{"vp8-h", media.VP8, 6, Level{2, 1}}, {"vp9", media.VP9, 3, Top}, {"av1", media.AV1, 3, Top}}
	for _, tt := range tests {
		t.Run(tt.film, func(t *testing.T) {
			x, tr, up := played(t, tt.film, tt.codec)
			must(t, x.slot.ShowAt(tr, Level{2, 0}))
			x.pass(2)
			must(t, x.slot.ShowAt(tr, Top))
			x.pass(tt.pictures)
			equal(t, "level", x.slot.Stats().Level, tt.level)
			equal(t, "asked after the beginning", up.count(), 1)
			equal(t, "key frames", tr.Stats().KeyFrames, 1)
			equal(t, "changes", x.slot.Stats().LevelSwitches, 1)
		})
	}
	t.Run("asks for one in the end", func(t *testing.T) {
		x, tr, up := played(t, "vp8dd-h", media.VP8)
		must(t, x.slot.ShowAt(tr, Level{2, 0}))
		x.pass(3)
		must(t, x.slot.ShowAt(tr, Top))
		x.now += 1000 * ms
		x.slot.Tick(x.now)
		equal(t, "asked after a second", up.count(), 1)
		x.now += 600 * ms
		x.slot.Tick(x.now)
		equal(t, "asked after more", up.count(), 2)
	})
}

// TestLateForeignerFillsItsHole: what was taken for a part of the level and is none leaves no hole.
func TestLateForeignerFillsItsHole(t *testing.T) {
	x, tr, _ := played(t, "vp8-h", media.VP8)
	must(t, x.slot.ShowAt(tr, Level{0, 0}))
	f := x.films[0]
	var lost *media.Packet
	for range 12 {
		temporal := f.shots[f.next].info.Temporal
		p := f.play()
		if lost == nil && temporal == 2 && len(x.receiver.got) > 0 {
			lost = p
			continue
		}
		tr.Write(p)
	}
	before := len(x.receiver.got)
	tr.Write(lost)
	equal(t, "packets for it", len(x.receiver.got)-before, 1)
	empty := 0
	for n := x.receiver.low; n <= x.receiver.high; n++ {
		s, ok := x.receiver.got[n]
		equal(t, "no hole", ok, true)
		if len(s.payload) == 0 {
			empty++
			x.slot.HandleRTCP(nack(binding().SSRC, s.SequenceNumber))
		}
	}
	equal(t, "without payload", empty, 1)
	equal(t, "sent again the same", x.receiver.broken, "")
	equal(t, "sent again", x.slot.Stats().Retransmitted, 1)
}

// TestLipSyncOverLayers: after 200 switches between publishers, codecs and levels, picture and sound of a seat are as far apart as they
// were captured, as the subscriber computes it from the sender reports.
func TestLipSyncOverLayers(t *testing.T) {
	films := []*film{loadFilm(t, "vp8-h", media.VP8, 1), loadFilm(t, "vp9", media.VP9, 2), loadFilm(t, "av1", media.AV1, 3), loadFilm(t, "h264-h", media.H264, 4)}
	x := newStage(t, 7, films...)
	voice := newRig(media.Audio)
	var (
		sounds []*source
		voices []*Track
		heard  = map[uint32]int64{}
		offset = []int64{0, 7200_000, -300, 55_555_000} // ms, of the publishers' clocks
		delay  = []int64{5, 80, 180, 30}                // ms, of their networks; sound takes half of it
		shown  int
		worst  float64
		n      int
	)
	r := rand.New(rand.NewPCG(1, 2))
	clocks := make([]*Clock, len(films))
	for i := range films {
		clocks[i] = new(Clock)
		x.tracks[i].cfg.Clock, x.tracks[i].line.clock = clocks[i], clocks[i]
		s := newSource(byte(i), media.Opus)
		s.at = x.now
		sounds = append(sounds, s)
		voices = append(voices, NewTrack(TrackConfig{Codec: media.Opus, Clock: clocks[i]}))
	}
	// subscriber's view of a timestamp: wall-clock time in ns.
	view := func(s *Slot, ts uint32, rate int64) (float64, bool) {
		sr, ok := s.SenderReport(x.now)
		if !ok {
			return 0, false
		}
		return float64(ntpNanos(sr.NTPTime)) + float64(int32(ts-sr.RTPTime))*1e9/float64(rate), true
	}
	for x.slot.Stats().Switches+x.slot.Stats().LevelSwitches < 200 {
		if r.IntN(25) == 0 {
			shown = r.IntN(len(films))
			must(t, x.slot.ShowAt(x.tracks[shown], levelAt(r.IntN(levels))))
			must(t, voice.Show(voices[shown]))
			clear(heard)
		}
		i := 0
		for j := range films {
			if films[j].due()+delay[j]*ms < films[i].due()+delay[i]*ms {
				i = j
			}
		}
		captured := films[i].due()
		x.now = captured + delay[i]*ms
		for j, s := range sounds { // the sound captured until then
			for s.at+delay[j]*ms/2 <= x.now {
				p := s.next(true, 1)[0]
				at := p.Arrival
				p.Arrival += delay[j] * ms / 2
				voices[j].SenderReport(ntpAt(at+offset[j]*ms), p.Timestamp, p.Arrival)
				voices[j].Write(p)
				for _, q := range voice.sink.take() {
					heard[q.Timestamp] = at
					voice.time = x.now
				}
			}
		}
		p := films[i].play()
		p.Arrival = x.now
		x.tracks[i].SenderReport(ntpAt(captured+offset[i]*ms), p.Timestamp, x.now)
		high := x.slot.high.Load()
		x.tracks[i].Write(p)
		if x.slot.high.Load() == high || x.slot.Status() != Live || voice.Status() != Live || i != shown {
			continue
		}
		picture, ok := view(x.slot, x.receiver.got[x.slot.high.Load()].Timestamp, 90000)
		equal(t, "reports", ok, true)
		for ts, at := range heard {
			sound, ok := view(voice.Slot, ts, 48000)
			equal(t, "reports", ok, true)
			worst = max(worst, math.Abs((picture-float64(captured))-(sound-float64(at))))
			n++
		}
		clear(heard)
	}
	t.Logf("%d pairs of picture and sound, %.1f ms apart at most", n, worst/1e6)
	if n < 200 || worst > 45e6 {
		t.Errorf("%d pairs, %.1f ms apart", n, worst/1e6)
	}
}

func TestLayersDoNotAllocate(t *testing.T) {
	for name, c := range map[string]media.Codec{"vp8-h": media.VP8, "vp9": media.VP9, "av1": media.AV1} {
		t.Run(name, func(t *testing.T) {
			f := loadFilm(t, name, c, 1)
			f.began = 1e9
			var packets []*media.Packet
			for range 4 * videoRing {
				packets = append(packets, f.play())
			}
			tr := NewTrack(TrackConfig{Codec: c})
			for i := range levels {
				s := NewSlot(media.Video, new(copier))
				s.now = func() int64 { return 1e9 }
				s.Bind(binding())
				must(t, s.ShowAt(tr, levelAt(i)))
			}
			n := 0
			next := func() { tr.Write(packets[n]); n++ }
			for range 2 * videoRing {
				next()
			}
			if n := testing.AllocsPerRun(1000, next); n != 0 {
				t.Errorf("%v allocations per packet", n)
			}
		})
	}
}

// BenchmarkLayers gives the cost of a packet of a stream with layers, at slots of all levels.
func BenchmarkLayers(b *testing.B) {
	for _, c := range []media.Codec{media.VP9, media.AV1} {
		b.Run(c.Name(), func(b *testing.B) {
			f := loadFilm(b, c.Name(), c, 1)
			f.began = 1e9
			tr := NewTrack(TrackConfig{Codec: c})
			const slots = 45
			for i := range slots {
				s := NewSlot(media.Video, discard{})
				s.now = func() int64 { return 1e9 }
				s.Bind(binding())
				if err := s.ShowAt(tr, levelAt(i%levels)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for range b.N {
				b.StopTimer()
				var list [64]*media.Packet
				for i := range list {
					list[i] = f.play()
				}
				b.StartTimer()
				for _, p := range list {
					tr.Write(p)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64/slots, "ns/slot")
		})
	}
}
