// Package sfu forwards RTP from publishers' tracks to subscribers' slots.
//
//	Track.Write ─ duplicates, padding, order (seqmap) ─ parse once (codec) ─ ring for retransmission
//	   └▶ for each slot of an atomic snapshot: rewrite seq, timestamp, picture id ─▶ Writer
//
// A Slot is one RTP section towards a subscriber with one SSRC for life; Show switches it between tracks
// by rewriting alone. The packet path takes no lock and allocates nothing: a slot belongs to the
// goroutine of the track that it shows, and is handed over by the protocol described at Slot.
// Nothing here starts a goroutine; whoever owns slots calls Slot.Tick every 100 to 200 ms.
package sfu

import (
	"errors"

	"github.com/pion/rtp"

	"veche.example/internal/media"
)

// Errors of Slot.Show.
var (
	// ErrCodec: the section has no payload type for the track's codec. Retry after the next Bind.
	ErrCodec = errors.New("sfu: codec not negotiated for this section")
	// ErrKind: an audio track was put into a video section or the reverse.
	ErrKind = errors.New("sfu: track and section differ in kind")
	// ErrClosed: the slot or the track is closed.
	ErrClosed = errors.New("sfu: closed")
)

// Upstream asks a publisher for a key frame. It is called from any goroutine, the packet path included,
// and must be cheap; requests are merged and limited before they come here.
type Upstream interface{ RequestKeyFrame() }

// Writer is the transport of a slot. WriteRTP sends one packet. It may be called from several goroutines at
// once (a retransmission beside the packet path), must not keep h or payload after it returns, must not
// block, and must not call the slot back.
type Writer interface {
	WriteRTP(h *rtp.Header, payload []byte, way Way) error
}

// Way is how a packet is to be sent.
type Way struct {
	// Index is the packet's SRTP index (RFC 3711 §3.3.1): its sequence number, extended by how often that has wrapped. The
	// slot gives an index of an SSRC to one content only, so that the transport can seal without a state of its own.
	Index int64
	// Out is the media.Packet.Out that the packet came with; nil for a retransmission.
	Out any
	// Now is when the packet came (media.Now), or when it is sent again.
	Now int64
	// Number is where the transport-wide sequence number belongs: two bytes of the header, which the Writer overwrites. nil
	// if the section has none.
	Number []byte
	// Spare is set if nobody has asked for the packet: it was sent before, and is sent to try what the link carries.
	Spare bool
}

// Payload is what a section negotiated for one codec.
type Payload struct {
	Negotiated bool  // Type is valid (0 is the payload type of PCMU)
	Type       uint8 // RTP payload type
	RTX        uint8 // payload type of RFC 4588 retransmission, 0 = none
}

// Binding is what the last offer/answer exchange fixed for a section. Zero ids mean not negotiated.
type Binding struct {
	SSRC, RTXSSRC uint32
	Payload       [media.CodecCount]Payload // by media.Codec
	DDExt         uint8                     // id of the AV1 dependency descriptor extension
	RED           uint8                     // payload type of RFC 2198 around Opus, 0 = none
	MIDExt        uint8                     // id of the SDES mid extension (RFC 8843)
	TransportExt  uint8                     // id of the transport-wide sequence number extension
	MID           string                    // at most 16 bytes are sent
}

// Status says what a slot does now.
type Status uint8

// The states of a slot.
const (
	Empty   Status = iota // nothing is shown
	Waiting               // the wanted track has not begun to flow (no key frame or packet yet)
	Live                  // the wanted track flows
	Paused                // a track is wanted but the subscriber paused the section
)

// String gives the name of the status in lower case.
func (s Status) String() string {
	switch s {
	case Empty:
		return "empty"
	case Waiting:
		return "waiting"
	case Live:
		return "live"
	case Paused:
		return "paused"
	}
	return "unknown"
}
