package sfu

import (
	"testing"

	"veche.example/internal/media"
)

var videoCodecs = []media.Codec{media.VP8, media.VP9, media.AV1, media.H264, media.H265}

func TestShowForwards(t *testing.T) {
	for _, c := range append(media.Codecs(media.Audio), videoCodecs...) {
		t.Run(c.Name(), func(t *testing.T) {
			src := newSource(1, c)
			tr := newTrack(src, nil)
			r := newRig(c.Kind())
			equal(t, "status", r.Status(), Empty)
			must(t, r.Show(tr))
			equal(t, "status", r.Status(), Waiting)
			var want []*media.Packet
			for i := range 20 {
				f := src.next(i == 0, 3)
				write(tr, f...)
				want = append(want, f...)
			}
			equal(t, "status", r.Status(), Live)
			got := r.sink.take()
			equal(t, "packets", len(got), len(want))
			contiguousAny(t, c, got)
			for i, p := range got {
				equal(t, "ssrc", p.SSRC, r.sink.b.SSRC)
				equal(t, "pt", p.PayloadType, r.sink.b.Payload[c].Type)
				equal(t, "index", p.index, uint32(i))
				equal(t, "marker", p.Marker, want[i].Marker || c.Kind() == media.Audio && i == 0)
				if c == media.H264 || c == media.H265 || c.Kind() == media.Audio {
					equal(t, "payload", string(p.payload), string(want[i].Payload))
				}
			}
			equal(t, "switches", len(r.switches), 1)
			equal(t, "first timestamp", r.switches[0], got[0].Timestamp)
			st := r.Stats()
			equal(t, "stats packets", st.Packets, uint64(len(got)))
			equal(t, "stats late", st.Late, 0)
		})
	}
}

// contiguousAny is contiguous, but audio frames of several packets share no timestamp rule.
func contiguousAny(t *testing.T, c media.Codec, list []sent) {
	t.Helper()
	if c.Kind() == media.Video {
		contiguous(t, list)
		return
	}
	for i := 1; i < len(list); i++ {
		equal(t, "seq", list[i].SequenceNumber, list[i-1].SequenceNumber+1)
	}
}

func TestShowWaitsForKeyFrame(t *testing.T) {
	for _, c := range videoCodecs {
		t.Run(c.Name(), func(t *testing.T) {
			src, up := newSource(1, c), &upstream{}
			tr := newTrack(src, up)
			r := newRig(media.Video)
			must(t, r.Show(tr))
			equal(t, "requests", up.count(), 1)
			write(tr, src.next(false, 2)...)
			write(tr, src.next(false, 2)...)
			equal(t, "before the key frame", len(r.sink.take()), 0)
			write(tr, src.next(true, 4)...)
			got := r.sink.take()
			equal(t, "after it", len(got), 4)
			equal(t, "begins a key frame", got[0].key && got[0].first, true)
		})
	}
}

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

func TestShowErrors(t *testing.T) {
	video, audio := newTrack(newSource(1, media.VP8), nil), newTrack(newSource(1, media.Opus), nil)
	r := newRig(media.Video, func(b *Binding) { b.Payload[media.AV1].Negotiated = false })
	equal(t, "kind", r.Show(audio), ErrKind)
	av1src := newSource(3, media.AV1)
	av1 := newTrack(av1src, nil)

	vp8 := newSource(4, media.VP8)
	tr := newTrack(vp8, nil)
	must(t, r.Show(tr))
	write(tr, vp8.next(true, 1)...)
	equal(t, "kind leaves the slot alone", r.Show(audio), ErrKind)
	equal(t, "status", r.Status(), Live)
	equal(t, "codec", r.Show(av1), ErrCodec)
	equal(t, "codec empties", r.Status(), Empty)
	r.sink.take()
	write(tr, vp8.next(true, 1)...)
	equal(t, "old source stopped", len(r.sink.take()), 0)

	r.Bind(binding())
	must(t, r.Show(av1))
	write(av1, av1src.next(true, 1)...)
	equal(t, "after renegotiation", len(r.sink.take()), 1)

	video.Close()
	equal(t, "closed track", r.Show(video), ErrClosed)
	equal(t, "empties", r.Status(), Empty)
	r.Close()
	r.Close()
	equal(t, "closed slot", r.Show(tr), ErrClosed)
	equal(t, "nothing on a closed slot", r.Show(nil), ErrClosed)
	equal(t, "watchers", tr.Stats().Slots+av1.Stats().Slots, 0)

	unbound := NewSlot(media.Video, &sink{})
	equal(t, "unbound", unbound.Show(tr), ErrCodec)
}

