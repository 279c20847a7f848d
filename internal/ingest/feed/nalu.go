package feed

import (
	"bytes"

	"github.com/pion/rtp"
)

// kind is what differs between the NAL units of H.264 (ISO 14496-10 §7.4.1) and H.265 (ISO 23008-2 §7.4.2.2).
type kind struct {
	parameters []uint8 // types of parameter sets, in the order in which they are sent
	useless    []uint8 // types that a receiver of RTP needs none of: delimiters, filler
	typeOf     func(nalu []byte) uint8
	random     func(t uint8) bool // decoding can begin with a picture of this type
}

var (
	kindH264 = kind{
		parameters: []uint8{7, 8}, useless: []uint8{9, 10, 11, 12},
		typeOf: func(n []byte) uint8 { return n[0] & 0x1f },
		random: func(t uint8) bool { return t == 5 },
	}
	kindH265 = kind{
		parameters: []uint8{32, 33, 34}, useless: []uint8{35, 36, 37, 38},
		typeOf: func(n []byte) uint8 { return n[0] >> 1 & 0x3f },
		random: func(t uint8) bool { return t >= 16 && t <= 21 },
	}
)

// nalus packetises access units. Parameter sets that came once, or beside the stream, go before every picture that
// decoding can begin with: whoever joins later needs them.
type nalus struct {
	encode func([][]byte) ([]*rtp.Packet, error)
	kind   kind
	known  [3][]byte // the last parameter sets, by their place in kind.parameters
}

// learn takes parameter sets that came beside the stream.
func (n *nalus) learn(sets ...[]byte) {
	for _, s := range sets {
		n.note(s)
	}
}

// note remembers a parameter set; false for anything else.
func (n *nalus) note(nalu []byte) bool {
	t := n.kind.typeOf(nalu)
	for i, p := range n.kind.parameters {
		if p == t {
			n.known[i] = bytes.Clone(nalu)
			return true
		}
	}
	return false
}

func (n *nalus) pack(unit [][]byte) ([][]byte, error) {
	var out [][]byte
	random := false
	for _, nalu := range unit {
		if len(nalu) == 0 {
			continue
		}
		t := n.kind.typeOf(nalu)
		if bytes.IndexByte(n.kind.useless, t) >= 0 || n.note(nalu) {
			continue
		}
		random = random || n.kind.random(t)
		out = append(out, nalu)
	}
	if len(out) == 0 {
		return nil, nil
	}
	if random {
		var sets [][]byte
		for _, s := range n.known {
			if s != nil {
				sets = append(sets, s)
			}
		}
		out = append(sets, out...)
	}
	packets, err := n.encode(out)
	return payloads(packets), err
}

// Learn takes parameter sets that came beside the stream (H.264: SPS, PPS; H.265: VPS, SPS, PPS).
func (l *Line) Learn(sets ...[]byte) {
	n, ok := l.pack.(*nalus)
	if !ok {
		return
	}
	for _, s := range sets {
		if len(s) > 0 {
			n.learn(s)
		}
	}
}
