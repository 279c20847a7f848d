// Package codec reads just enough of RTP payloads to forward them: where decoding may begin, and the
// counters that must stay continuous over a switch of sources. No function here panics, allocates or
// keeps its input, whatever the bytes are.
package codec

import (
	"encoding/binary"

	"veche.example/internal/media"
)

// Rank says how much of what a decoder needs to begin is in a packet. A receiver can begin at a packet
// of the highest rank that its stream uses: a stream with parameter sets in band begins at those,
// one that has them in its SDP begins at the picture.
type Rank uint8

// The ranks, lowest first.
const (
	Delta      Rank = iota // nothing begins here
	Picture                // first packet of a picture that refers to no other
	Parameters             // H.264 or H.265 sequence parameter set
	VideoSet               // H.265 video parameter set
)

// Info is what Parse finds in one payload.
type Info struct {
	Rank Rank
	// PIDBits is 7 or 15 if the descriptor carries a picture id, else 0.
	PIDBits uint8
	// PIDAt is the offset of the picture id.
	PIDAt uint8
	// TL0At is the offset of TL0PICIDX, 0 if absent.
	TL0At uint8
	// TL0 is the value of TL0PICIDX.
	TL0 uint8
	// PID is the value of the picture id.
	PID uint16
	// Spatial and Temporal are the layers that the packet belongs to, from 0.
	Spatial, Temporal uint8
	// Flags say what else is known of the packet's place among the layers.
	Flags Flags
	// Open is the highest temporal layer that may be forwarded from this picture on by who has forwarded all up to
	// Temporal.
	Open uint8
	// RED is where the primary block begins in a payload of RFC 2198, 0 in any other.
	RED uint16
}

// Flags are properties of a packet, see the constants.
type Flags uint8

const (
	// First begins a picture, in its lowest spatial layer.
	First Flags = 1 << iota
	// Last ends its spatial layer of a picture.
	Last
	// Sync belongs to a picture that refers to temporal layer 0 only.
	Sync
)

// Rewritten tells whether the payload holds what a forwarder must rewrite.
func (i *Info) Rewritten() bool { return i.PIDBits != 0 || i.TL0At != 0 || i.RED != 0 }

// Parse reads the payload's descriptor. It returns false if the descriptor is cut short, so that no
// receiver could use the packet.
func Parse(c media.Codec, payload []byte) (Info, bool) {
	switch c {
	case media.VP8:
		return parseVP8(payload)
	case media.VP9:
		return parseVP9(payload)
	case media.AV1:
		return Info{Rank: rankAV1(payload)}, len(payload) > 0
	case media.H264:
		return Info{Rank: rankH264(payload)}, len(payload) > 0
	case media.H265:
		return Info{Rank: rankH265(payload)}, len(payload) > 1
	}
	// Every audio packet can be the first one.
	return Info{Rank: Picture}, len(payload) > 0
}

// Copy puts payload into dst and returns its length there. A picture id of 7 bits is widened to 15, so
// that its value may continue that of any other source; i then describes the copy. dst needs one byte
// more than payload.
func (i *Info) Copy(dst, payload []byte) int {
	if i.PIDBits != 7 {
		return copy(dst, payload)
	}
	at := int(i.PIDAt)
	copy(dst, payload[:at])
	dst[at], dst[at+1] = 0x80, payload[at]&0x7f
	n := at + 2 + copy(dst[at+2:], payload[at+1:])
	i.PIDBits = 15
	if i.TL0At != 0 {
		i.TL0At++
	}
	return n
}

// Put writes the counters into a payload that Copy made.
func (i *Info) Put(dst []byte, pid uint16, tl0 uint8) {
	if i.PIDBits == 15 {
		binary.BigEndian.PutUint16(dst[i.PIDAt:], pid|0x8000)
	}
	if i.TL0At != 0 {
		dst[i.TL0At] = tl0
	}
}

// pictureID reads the M bit and the 7 or 15 bits after it at p[at]; it returns the bits, the value and
// the offset of what follows.
func pictureID(p []byte, at int) (bits uint8, id uint16, next int, ok bool) {
	if len(p) <= at {
		return 0, 0, 0, false
	}
	if p[at]&0x80 == 0 {
		return 7, uint16(p[at]), at + 1, true
	}
	if len(p) <= at+1 {
		return 0, 0, 0, false
	}
	return 15, uint16(p[at]&0x7f)<<8 | uint16(p[at+1]), at + 2, true
}