func TestShowNilAndTrackClose(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	must(t, r.Show(nil))
	equal(t, "status", r.Status(), Empty)
	write(tr, src.next(true, 1)...)
	equal(t, "sent", len(r.sink.take()), 1)
	equal(t, "watchers", tr.Stats().Slots, 0)

	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	equal(t, "live again", r.Status(), Live)
	tr.Close()
	tr.Close()
	equal(t, "status", r.Status(), Empty)
	write(tr, src.next(true, 1)...)
	equal(t, "sent", len(r.sink.take()), 1)
	equal(t, "unclaimed", tr.Stats().Unclaimed, 1)
}

func TestTrackCloseWhilePending(t *testing.T) {
	a, b := newSource(1, media.VP8), newSource(2, media.VP8)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Video)
	must(t, r.Show(ta))
	write(ta, a.next(true, 1)...)
	must(t, r.Show(tb))
	ta.Close() // the old source goes first
	equal(t, "status", r.Status(), Waiting)
	write(tb, b.next(true, 1)...)
	equal(t, "status", r.Status(), Live)
	contiguous(t, r.sink.take())

	must(t, r.Show(newTrack(newSource(3, media.VP8), nil)))
	pend := r.want
	pend.Close()
	equal(t, "the wish is gone", r.Status(), Empty)
	write(tb, b.next(false, 1)...)
	_ = r.Show(nil)
	equal(t, "watchers", tb.Stats().Slots, 0)
}

func TestShowChangesItsMind(t *testing.T) {
	a, b, c := newSource(1, media.VP8), newSource(2, media.VP8), newSource(3, media.VP8)
	ta, tb, tc := newTrack(a, nil), newTrack(b, nil), newTrack(c, nil)
	r := newRig(media.Video)
	must(t, r.Show(ta))
	must(t, r.Show(ta)) // again: nothing happens
	write(ta, a.next(true, 1)...)
	must(t, r.Show(tb))
	must(t, r.Show(tb))
	must(t, r.Show(tc))
	equal(t, "b is left", tb.Stats().Slots, 0)
	write(tb, b.next(true, 1)...)
	must(t, r.Show(ta)) // back to what still flows
	equal(t, "status", r.Status(), Live)
	equal(t, "c is left", tc.Stats().Slots, 0)
	write(tc, c.next(true, 1)...)
	write(ta, a.next(false, 1)...)
	got := r.sink.take()
	equal(t, "packets", len(got), 2)
	equal(t, "all of a", got[1].src, 1)
	equal(t, "switches", len(r.switches), 1)
}

func TestPause(t *testing.T) {
	src, up := newSource(1, media.VP8), &upstream{}
	tr := newTrack(src, up)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	r.Pause(true)
	r.Pause(true)
	equal(t, "status", r.Status(), Paused)
	equal(t, "watchers", tr.Stats().Slots, 0)
	src.at += 5000 * ms
	write(tr, src.next(false, 1)...)
	before := r.sink.take()
	equal(t, "sent", len(before), 1)

	r.time = src.at
	n := up.count()
	r.Pause(false)
	equal(t, "status", r.Status(), Waiting)
	equal(t, "asks for a key frame", up.count(), n+1)
	write(tr, src.next(false, 1)...)
	equal(t, "deltas are withheld", len(r.sink.take()), 0)
	write(tr, src.next(true, 1)...)
	got := append(before, r.sink.take()...)
	contiguous(t, got)
	equal(t, "told", len(r.switches), 2)
	// 1 frame, 5 s, 1 paused frame and 1 delta lie between.
	equal(t, "time went on", got[1].Timestamp-got[0].Timestamp, 90*(5000+3*33))

	r.Pause(true)
	must(t, r.Show(nil))
	equal(t, "paused with nothing", r.Status(), Empty)
	must(t, r.Show(tr))
	equal(t, "remembered", r.Status(), Paused)
	tr.Close()
	r.Pause(false)
	equal(t, "closed meanwhile", r.Status(), Empty)

	audio := newRig(media.Audio)
	audio.Pause(true)
	must(t, audio.Show(newTrack(newSource(2, media.Opus), nil)))
	equal(t, "sound is not paused", audio.Status(), Waiting)
}

