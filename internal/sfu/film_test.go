package sfu

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
)

// film is a recording of what a browser sends (testdata/README.md), played in a loop: from its first key frame to before
// its last one.
type film struct {
	name  string
	codec media.Codec
	ssrc  uint32
	shots []shot
	next  int
	round int
	// By which the counters move on with each round.
	seq, pid, tl0, frames int
	ts                    uint32
	span                  int64 // ns
	began                 int64 // media.Now of the first packet
}

// shot is one recorded packet, with at in ns from the beginning.
type shot struct {
	at   int64
	p    media.Packet
	info codec.Info
}

func loadFilm(t testing.TB, name string, c media.Codec, ssrc uint32) *film {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".rtp"))
	if err != nil {
		t.Fatal(err)
	}
	f := &film{name: name, codec: c, ssrc: ssrc}
	var (
		dds   codec.Structure
		last  int
		first uint32
	)
	for len(b) >= 12 {
		dd, size := int(b[9]), int(binary.BigEndian.Uint16(b[10:]))
		s := shot{p: media.Packet{SSRC: ssrc, Seq: binary.BigEndian.Uint16(b[2:]), Timestamp: binary.BigEndian.Uint32(b[4:]),
			Marker: b[8] == 1, Level: -1, Payload: b[12+dd : 12+dd+size]}}
		if dd > 0 {
			s.p.DD = b[12 : 12+dd]
		}
		b = b[12+dd+size:]
		var ok bool
		if s.info, ok = codec.Parse(c, s.p.Payload); !ok {
			t.Fatalf("%s: malformed packet", name)
		}
		if dd > 0 && c != media.VP9 {
			dds.Read(&s.info, s.p.DD)
		}
		key := s.info.Rank != codec.Delta
		if len(f.shots) == 0 {
			if !key {
				continue
			}
			first = s.p.Timestamp
		}
		s.p.Seq = uint16(len(f.shots)) // padding is not recorded
		s.at = int64(s.p.Timestamp-first) * 1e9 / 90000
		if key {
			last = len(f.shots)
		}
		f.shots = append(f.shots, s)
	}
	a, z := &f.shots[0], &f.shots[last]
	f.seq, f.pid, f.tl0 = last, int(z.info.PID-a.info.PID), int(z.info.TL0-a.info.TL0)
	f.ts, f.span = z.p.Timestamp-a.p.Timestamp, z.at
	if a.p.DD != nil {
		f.frames = int(codec.FrameNumber(z.p.DD) - codec.FrameNumber(a.p.DD))
	}
	f.shots = f.shots[:last]
	return f
}

// due is when the next packet is sent.
func (f *film) due() int64 { return f.began + int64(f.round)*f.span + f.shots[f.next].at }

// play makes the next packet.
func (f *film) play() *media.Packet {
	s := &f.shots[f.next]
	p := s.p
	p.Arrival = f.due()
	p.Seq += uint16(f.round * f.seq)
	p.Timestamp += uint32(f.round) * f.ts
	p.Payload = append([]byte(nil), p.Payload...)
	i := s.info
	i.Put(p.Payload, i.PID+uint16(f.round*f.pid), i.TL0+uint8(f.round*f.tl0))
	if p.DD != nil {
		p.DD = append([]byte(nil), p.DD...)
		codec.PutFrameNumber(p.DD, codec.FrameNumber(p.DD)+uint16(f.round*f.frames))
	}
	if f.next++; f.next == len(f.shots) {
		f.next, f.round = 0, f.round+1
	}
	return &p
}

// picture is one layer of one picture, as a decoder gets it.
type picture struct {
	spatial, temporal int
	data              []byte
}

