package sfu

import (
	"bytes"
	"testing"

	"veche.example/internal/media"
)

func TestTrackDropsDuplicates(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	var all []*media.Packet
	for i := range 50 {
		f := src.next(i == 0, 2)
		write(tr, f...)
		all = append(all, f...)
	}
	for _, p := range all[10:] { // a bandwidth probe by RTX
		q := *p
		q.Retransmit, q.SSRC = true, 99
		tr.Write(&q)
	}
	got := r.sink.take()
	equal(t, "sent once", len(got), 100)
	contiguous(t, got)
	st := tr.Stats()
	equal(t, "duplicates", st.Duplicates, 90)
	equal(t, "packets", st.Packets, 100)
	equal(t, "resets", st.Resets, 0)
	var bytes uint64
	for _, p := range all {
		bytes += uint64(len(p.Payload))
	}
	equal(t, "bytes", st.Bytes, bytes)
	equal(t, "of the slot", r.Stats().Bytes, bytes)
}

func TestTrackForwardsLateRetransmission(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	lost := src.next(false, 3)
	write(tr, lost[0], lost[2])
	write(tr, src.next(false, 1)...)
	equal(t, "packets", r.Stats().Packets, 3+1)
	lost[1].Retransmit = true
	write(tr, lost[1])
	write(tr, lost[1])
	got := r.sink.take()
	equal(t, "packets", len(got), 5)
	equal(t, "its number", got[4].SequenceNumber, got[1].SequenceNumber+1)
	equal(t, "its timestamp", got[4].Timestamp, got[1].Timestamp)
	equal(t, "recovered", tr.Stats().Recovered, 1)
	equal(t, "slot's packets", r.Stats().Packets, 5)
}

func TestTrackClosesUpPadding(t *testing.T) {
	src := newSource(1, media.H264)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.padding())
	for i := range 20 {
		write(tr, src.next(i == 0, 2)...)
		write(tr, src.padding(), src.padding())
	}
	got := r.sink.take()
	equal(t, "packets", len(got), 40)
	contiguous(t, got)
	equal(t, "padding", tr.Stats().Padding, 41)

	// Padding that changed places with media cannot be closed up any more: it fills its hole.
	pad, f := src.padding(), src.next(false, 1)
	write(tr, f[0], pad)
	write(tr, src.next(false, 1)...)
	got = r.sink.take()
	equal(t, "packets", len(got), 3)
	equal(t, "empty", len(got[1].payload), 0)
	equal(t, "in its place", got[1].SequenceNumber, got[0].SequenceNumber-1)
	equal(t, "media packets", tr.Stats().Packets, 42)
}

func TestTrackDropsWhatItCannotCarry(t *testing.T) {
	src := newSource(1, media.VP8)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	big := src.next(false, 1)[0]
	big.Payload = append(big.Payload, make([]byte, media.MaxPayload)...)
	short := src.next(false, 1)[0]
	short.Payload = short.Payload[:3]
	full := src.next(false, 1)[0]
	full.Payload = append(full.Payload, make([]byte, media.MaxPayload-len(full.Payload))...)
	write(tr, big, short, full)
	got := r.sink.take()
	equal(t, "packets", len(got), 2)
	equal(t, "a hole of two", got[1].SequenceNumber, got[0].SequenceNumber+3)
	equal(t, "largest", len(got[1].payload), media.MaxPayload)
	st := tr.Stats()
	equal(t, "oversize", st.Oversize, 1)
	equal(t, "malformed", st.Malformed, 1)
}

func TestTrackIgnoresBadDescriptors(t *testing.T) {
	src := newSource(1, media.AV1)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	for _, n := range []int{2, 256} {
		p := src.next(true, 1)[0]
		p.DD = make([]byte, n)
		write(tr, p)
		equal(t, "left out", len(r.sink.take()[0].dd), 0)
	}
}

func TestTrackNewSequence(t *testing.T) {
	for _, how := range []string{"ssrc", "jump"} {
		for _, c := range []media.Codec{media.VP8, media.Opus} {
			t.Run(how+" "+c.Name(), func(t *testing.T) { newSequence(t, how, c) })
		}
	}
}

func newSequence(t *testing.T, how string, c media.Codec) {
	src, up := newSource(1, c), &upstream{}
	tr := newTrack(src, up)
	r := newRig(c.Kind())
	must(t, r.Show(tr))
	for i := range 5 {
		write(tr, src.next(i == 0, 1)...)
	}
	before := r.sink.take()
	src.at += 1000 * ms // the limit of the request by Show is over
	n := up.count()
	if how == "ssrc" {
		src.ssrc++
		src.seq -= 3
	} else {
		src.seq += 20000
		write(tr, src.next(true, 1)...) // a stray so far
		equal(t, "stray", tr.Stats().Late, 1)
	}
	src.ts += 12345678
	src.pid = 9
	if c.Kind() == media.Video {
		write(tr, src.next(false, 1)...)
		write(tr, src.next(false, 1)...)
		equal(t, "deltas are withheld", len(r.sink.take()), 0)
		equal(t, "asks for a key frame", up.count(), n+1)
		equal(t, "counted", r.Stats().Broken, 2)
	}
	write(tr, src.next(true, 1)...)
	write(tr, src.next(false, 1)...)
	got := r.sink.take()
	equal(t, "packets", len(got), 2)
	contiguous(t, append(before, got...))
	equal(t, "resets", tr.Stats().Resets, 1)
	equal(t, "the slot was not switched", len(r.switches), 1)
	// What was sent before can still be sent again.
	r.time = src.at - 500*ms // before is more than 1 s ago
	r.HandleRTCP(nack(r.sink.b.SSRC, before[4].SequenceNumber, got[1].SequenceNumber))
	equal(t, "sent again", len(r.sink.take()), 2)
}

