package sfu

import (
	"testing"

	"veche.example/internal/media"
)

func TestSwitchKeepsOldUntilKeyFrame(t *testing.T) {
	for _, from := range videoCodecs {
		for _, to := range videoCodecs {
			t.Run(from.Name()+" "+to.Name(), func(t *testing.T) { switchVideo(t, from, to) })
		}
	}
}

func switchVideo(t *testing.T, from, to media.Codec) {
	a, b := newSource(1, from), newSource(2, to)
	ta, tb := newTrack(a, nil), newTrack(b, &upstream{})
	r := newRig(media.Video)
	must(t, r.Show(ta))
	write(ta, a.next(true, 2)...)
	write(tb, b.next(false, 2)...)
	must(t, r.Show(tb))
	equal(t, "status", r.Status(), Waiting)
	for range 5 {
		write(ta, a.next(false, 2)...)
		write(tb, b.next(false, 2)...)
	}
	before := r.sink.take()
	equal(t, "old packets", len(before), 12)
	write(tb, b.next(true, 3)...)
	write(ta, a.next(false, 2)...)
	write(tb, b.next(false, 3)...)
	got := r.sink.take()
	equal(t, "new packets", len(got), 6)
	for _, p := range got {
		equal(t, "source", p.src, 2)
		equal(t, "pt", p.PayloadType, r.sink.b.Payload[to].Type)
	}
	contiguous(t, append(before, got...))
	equal(t, "watchers of the old", ta.Stats().Slots, 0)
	equal(t, "shown", r.shown[1], tb)
	equal(t, "first timestamp", r.switches[1], got[0].Timestamp)
	if from == to {
		counters(t, from, before[len(before)-1], got[0])
	}
	// 33 ms of arrival lie between the last old and the first new frame.
	if d := got[0].Timestamp - before[len(before)-1].Timestamp; d != 2970 {
		t.Errorf("timestamp moved by %d ticks, want 2970", d)
	}
}

// counters checks that picture ids of two consecutive frames follow each other.
func counters(t *testing.T, c media.Codec, a, b sent) {
	t.Helper()
	id := func(p []byte, at int) uint16 { return (uint16(p[at])<<8 | uint16(p[at+1])) & 0x7fff }
	switch c {
	case media.VP8:
		equal(t, "picture id", id(b.payload, 2), (id(a.payload, 2)+1)&0x7fff)
		equal(t, "tl0picidx", b.payload[4], a.payload[4]+1)
	case media.VP9:
		equal(t, "picture id", id(b.payload, 1), (id(a.payload, 1)+1)&0x7fff)
	case media.AV1:
		fn := func(d []byte) uint16 { return uint16(d[1])<<8 | uint16(d[2]) }
		equal(t, "frame number", fn(b.dd), fn(a.dd)+1)
	}
}

func TestSwitchAudioAtOnce(t *testing.T) {
	a, b := newSource(1, media.Opus), newSource(2, media.Opus)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Audio)
	must(t, r.Show(ta))
	for range 3 {
		write(ta, a.next(true, 1)...)
		b.next(true, 1)
	}
	must(t, r.Show(tb))
	write(ta, a.next(true, 1)...)
	got := r.sink.take()
	equal(t, "packets of the old source", len(got), 3)
	equal(t, "status", r.Status(), Waiting)
	write(tb, b.next(true, 1)...)
	write(tb, b.next(true, 1)...)
	got = append(got, r.sink.take()...)
	contiguous(t, got)
	equal(t, "packets", len(got), 5)
	equal(t, "talkspurt begins", got[3].Marker, true)
	equal(t, "and goes on", got[4].Marker, false)
}

func TestSwitchClockRate(t *testing.T) {
	a, b := newSource(1, media.Opus), newSource(2, media.PCMU)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Audio)
	must(t, r.Show(ta))
	write(ta, a.next(true, 1)...)
	must(t, r.Show(tb))
	b.at += 80 * ms // arrives 80 ms after the last Opus packet
	write(tb, b.next(true, 1)...)
	got := r.sink.take()
	equal(t, "payload type 0 is valid", got[1].PayloadType, 0)
	equal(t, "80 ms at 8 kHz", got[1].Timestamp-got[0].Timestamp, 640)
}

func TestSwitchPlacesByCaptureTime(t *testing.T) {
	clock := func(r *rig, show *Track) { must(t, r.Show(show)) }
	a, b := newSource(1, media.VP8), newSource(2, media.VP8)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Video)
	// Both report; b's packets then arrive 200 ms late, so capture time and arrival disagree.
	ta.SenderReport(ntpAt(50*1000*ms), a.ts, a.at)
	tb.SenderReport(ntpAt(90*1000*ms), b.ts, b.at)
	clock(r, ta)
	write(ta, a.next(true, 1)...)
	clock(r, tb)
	b.ts += 9000 // captured 100 ms after the report, as a's frame was at 0 ms
	b.at += 300 * ms
	write(tb, b.next(true, 1)...)
	got := r.sink.take()
	d := int64(got[1].Timestamp - got[0].Timestamp)
	if d < 8999 || d > 9001 {
		t.Errorf("moved by %d ticks, want 9000 (capture), 27000 would be arrival", d)
	}
}

