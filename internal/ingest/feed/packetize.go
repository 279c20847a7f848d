package feed

import (
	"fmt"

	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpvp8"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpvp9"
	"github.com/pion/rtp"

	"veche.example/internal/media"
)

const (
	// maxPayload leaves room for headers, extensions, SRTP and a relay's header in 1280 bytes (RFC 8200 §5).
	maxPayload = 1150
	// maxAudio is 20 ms of 8 kHz sound, which receivers expect (RFC 3551 §4.2).
	g711Packet = 160
)

// packetizer makes RTP payloads of one unit.
type packetizer interface {
	pack(unit [][]byte) ([][]byte, error)
}

func newPacketizer(c media.Codec) (packetizer, error) {
	switch c {
	case media.H264:
		e := &rtph264.Encoder{PayloadMaxSize: maxPayload, PacketizationMode: 1}
		return &nalus{encode: e.Encode, kind: kindH264}, e.Init()
	case media.H265:
		e := &rtph265.Encoder{PayloadMaxSize: maxPayload}
		return &nalus{encode: e.Encode, kind: kindH265}, e.Init()
	case media.AV1:
		e := &rtpav1.Encoder{PayloadMaxSize: maxPayload}
		return whole(e.Encode), e.Init()
	case media.VP8:
		e := &rtpvp8.Encoder{PayloadMaxSize: maxPayload}
		return frames(e.Encode), e.Init()
	case media.VP9:
		e := &rtpvp9.Encoder{PayloadMaxSize: maxPayload}
		return frames(e.Encode), e.Init()
	case media.Opus:
		return frames(single), nil
	case media.PCMU, media.PCMA, media.G722:
		return frames(pieces), nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnsupported, c)
}

// whole packetises a unit of several elements.
type whole func([][]byte) ([]*rtp.Packet, error)

func (f whole) pack(unit [][]byte) ([][]byte, error) {
	if len(unit) == 0 {
		return nil, nil
	}
	packets, err := f(unit)
	return payloads(packets), err
}

// frames packetises a unit of one element.
type frames func([]byte) ([]*rtp.Packet, error)

func (f frames) pack(unit [][]byte) ([][]byte, error) {
	var all [][]byte
	for _, frame := range unit {
		if len(frame) == 0 {
			continue
		}
		packets, err := f(frame)
		if err != nil {
			return nil, err
		}
		all = append(all, payloads(packets)...)
	}
	return all, nil
}

func payloads(packets []*rtp.Packet) [][]byte {
	list := make([][]byte, len(packets))
	for i, p := range packets {
		list[i] = p.Payload
	}
	return list
}

// single is for sound that is never divided.
func single(b []byte) ([]*rtp.Packet, error) {
	if len(b) > media.MaxPayload {
		return nil, fmt.Errorf("a packet of %d bytes", len(b))
	}
	return []*rtp.Packet{{Payload: b}}, nil
}

// pieces takes at most what one packet should carry; adapters hand over no more.
func pieces(b []byte) ([]*rtp.Packet, error) {
	if len(b) > 8*g711Packet {
		return nil, fmt.Errorf("a packet of %d bytes", len(b))
	}
	return []*rtp.Packet{{Payload: b}}, nil
}
