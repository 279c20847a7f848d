// Package sdp reads the session descriptions that WebRTC clients offer and writes the answers of an ICE-lite server
// that bundles everything on one transport (RFC 8829, RFC 8839, RFC 8843). It is pure: no I/O, no state.
package sdp

import (
	"veche.example/internal/media"
)

// Limits of an offer. What is over a list's limit is ignored; a text or a number of sections over the limit is an error.
const (
	MaxSize     = 512 << 10 // bytes
	MaxSections = 192
	maxMID      = 32
	maxFmtp     = 512
	maxList     = 32 // header extensions, streams and fingerprints of one section
	MaxRIDs     = 4  // encodings of one section; further ones are not answered
	maxRID      = 16 // what a one-byte header extension carries
)

// Header extensions that the server knows.
const (
	ExtMID   = "urn:ietf:params:rtp-hdrext:sdes:mid"
	ExtLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	ExtTWCC  = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	ExtRID   = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	ExtRRID  = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	ExtDD    = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

// Direction is what one side does with a section, a set of bits.
type Direction uint8

// The directions of RFC 8866 §6.7.
const (
	Inactive Direction = 0
	SendOnly Direction = 1
	RecvOnly Direction = 2
	SendRecv Direction = 3
)

// Sends tells whether the side sends.
func (d Direction) Sends() bool { return d&SendOnly != 0 }

// Receives tells whether the side receives.
func (d Direction) Receives() bool { return d&RecvOnly != 0 }

// String is the attribute of SDP.
func (d Direction) String() string {
	return [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}[d&SendRecv]
}

// Fingerprint is a hash of a certificate (RFC 8122).
type Fingerprint struct {
	Hash  string // lower case
	Value string // upper case hexadecimal with colons
}

// Transport is how one side is reached and proves who it is.
type Transport struct {
	Ufrag, Pwd   string
	Fingerprints []Fingerprint
	Setup        string // DTLS role (RFC 8842): "actpass", "active" or "passive"
}

// Format is one payload type of a section.
type Format struct {
	Type     uint8
	Codec    media.Codec // 0 = none of ours
	Map      string      // the right side of its rtpmap
	Fmtp     string
	RTX      uint8 // payload type of its retransmissions; valid if HasRTX
	HasRTX   bool
	RED      uint8 // payload type of its redundant form (RFC 2198), of Opus only; valid if HasRED
	HasRED   bool
	REDFirst bool // the offerer likes the redundant form better
	Feedback Feedback
	offered  Feedback
}

// Feedback is a set of RTCP feedback kinds (RFC 4585, RFC 5104).
type Feedback uint8

// The kinds of feedback that the server knows.
const (
	NACK Feedback = 1 << iota
	PLI
	FIR
	TWCC
)

// Ext is a negotiated header extension (RFC 8285).
type Ext struct {
	ID  uint8
	URI string
}

// Stream is one RTP stream that a section declares: its SSRC and that of its retransmissions, 0 = none.
type Stream struct{ SSRC, RTX uint32 }

// Encoding is one stream of a section that sends simulcast (RFC 8851).
type Encoding struct {
	RID      string
	Restrict string   // what it is restricted to, but for payload types: "max-width=320"
	types    []string // payload types, empty = all
}

// Section is one media section of an offer.
type Section struct {
	MID       string // never empty: the index where the offer has none
	Named     bool   // the offer has a mid
	Media     string // of the m= line
	Kind      media.Kind
	Proto     string
	Rejected  bool // by the offerer (port 0)
	Bundled   bool
	Direction Direction // of the offerer
	Mux       bool      // RTP and RTCP share a port (RFC 5761)
	RSize     bool      // RTCP need not be compound (RFC 5506)
	Mixed     bool      // one- and two-byte header extensions may be mixed (RFC 8285 §6)
	Formats   []Format  // in the order of the offer
	Exts      []Ext
	Streams   []Stream
	Encodings []Encoding // that the offerer sends, by its preference; none = no simulcast
	Group     []uint32   // the SSRCs of simulcast without names (ssrc-group:SIM), smallest picture first
	transport Transport
	rawFmt    string // formats as they stand in the m= line
}

// Offer is a parsed offer.
type Offer struct {
	Transport
	Lite     bool
	Bundle   bool // it has a BUNDLE group
	Sections []*Section
}

// Section finds a section by its mid, nil if there is none.
func (o *Offer) Section(mid string) *Section {
	for _, s := range o.Sections {
		if s.MID == mid {
			return s
		}
	}
	return nil
}

// Ext gives the id of an extension, 0 if the section has none of that name.
func (s *Section) Ext(uri string) uint8 {
	for _, e := range s.Exts {
		if e.URI == uri {
			return e.ID
		}
	}
	return 0
}