func TestLongPauseKeepsTimeGoingForward(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	r.Pause(true)
	src.at += 30 * 3600 * 1000 * ms
	r.time = src.at
	r.Pause(false)
	write(tr, src.next(true, 1)...)
	contiguous(t, r.sink.take())
}

func TestBindAgain(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	b := binding()
	b.Payload[media.VP8].Type = 44
	r.Bind(b)
	r.Bind(b)
	write(tr, src.next(false, 2)...)
	got := r.sink.take()
	contiguous(t, got)
	equal(t, "new payload type", got[2].PayloadType, 44)
	equal(t, "no new switch", len(r.switches), 1)
	b.Payload[media.VP8].Negotiated = false
	r.Bind(b)
	equal(t, "codec gone", r.Status(), Empty)
	write(tr, src.next(true, 1)...)
	equal(t, "sent", len(r.sink.take()), 0)
	r.Close()
	r.Bind(b)
}

func TestLatePacketUnderOldBinding(t *testing.T) {
	src := newSource(1, media.H264)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	hole := src.next(false, 2)
	write(tr, hole[1])
	b := binding()
	b.Payload[media.H264].Type = 44
	r.Bind(b)
	write(tr, src.next(false, 1)...)
	write(tr, hole[0])
	got := r.sink.take()
	equal(t, "packets", len(got), 4)
	equal(t, "newest", got[2].PayloadType, 44)
	equal(t, "late one as its neighbours", got[3].PayloadType, got[1].PayloadType)
	equal(t, "in its place", got[3].SequenceNumber, got[1].SequenceNumber-1)
}

func TestMIDUntilKnown(t *testing.T) {
	src := newSource(1, media.AV1)
	tr := newTrack(src, nil)
	r := newRig(media.Video, func(b *Binding) { b.MIDExt, b.MID = 3, "17" })
	must(t, r.Show(tr))
	write(tr, src.next(true, 2)...)
	r.HandleRTCP(receiverReport(r.sink.b.SSRC, 0, 0))
	write(tr, src.next(false, 1)...)
	got := r.sink.take()
	equal(t, "mid", got[0].mid, "17")
	equal(t, "and descriptor", len(got[0].dd), 23)
	equal(t, "mid", got[1].mid, "17")
	equal(t, "after the report", got[2].mid, "")
	equal(t, "descriptor stays", len(got[2].dd), 3)
	contiguous(t, got)
}

func TestExtensionIDsAbove14(t *testing.T) {
	src := newSource(1, media.AV1)
	tr := newTrack(src, nil)
	r := newRig(media.Video, func(b *Binding) { b.DDExt, b.MIDExt, b.MID = 20, 21, "x" })
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	got := r.sink.take()
	equal(t, "packets", len(got), 1)
	equal(t, "mid", got[0].mid, "x")
	equal(t, "descriptor", len(got[0].dd), 23)
}

func TestDescriptorOnlyWhereNegotiated(t *testing.T) {
	src := newSource(1, media.AV1)
	tr := newTrack(src, nil)
	r := newRig(media.Video, func(b *Binding) { b.DDExt = 0 })
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	equal(t, "no extension", r.sink.take()[0].Extension, false)
}

func TestWriteErrorsAreCounted(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	r.sink.fail = errSink
	write(tr, src.next(true, 2)...)
	equal(t, "errors", r.Stats().WriteErrors, 2)
	r.sink.fail = nil
	write(tr, src.next(false, 1)...)
	contiguous(t, r.sink.take())
}

func TestStatusNames(t *testing.T) {
	for s, want := range map[Status]string{Empty: "empty", Waiting: "waiting", Live: "live", Paused: "paused", 9: "unknown"} {
		equal(t, "name", s.String(), want)
	}
}
