// Package rtc is the media connection of one participant: negotiation, ICE, DTLS-SRTP, and the RTP and RTCP that
// flow through them. It is the only importer of pion/webrtc, ice, dtls, srtp and interceptor.
//
// A Peer answers the client's offers. A section on which the client sends becomes an sfu.Track, a
// section on which it receives is an sfu.Slot; who sees whom is not decided here.
package rtc

import (
	"errors"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
)

// Errors of Peer.
var (
	// ErrSDP: the description cannot be applied; wrapped with the cause for the client's developer.
	ErrSDP = errors.New("rtc: bad session description")
	// ErrCandidate: not an ICE candidate.
	ErrCandidate = errors.New("rtc: bad ICE candidate")
	// ErrClosed: the peer is closed or has failed.
	ErrClosed = errors.New("rtc: peer closed")
)

// State is where a Peer's connection is in its life.
type State uint8

// The states; Failed and Closed are final.
const (
	Connecting State = iota
	Connected
	Disconnected // nothing is heard at the moment
	Failed
	Closed
)

// PeerConfig configures a Peer.
type PeerConfig struct {
	ID           string        // for logs
	Audio, Video []media.Codec // the room's codecs, best first; others are not negotiated
	Handler      Handler
}

// Handler is told what happens to a Peer. The calls of one Peer come one at a time, in order, from a goroutine
// of the Peer, never while a method of the Peer runs in the same goroutine. They may call Slot.Show and
// the like, but must not wait for the Peer's Close.
type Handler interface {
	// Track: the client began to send on the section mid (one of Offer.Publish), or goes on with another codec. Of
	// simulcast each encoding is a track with its own rid (RFC 8851), "" otherwise. The track replaces the one of the
	// same mid and rid, which has been closed.
	Track(mid, rid string, t *sfu.Track)
	// Ended: the track of the section and rid is closed: it was stopped, or the peer is over.
	Ended(mid, rid string, t *sfu.Track)
	// State: the connection's state changed.
	State(s State)
}

// Offer is a client's session description and what it wants to do with its sections. Sections in neither list
// are answered inactive.
type Offer struct {
	SDP     string
	Publish []string // mids on which the client sends to us
	Receive []string // mids on which it receives from us: each has a Slot for the life of the Peer
}

// Candidate is one trickled ICE candidate of the client; an empty Line is the end of candidates.
type Candidate struct {
	Line     string // "candidate:…"
	MID      string // "" = not told
	Index    int    // -1 = not told
	Fragment string // ICE user name fragment, "" = not told
}
