package sfu

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
)

// FuzzWrite sends packets of any content through a track to a slot and asks for some of them again: nothing
// panics, no outgoing number is used twice, and what is sent again is what was sent.
func FuzzWrite(f *testing.F) {
	for c := media.Opus; c <= media.H265; c++ {
		src := newSource(1, c)
		var in []byte
		for i := range 3 {
			for _, p := range src.next(i == 0, 2) {
				in = append(in, 0, byte(len(p.Payload)), byte(p.Seq>>8), byte(p.Seq), byte(p.Timestamp>>8), byte(len(p.DD)))
				in = append(in, p.Payload...)
			}
		}
		f.Add(byte(c), in)
	}
	f.Fuzz(func(t *testing.T, c byte, in []byte) {
		codec := media.Codec(c%byte(media.CodecCount-1)) + 1
		tr := NewTrack(TrackConfig{Codec: codec, RED: true})
		r := newRig(codec.Kind(), func(b *Binding) { b.RTXSSRC, b.RED = 0, c&64 })
		must(t, r.Show(tr))
		for len(in) >= 6 {
			flags, n := in[0], min(int(in[1]), len(in)-6)
			p := &media.Packet{
				Seq: binary.BigEndian.Uint16(in[2:]), Timestamp: uint32(in[4]) << 16, SSRC: uint32(flags & 1),
				Retransmit: flags&2 != 0, Marker: flags&4 != 0, Level: int8(flags), Arrival: r.time,
				Payload: in[6 : 6+n], DD: in[6 : 6+min(n, int(in[5]))],
			}
			in = in[6+n:]
			p.RED = flags&8 != 0 && codec == media.Opus
			if flags&0x80 != 0 {
				must(t, r.ShowAt(tr, levelAt(int(flags>>3)%levels)))
			}
			p.Hold = flags&0x20 != 0
			tr.Write(p)
			if flags&0x10 != 0 {
				tr.Release(nil)
			}
		}
		tr.Release(nil)
		got := r.sink.take()
		seen := map[uint16]bool{}
		for _, p := range got {
			if seen[p.SequenceNumber] {
				t.Fatalf("%d was used twice", p.SequenceNumber)
			}
			seen[p.SequenceNumber] = true
			r.HandleRTCP(nack(r.sink.b.SSRC, p.SequenceNumber))
			for _, q := range r.sink.take() {
				was, _ := p.Marshal()
				is, _ := q.Marshal()
				if string(was) != string(is) || string(p.payload) != string(q.payload) {
					t.Fatalf("%x %x was sent again as %x %x", was, p.payload, is, q.payload)
				}
			}
		}
		tr.Close()
	})
}

// FuzzFeedback hands a slot whatever pion/rtcp makes of a datagram.
func FuzzFeedback(f *testing.F) {
	for _, p := range [][]rtcp.Packet{nack(0xABCD, 1, 2, 3), receiverReport(0xABCD, 1, 2),
		{&rtcp.PictureLossIndication{MediaSSRC: 0xABCD}}, {&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 0xABCD}}}}} {
		b, err := rtcp.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		packets, err := rtcp.Unmarshal(in)
		if err != nil {
			return
		}
		r, _, _, _ := live(t, media.VP8)
		r.HandleRTCP(packets)
		if st := r.Stats(); st.RTT < 0 || st.Retransmitted > nackMax || st.FractionLost > 1 {
			t.Fatalf("%+v", st)
		}
	})
}
