package segment

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

// maxUnit bounds the memory of a unit that has not ended.
const maxUnit = 8 << 20

// Unit is one picture, or one packet of sound, as it is in RTP.
type Unit struct {
	Codec     media.Codec
	Timestamp uint32
	Arrival   int64    // of its last packet
	Data      [][]byte // NAL units without start codes, OBUs, or one frame
}

// Assembler makes units of the packets of one codec, in order. It is for one goroutine.
type Assembler struct {
	codec  media.Codec
	decode func(*rtp.Packet) ([][]byte, error)

	begun bool
	next  uint16
	torn  bool // a packet of the unit under way, or between units, is missing
	size  int
}

// NewAssembler makes one; the error is that of a codec it does not know.
func NewAssembler(c media.Codec) (*Assembler, error) {
	a := &Assembler{codec: c}
	return a, a.reset()
}

// reset makes the decoder anew: its memory of what is not complete is gone.
func (a *Assembler) reset() error {
	a.size = 0
	switch a.codec {
	case media.H264:
		d := &rtph264.Decoder{PacketizationMode: 1}
		a.decode = d.Decode
		return d.Init()
	case media.H265:
		d := &rtph265.Decoder{}
		a.decode = d.Decode
		return d.Init()
	case media.AV1:
		d := &rtpav1.Decoder{}
		a.decode = d.Decode
		return d.Init()
	case media.VP8:
		d := &rtpvp8.Decoder{}
		a.decode = one(d.Decode)
		return d.Init()
	case media.VP9:
		d := &rtpvp9.Decoder{}
		a.decode = one(d.Decode)
		return d.Init()
	case media.Opus, media.G722, media.PCMU, media.PCMA:
		a.decode = func(p *rtp.Packet) ([][]byte, error) { return [][]byte{p.Payload}, nil }
		return nil
	}
	return fmt.Errorf("segment: no codec %s", a.codec)
}

func one(f func(*rtp.Packet) ([]byte, error)) func(*rtp.Packet) ([][]byte, error) {
	return func(p *rtp.Packet) ([][]byte, error) {
		frame, err := f(p)
		if err != nil || len(frame) == 0 {
			return nil, err
		}
		return [][]byte{frame}, nil
	}
}

// Push takes a packet. ok: a unit is complete. lost: pictures from here on cannot be decoded until the next key frame.
func (a *Assembler) Push(p Packet) (u Unit, ok, lost bool) {
	if a.begun && p.Seq != a.next {
		a.torn, lost = true, true
	}
	a.begun, a.next = true, p.Seq+1
	if a.size += len(p.Payload); a.size > maxUnit {
		a.torn, lost = true, true
		if a.reset() != nil {
			return Unit{}, false, true
		}
	}
	data, err := a.decode(&rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: p.Seq, Timestamp: p.Timestamp, Marker: p.Marker},
		Payload: p.Payload,
	})
	if p.Marker || a.codec.Kind() == media.Audio {
		a.size = 0
	}
	if err != nil || len(data) == 0 {
		if a.torn && p.Marker { // that was the torn unit: what there is of it must not meet the next one
			a.torn, lost = a.reset() != nil, true
		}
		return Unit{}, false, lost
	}
	if a.torn && a.codec.Kind() == media.Video {
		a.torn = false
		return Unit{}, false, true
	}
	a.torn = false
	return Unit{Codec: a.codec, Timestamp: p.Timestamp, Arrival: p.Arrival, Data: data}, true, lost
}