// unpack puts together what the packets of one picture carry. It fails if the picture is not whole.
func unpack(t *testing.T, c media.Codec, list []sent) []picture {
	t.Helper()
	var (
		out  []picture
		frag []byte // unfinished OBU or NAL unit
	)
	for n, s := range list {
		i, ok := codec.Parse(c, s.payload)
		if !ok {
			t.Fatalf("malformed packet sent: %x", s.payload)
		}
		p := s.payload
		switch c {
		case media.VP8:
			if (i.Flags&codec.First != 0) != (n == 0) {
				t.Fatalf("packet %d of a VP8 picture: first is %v", n, n != 0)
			}
			if n == 0 {
				out = append(out, picture{temporal: int(i.Temporal)})
			}
			out[0].data = append(out[0].data, p[headerVP8(p):]...)
		case media.VP9:
			if p[0]&0x08 != 0 {
				out = append(out, picture{spatial: int(i.Spatial), temporal: int(i.Temporal)})
			}
			if len(out) == 0 || out[len(out)-1].spatial != int(i.Spatial) {
				t.Fatalf("packet %d of a VP9 picture begins nowhere", n)
			}
			l := &out[len(out)-1]
			l.data = append(l.data, p[headerVP9(p):]...)
		case media.AV1:
			out, frag = unpackAV1(t, p, out, frag)
		case media.H264:
			if len(out) == 0 {
				out = append(out, picture{})
			}
			out[0].data, frag = unpackH264(t, p, out[0].data, frag)
		}
	}
	if len(frag) > 0 {
		t.Fatal("a picture ends within a fragment")
	}
	return out
}

// unpackAV1 appends OBUs with sizes, each to its spatial layer.
func unpackAV1(t *testing.T, p []byte, whole []picture, frag []byte) (list []picture, rest []byte) {
	t.Helper()
	z, y, w := p[0]&0x80 != 0, p[0]&0x40 != 0, int(p[0]>>4&3)
	if z != (len(frag) > 0) {
		t.Fatalf("AV1 packet continues %v, fragment of %d bytes", z, len(frag))
	}
	p = p[1:]
	for n := 1; len(p) > 0; n++ {
		obu := p
		if n != w {
			size, used := binary.Uvarint(p)
			obu, p = p[used:used+int(size)], p[used+int(size):]
		} else {
			p = nil
		}
		frag = append(frag, obu...)
		if len(p) == 0 && y {
			return whole, frag
		}
		head := 1 + int(frag[0]>>2&1)
		spatial := 0
		if head == 2 {
			spatial = int(frag[1] >> 3 & 3)
		}
		if len(whole) == 0 || whole[len(whole)-1].spatial != spatial {
			whole = append(whole, picture{spatial: spatial})
		}
		data := whole[len(whole)-1].data
		data = append(data, frag[0]|2)
		data = append(data, frag[1:head]...)
		data = binary.AppendUvarint(data, uint64(len(frag)-head))
		whole[len(whole)-1].data = append(data, frag[head:]...)
		frag = nil
	}
	return whole, nil
}

// unpackH264 appends NAL units in Annex B.
func unpackH264(t *testing.T, p, data, frag []byte) (whole, rest []byte) {
	t.Helper()
	start := []byte{0, 0, 0, 1}
	switch p[0] & 31 {
	case 24:
		for p = p[1:]; len(p) > 2; {
			n := int(binary.BigEndian.Uint16(p))
			data = append(append(data, start...), p[2:2+n]...)
			p = p[2+n:]
		}
	case 28:
		if begins := p[1]&0x80 != 0; begins != (len(frag) == 0) {
			t.Fatal("a fragment of H.264 is missing")
		} else if begins {
			frag = []byte{p[0]&0xe0 | p[1]&31}
		}
		frag = append(frag, p[2:]...)
		if p[1]&0x40 == 0 {
			return data, frag
		}
		return append(append(data, start...), frag...), nil
	default:
		data = append(append(data, start...), p...)
	}
	return data, frag
}

// headerVP8 and headerVP9 are the lengths of the payload descriptors (RFC 7741 §4.2, RFC 9628 §4.2).
func headerVP8(p []byte) int {
	at := 1
	if p[0]&0x80 != 0 {
		x := p[1]
		at++
		if x&0x80 != 0 {
			at += 1 + int(p[at]>>7)
		}
		at += int(x>>6&1) + min(int(x>>4&3), 1)
	}
	return at
}

func headerVP9(p []byte) int {
	at := 1
	if p[0]&0x80 != 0 {
		at += 1 + int(p[at]>>7)
	}
	if p[0]&0x20 != 0 {
		at += 2 - int(p[0]>>4&1)
	}
	if p[0]&0x50 == 0x50 {
		for more := true; more; at++ {
			more = p[at]&1 != 0
		}
	}
	if p[0]&0x02 != 0 {
		ss := p[at]
		at++
		if ss&0x10 != 0 {
			at += 4 * (int(ss>>5) + 1)
		}
		if ss&0x08 != 0 {
			n := int(p[at])
			at++
			for range n {
				at += 1 + int(p[at]>>2&3)
			}
		}
	}
	return at
}
