// Package media holds the values that every media component shares: kinds, codecs and the received RTP packet.
package media

import (
	"strings"
	"time"
)

// Kind says whether a track carries sound or pictures.
type Kind uint8

// The kinds of media. The zero Kind is invalid.
const (
	Audio Kind = iota + 1
	Video
)

// String gives the name used in SDP and in the protocol: "audio" or "video".
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "unknown"
}

// Codec is one media format that can be carried from end to end. The zero Codec is invalid.
type Codec uint8

// The codecs, in the order in which Codecs lists them.
const (
	Opus Codec = iota + 1
	G722
	PCMU
	PCMA
	VP8
	VP9
	AV1
	H264
	H265
)

// CodecCount is the length of an array that is indexed by Codec; index 0 stays unused.
const CodecCount = int(H265) + 1

// codecs holds what RFC 3551 and the payload format of each codec fix.
var codecs = [CodecCount]struct {
	name, mime string
	kind       Kind
	rate       uint32
}{
	Opus: {"opus", "audio/opus", Audio, 48000},
	G722: {"g722", "audio/G722", Audio, 8000}, // RFC 3551 §4.5.2: the RTP clock is 8 kHz although it samples at 16
	PCMU: {"pcmu", "audio/PCMU", Audio, 8000},
	PCMA: {"pcma", "audio/PCMA", Audio, 8000},
	VP8:  {"vp8", "video/VP8", Video, 90000},
	VP9:  {"vp9", "video/VP9", Video, 90000},
	AV1:  {"av1", "video/AV1", Video, 90000},
	H264: {"h264", "video/H264", Video, 90000},
	H265: {"h265", "video/H265", Video, 90000},
}

// Codecs lists the codecs of a kind, best known first.
func Codecs(k Kind) []Codec {
	var list []Codec
	for c := Opus; c <= H265; c++ {
		if c.Kind() == k {
			list = append(list, c)
		}
	}
	return list
}

// ParseCodec finds a codec by its name ("vp8") or media type ("video/VP8"), in any case.
func ParseCodec(s string) (Codec, bool) {
	for c := Opus; c <= H265; c++ {
		if strings.EqualFold(s, codecs[c].name) || strings.EqualFold(s, codecs[c].mime) {
			return c, true
		}
	}
	return 0, false
}

// Valid tells whether c is one of the constants above.
func (c Codec) Valid() bool { return c >= Opus && c <= H265 }

// Name gives the lower-case name used in the protocol, "" for an invalid codec.
func (c Codec) Name() string {
	if !c.Valid() {
		return ""
	}
	return codecs[c].name
}

// String is Name, or "unknown".
func (c Codec) String() string {
	if !c.Valid() {
		return "unknown"
	}
	return codecs[c].name
}

// MIME gives the media type as SDP and browsers write it, "" for an invalid codec.
func (c Codec) MIME() string {
	if !c.Valid() {
		return ""
	}
	return codecs[c].mime
}

// Kind gives the kind of media, 0 for an invalid codec.
func (c Codec) Kind() Kind {
	if !c.Valid() {
		return 0
	}
	return codecs[c].kind
}

// ClockRate gives the RTP clock in Hz, 0 for an invalid codec.
func (c Codec) ClockRate() uint32 {
	if !c.Valid() {
		return 0
	}
	return codecs[c].rate
}

// Silence is the audio level of a silent or unknown source (RFC 6464: -dBov).
const Silence = 127

// MaxPayload is the largest RTP payload, with its dependency descriptor, that is carried, in bytes.
const MaxPayload = 1500

// Packet is one received RTP packet, parsed once. Payload and DD alias the read buffer: they are valid
// only during the call that takes the packet, and nobody may write to them.
type Packet struct {
	SSRC      uint32
	Timestamp uint32
	Seq       uint16
	PT        uint8
	Marker    bool
	// Retransmit: the packet arrived by RTX. Browsers probe bandwidth that way, so it may be a duplicate.
	Retransmit bool
	// RED: the payload is that of RFC 2198, with the codec's blocks in it.
	RED bool
	// Level is the audio level of RFC 6464, 0 (loudest) to 127 -dBov; -1 if the packet carries none.
	Level int8
	// Payload has no RTP padding; it is empty for a packet of padding only.
	Payload []byte
	// DD is the raw AV1 dependency descriptor header extension, nil if absent.
	DD []byte
	// Arrival is the time of reception as Now gives it.
	Arrival int64
	// Hold: more packets of the same picture are likely to follow at once, and whoever gave this one calls Release soon.
	Hold bool
	// Out is where the transports collect what is sent because of the packet, nil = nowhere. It belongs to the goroutine
	// that received the packet; what it is, is known to the transports only.
	Out any
}

// start anchors the process's monotonic time line.
var start = time.Now()

// Now gives nanoseconds on the monotonic time line of the process, the unit of Packet.Arrival.
func Now() int64 { return int64(time.Since(start)) }

// Wall gives the wall-clock time of a point on the time line of Now. Steps of the system clock after the
// start of the process are not seen, so that differences of two results are exact.
func Wall(at int64) time.Time { return start.Add(time.Duration(at)).Round(0) }
