package sfu

import (
	"testing"

	"veche.example/internal/media"
)

func TestLevelIndex(t *testing.T) {
	for i := range levels {
		equal(t, "level of index", levelAt(i).index(), i)
	}
	equal(t, "more than there is", Level{7, 7}.index(), top)
	equal(t, "less than nothing", Level{-1, -9}.index(), 0)
}

// red makes a payload of RFC 2198 with one redundant block.
func red(pt byte, redundant, primary []byte) []byte {
	p := []byte{0x80 | pt, 960 >> 6, 960&0x3f<<2 | byte(len(redundant)>>8), byte(len(redundant)), pt}
	return append(append(p, redundant...), primary...)
}

func TestREDReachesWhoTakesIt(t *testing.T) {
	src := newSource(1, media.Opus)
	tr := NewTrack(TrackConfig{Codec: media.Opus, RED: true})
	with := newRig(media.Audio, func(b *Binding) { b.RED = 63 })
	without := newRig(media.Audio)
	must(t, with.Show(tr))
	must(t, without.Show(tr))
	first, second := src.next(true, 1)[0], src.next(true, 1)[0]
	body := second.Payload
	second.Payload, second.RED = red(111, first.Payload, body), true
	write(tr, first, second)
	a, b := with.sink.take(), without.sink.take()
	equal(t, "packets", len(a)+len(b), 4)
	opus := binding().Payload[media.Opus].Type
	equal(t, "plain", a[0].PayloadType, opus)
	equal(t, "RED", a[1].PayloadType, 63)
	equal(t, "in the section's own numbers", string(a[1].payload), string(red(opus, first.Payload, body)))
	equal(t, "primary only", string(b[1].payload), string(body))
	equal(t, "as Opus", b[1].PayloadType, opus)
	contiguous(t, a)
	contiguous(t, b)
	with.HandleRTCP(nack(binding().SSRC, a[1].SequenceNumber))
	without.HandleRTCP(nack(binding().SSRC, b[1].SequenceNumber))
	a2, b2 := with.sink.take(), without.sink.take()
	equal(t, "sent again", len(a2)+len(b2), 2)
	equal(t, "RED again", string(a2[0].payload), string(a[1].payload))
	equal(t, "plain again", string(b2[0].payload), string(b[1].payload))
}

func TestREDMustBeExpected(t *testing.T) {
	src := newSource(1, media.Opus)
	tr := newTrack(src, nil)
	p := src.next(true, 1)[0]
	p.Payload, p.RED = red(111, nil, p.Payload), true
	write(tr, p)
	equal(t, "malformed", tr.Stats().Malformed, 1)
}

func TestRate(t *testing.T) {
	src := newSource(1, media.H264)
	tr := newTrack(src, nil)
	equal(t, "before all", tr.Rate(Top), 0)
	for i := range 60 { // two seconds of 30 frames
		for _, p := range src.next(i == 0, 2) {
			p.Payload = append(p.Payload, make([]byte, 1000-rateHeaders-len(p.Payload))...)
			tr.Write(p)
		}
	}
	if got := tr.Rate(Top); got < 470_000 || got > 500_000 { // 2 × 8000 bit each 33 ms
		t.Errorf("rate %d, want 484848", got)
	}
	src.at += 1100 * ms
	equal(t, "nothing comes", tr.Rate(Top), 0)
	write(tr, src.next(false, 1)...)
	equal(t, "and begins anew", tr.Rate(Top), 0)
}