func TestSwitchDistrustsWildReports(t *testing.T) {
	a, b := newSource(1, media.VP8), newSource(2, media.VP8)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Video)
	ta.SenderReport(ntpAt(50*1000*ms), a.ts, a.at)
	tb.SenderReport(ntpAt(90*1000*ms), b.ts-90000*60, b.at) // a minute off
	must(t, r.Show(ta))
	write(ta, a.next(true, 1)...)
	must(t, r.Show(tb))
	b.at += 100 * ms
	write(tb, b.next(true, 1)...)
	got := r.sink.take()
	equal(t, "moved by arrival", got[1].Timestamp-got[0].Timestamp, 9000)
}

func TestJoinerGetsGroupOfPictures(t *testing.T) {
	for _, c := range videoCodecs {
		t.Run(c.Name(), func(t *testing.T) {
			src, up := newSource(1, c), &upstream{}
			tr := newTrack(src, up)
			write(tr, src.next(false, 2)...)
			write(tr, src.next(true, 5)...)
			for range 20 {
				write(tr, src.next(false, 2)...)
			}
			r := newRig(media.Video)
			r.time = src.at
			must(t, r.Show(tr))
			equal(t, "requests", up.count(), 0)
			write(tr, src.next(false, 2)...)
			got := r.sink.take()
			equal(t, "the whole group", len(got), 5+20*2+2)
			contiguous(t, got)
			equal(t, "begins a key frame", got[0].key && got[0].first, true)
			equal(t, "told", r.switches[0], got[0].Timestamp)
			// 21 frames of 33 ms are laid out in 1/64 of the time.
			if d := got[len(got)-1].Timestamp - got[0].Timestamp; d > 1100 {
				t.Errorf("the past spans %d ticks", d)
			}
			write(tr, src.next(false, 1)...)
			next := r.sink.take()
			equal(t, "real time from here on", next[0].Timestamp-got[len(got)-1].Timestamp, 2970)
		})
	}
}

func TestJoinerAsksWhenGroupIsLongOrOld(t *testing.T) {
	t.Run("long", func(t *testing.T) {
		src, up := newSource(1, media.VP8), &upstream{}
		src.step = ms
		tr := newTrack(src, up)
		write(tr, src.next(true, 1)...)
		for range 100 {
			write(tr, src.next(false, 2)...)
		}
		r := newRig(media.Video)
		r.time = src.at
		must(t, r.Show(tr))
		equal(t, "requests", up.count(), 1)
		write(tr, src.next(false, 1)...)
		equal(t, "sent", len(r.sink.take()), 0)
	})
	t.Run("old", func(t *testing.T) {
		src, up := newSource(1, media.VP8), &upstream{}
		tr := newTrack(src, up)
		write(tr, src.next(true, 1)...)
		src.at += 1100 * ms
		r := newRig(media.Video)
		r.time = src.at
		must(t, r.Show(tr))
		equal(t, "requests", up.count(), 1)
		write(tr, src.next(false, 1)...)
		equal(t, "sent", len(r.sink.take()), 0)
	})
}

func TestKeyFrameOutOfOrder(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	write(tr, src.next(false, 1)...)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	key := src.next(true, 4)
	write(tr, key[1], key[2], key[0], key[3])
	got := r.sink.take()
	equal(t, "packets", len(got), 4)
	contiguous(t, got)
	equal(t, "begins the key frame", got[0].first, true)
}

func TestLatePacketsAroundSwitch(t *testing.T) {
	a := newSource(1, media.VP8)
	ta := newTrack(a, nil)
	r := newRig(media.Video)
	must(t, r.Show(ta))
	before := a.next(false, 1)
	key := a.next(true, 3)
	write(ta, key[0], key[2])
	write(ta, before...) // belongs before the key frame: nothing of the slot's
	write(ta, key[1])    // fills a hole
	got := r.sink.take()
	equal(t, "packets", len(got), 3)
	equal(t, "hole filled last", got[2].index, key1(key[1]))
	equal(t, "with its own number", got[2].SequenceNumber, got[0].SequenceNumber+1)
	equal(t, "dropped as late", r.Stats().Late+ta.Stats().Late, 1)
}

func key1(p *media.Packet) uint32 {
	b, _ := readBody(p.Payload)
	return b.index
}