func TestTrackPictureIDs(t *testing.T) {
	for _, c := range []media.Codec{media.VP8, media.VP9} {
		for _, bits := range []int{7, 15} {
			src := newSource(1, c)
			src.bits, src.pid = bits, 120
			if bits == 15 {
				src.pid = 32760
			}
			tr := newTrack(src, nil)
			r := newRig(media.Video)
			must(t, r.Show(tr))
			for i := range 300 {
				f := src.next(i == 0, 2)
				write(tr, f[1], f[0]) // the order of packets does not matter
				src.pid &= 1<<bits - 1
			}
			got := r.sink.take()
			at := map[media.Codec]int{media.VP8: 2, media.VP9: 1}[c]
			id := func(p sent) uint16 { return (uint16(p.payload[at])<<8 | uint16(p.payload[at+1])) }
			first := id(got[0])
			for _, p := range got {
				if want := (first+uint16(p.frame))&0x7fff | 0x8000; id(p) != want {
					t.Fatalf("%v, %d bits, frame %d: id %#x, want %#x", c, bits, p.frame, id(p), want)
				}
			}
		}
	}
}

func TestTrackDoesNotTouchThePacket(t *testing.T) {
	for _, c := range videoCodecs {
		src := newSource(1, c)
		src.bits = 7
		tr := newTrack(src, nil)
		r1, r2 := newRig(media.Video), newRig(media.Video)
		must(t, r1.Show(tr))
		must(t, r2.Show(tr))
		for i := range 5 {
			for _, p := range src.next(i == 0, 2) {
				keep, dd := bytes.Clone(p.Payload), bytes.Clone(p.DD)
				tr.Write(p)
				if !bytes.Equal(keep, p.Payload) || !bytes.Equal(dd, p.DD) {
					t.Fatalf("%v: the packet was written to", c)
				}
				clear(p.Payload) // the reader reuses its buffer
			}
		}
		a, b := r1.sink.take(), r2.sink.take()
		equal(t, "packets", len(a), len(b))
		for i := range a {
			got, ok := readBody(a[i].payload)
			equal(t, "body", ok && got.index == uint32(i), true)
		}
	}
}

func TestTrackAccessors(t *testing.T) {
	tr := NewTrack(TrackConfig{ID: "x", Kind: media.Audio, Codec: media.VP9, Fmtp: "profile-id=0"})
	equal(t, "id", tr.ID(), "x")
	equal(t, "kind follows the codec", tr.Kind(), media.Video)
	equal(t, "codec", tr.Codec(), media.VP9)
	equal(t, "fmtp", tr.Fmtp(), "profile-id=0")
	equal(t, "slot", NewSlot(media.Audio, &sink{}).Kind(), media.Audio)
}

func TestRingConflict(t *testing.T) {
	src := newSource(1, media.VP8)
	src.bits = 7
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	hold := func(on int32) {
		list := *tr.ring.entries.Load()
		for i := range list {
			list[i].readers.Add(on)
		}
	}
	hold(1)
	write(tr, src.next(false, 1)...) // its id cannot be widened: lost for all
	src.bits = 15
	write(tr, src.next(false, 1)...) // sent, but not kept
	write(tr, src.next(true, 1)...)
	joiner := newRig(media.Video)
	joiner.time = src.at
	must(t, joiner.Show(tr))
	write(tr, src.next(false, 1)...)
	hold(-1)
	equal(t, "busy", tr.Stats().RingBusy, 4)
	got := r.sink.take()
	equal(t, "sent", len(got), 4)
	r.time = src.at
	r.HandleRTCP(nack(r.sink.b.SSRC, got[1].SequenceNumber))
	equal(t, "not kept", r.Stats().NackUnknown, 1)
	equal(t, "no group without its first packet", len(joiner.sink.take()), 0)
}

func TestRingBigAudio(t *testing.T) {
	src := newSource(1, media.PCMU)
	tr := newTrack(src, nil)
	r := newRig(media.Audio)
	must(t, r.Show(tr))
	for _, n := range []int{10, audioPacket - 1, audioPacket, 1400} {
		p := src.next(true, 1)[0]
		p.Payload = bytes.Repeat([]byte{byte(n)}, n)
		want := bytes.Clone(p.Payload)
		write(tr, p)
		got := r.sink.take()[0]
		r.time = src.at
		r.HandleRTCP(nack(r.sink.b.SSRC, got.SequenceNumber))
		again := r.sink.take()[0]
		if !bytes.Equal(got.payload, want) || !bytes.Equal(again.payload, want) {
			t.Errorf("%d bytes came out wrong", n)
		}
	}
}

// TestKeyFrameLateBetweenPadding: the newest packet is padding that was closed up, and then the key frame
// comes by retransmission with a number below it.
func TestKeyFrameLateBetweenPadding(t *testing.T) {
	src := newSource(1, media.H264)
	tr := newTrack(src, nil)
	r := newRig(media.Video)
	write(tr, src.next(false, 1)...)
	must(t, r.Show(tr))
	write(tr, src.padding())
	key := src.next(true, 1)
	write(tr, src.padding())
	key[0].Retransmit = true
	write(tr, key...)
	equal(t, "key frame", len(r.sink.take()), 1)
	write(tr, src.next(false, 1)...)
	equal(t, "and what follows", len(r.sink.take()), 1)
	equal(t, "switches", len(r.switches), 1)
}
