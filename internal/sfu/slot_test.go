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
