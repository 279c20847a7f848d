package codec

import (
	"encoding/binary"

	"veche.example/internal/media"
)

// Description is what a key frame tells of its picture: the size of its highest spatial layer in pixels, 0 if it
// does not tell, and how many spatial layers there are, likewise.
type Description struct{ Width, Height, Spatial int }

// Describe reads the description from a packet with a Rank above Delta; it is false if the packet does not tell.
func Describe(c media.Codec, p []byte) (Description, bool) {
	var (
		d  Description
		ok bool
	)
	switch c {
	case media.VP8:
		d.Width, d.Height, ok = sizeVP8(p)
	case media.VP9:
		return describeVP9(p)
	case media.AV1:
		d.Width, d.Height, ok = sizeAV1(p)
	case media.H264:
		d.Width, d.Height, ok = sizeH264(p)
	}
	return d, ok
}

// sizeVP8 reads the frame header of a key frame (RFC 6386 §9.1) behind the descriptor.
func sizeVP8(p []byte) (int, int, bool) {
	at := vp8Header(p)
	if at == 0 || len(p) < at+10 || p[at+3] != 0x9d || p[at+4] != 1 || p[at+5] != 0x2a {
		return 0, 0, false
	}
	return int(binary.LittleEndian.Uint16(p[at+6:]) & 0x3fff), int(binary.LittleEndian.Uint16(p[at+8:]) & 0x3fff), true
}

// vp8Header is the length of a descriptor that parseVP8 has accepted.
func vp8Header(p []byte) int {
	at := 1
	if len(p) > 1 && p[0]&0x80 != 0 {
		x := p[1]
		at++
		if x&0x80 != 0 {
			if len(p) > at && p[at]&0x80 != 0 {
				at++
			}
			at++
		}
		if x&0x40 != 0 {
			at++
		}
		if x&0x30 != 0 {
			at++
		}
	}
	return at
}

// describeVP9 reads the scalability structure (RFC 9628 §4.2.1).
//
//	| N_S |Y|G|-|-|-|, then width and height of each spatial layer if Y
func describeVP9(p []byte) (Description, bool) {
	var d Description
	if len(p) < 2 || p[0]&0x42 != 0x02 { // V, and no references to pass over
		return d, false
	}
	at := 1
	if p[0]&0x80 != 0 {
		if p[at]&0x80 != 0 {
			at++
		}
		at++
	}
	if p[0]&0x20 != 0 {
		at++
		if p[0]&0x10 == 0 {
			at++
		}
	}
	if len(p) <= at {
		return d, false
	}
	sized := p[at]&0x10 != 0
	d.Spatial = int(p[at]>>5) + 1
	if at += 1 + (d.Spatial-1)*4; !sized || len(p) < at+4 {
		return d, true
	}
	d.Width, d.Height = int(binary.BigEndian.Uint16(p[at:])), int(binary.BigEndian.Uint16(p[at+2:]))
	return d, true
}

// sizeAV1 reads the sequence header, which begins the packet but for a temporal delimiter.
func sizeAV1(p []byte) (int, int, bool) {
	if len(p) < 2 {
		return 0, 0, false
	}
	count := int(p[0] >> 4 & 3)
	p = p[1:]
	for n := 1; len(p) > 0; n++ {
		obu := p
		if n != count {
			size, used := leb128(p)
			if used == 0 || size > uint64(len(p)-used) {
				return 0, 0, false
			}
			obu, p = p[used:used+int(size)], p[used+int(size):]
		} else {
			p = nil
		}
		if len(obu) > 1 && obu[0]>>3&15 == obuSequenceHeader {
			head := 1
			if obu[0]&4 != 0 { // extension
				head++
			}
			if obu[0]&2 != 0 { // a size of its own
				_, used := leb128(obu[min(head, len(obu)):])
				head += used
			}
			return sizeSequence(obu[min(head, len(obu)):])
		}
	}
	return 0, 0, false
}

// sizeSequence reads an AV1 sequence header (specification §5.5.1).
func sizeSequence(p []byte) (int, int, bool) {
	b := bits{p: p}
	b.skip(3 + 1) // profile, still picture
	if b.flag() { // reduced
		b.skip(5)
	} else {
		sequencePoints(&b)
	}
	nw, nh := int(b.u(4))+1, int(b.u(4))+1
	w, h := int(b.u(nw))+1, int(b.u(nh))+1
	return w, h, !b.bad
}

// sequencePoints passes over timing and operating points.
func sequencePoints(b *bits) {
	model, delay := false, 0
	if b.flag() { // timing info
		b.skip(64)
		if b.flag() {
			b.ue()
		}
		if model = b.flag(); model {
			delay = int(b.u(5)) + 1
			b.skip(32 + 5 + 5)
		}
	}
	display := b.flag()
	for range b.u(5) + 1 {
		b.skip(12)
		if b.u(5) > 7 {
			b.skip(1)
		}
		if model && b.flag() {
			b.skip(2*delay + 1)
		}
		if display && b.flag() {
			b.skip(4)
		}
	}
}

// sizeH264 finds a sequence parameter set.
func sizeH264(p []byte) (w, h int, ok bool) {
	if len(p) < 2 {
		return 0, 0, false
	}
	switch p[0] & 0x1f {
	case h264SPS:
		return sizeSPS(p[1:])
	case h264STAPA:
		for p = p[1:]; len(p) > 2; {
			size := int(binary.BigEndian.Uint16(p))
			if p = p[2:]; size > len(p) {
				break
			}
			if size > 1 && p[0]&0x1f == h264SPS {
				return sizeSPS(p[1:size])
			}
			p = p[size:]
		}
	}
	return 0, 0, false
}

// sizeSPS reads a sequence parameter set (H.264 §7.3.2.1.1) behind its NAL header.
func sizeSPS(nal []byte) (int, int, bool) {
	var buf [64]byte // what is read of it is shorter, but for scaling lists, which real-time encoders do not send
	b := bits{p: unescape(buf[:0], nal)}
	profile := b.u(8)
	b.skip(16)
	b.ue()
	chroma := uint32(1)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		if chroma = b.ue(); chroma == 3 {
			b.skip(1)
		}
		b.ue()
		b.ue()
		b.skip(1)
		if b.flag() {
			return 0, 0, false // scaling lists
		}
	}
	b.ue()
	switch b.ue() {
	case 0:
		b.ue()
	case 1:
		b.skip(1)
		b.ue()
		b.ue()
		for n := b.ue(); n > 0 && !b.bad; n-- {
			b.ue()
		}
	}
	b.ue()
	b.skip(1)
	w, h := 16*(int64(b.ue())+1), 16*(int64(b.ue())+1)
	unit := int64(2)
	if !b.flag() { // fields
		h, unit = 2*h, 4
		b.skip(1)
	}
	b.skip(1)
	if b.flag() { // cropping, in units of two samples with 4:2:0
		x, y := int64(b.ue()), int64(0)
		x += int64(b.ue())
		y += int64(b.ue())
		y += int64(b.ue())
		if chroma == 1 {
			x, y = 2*x, unit*y
		} else {
			y *= unit / 2
		}
		w, h = w-x, h-y
	}
	return int(w), int(h), !b.bad && w > 0 && h > 0 && w < 1<<16 && h < 1<<16
}

// unescape appends what a NAL unit holds without its emulation prevention bytes (H.264 §7.4.1.1), as far as dst has room.
func unescape(dst, nal []byte) []byte {
	zeros := 0
	for _, c := range nal {
		if len(dst) == cap(dst) {
			break
		}
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		dst = append(dst, c)
	}
	return dst
}
