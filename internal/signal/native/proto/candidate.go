package proto

import (
	"math"

	"veche.example/internal/room"
)

// Candidate is one ICE candidate of the client for its connection to the server.
type Candidate struct {
	PC        int           `json:"pc"`
	Candidate *ICECandidate `json:"candidate"` // nil = no more
}

// ICECandidate is an RTCIceCandidateInit (W3C WebRTC §4.8.1).
type ICECandidate struct {
	Candidate        string  `json:"candidate"`
	SDPMid           *string `json:"sdpMid,omitempty"`
	SDPMLineIndex    *int    `json:"sdpMLineIndex,omitempty"`
	UsernameFragment *string `json:"usernameFragment,omitempty"`
}

// Limits of a candidate in bytes; the fragment's is that of RFC 8839 §5.4.
const (
	maxCandidate = 1024
	maxFragment  = 256
)

// Type implements Request.
func (Candidate) Type() string { return "candidate" }

// Needs implements Request.
func (Candidate) Needs() []room.Message { return []room.Message{room.MsgCandidate} }

func decodeCandidate(o *object) Request {
	m := Candidate{PC: o.small("pc")}
	if string(o.raw("candidate")) != "null" {
		c := iceCandidate(o.object("candidate"))
		m.Candidate = &c
	}
	return m
}

// iceCandidate reads what RTCIceCandidate.toJSON writes: members without a value are null.
func iceCandidate(o *object) ICECandidate {
	c := ICECandidate{Candidate: o.short("candidate", 0, maxCandidate)}
	given := func(key string) bool { return o.has(key) && string(o.raw(key)) != "null" }
	if given("sdpMid") {
		v := o.short("sdpMid", 0, 32)
		c.SDPMid = &v
	}
	if given("sdpMLineIndex") {
		v := int(o.int("sdpMLineIndex", 0, math.MaxUint16))
		c.SDPMLineIndex = &v
	}
	if given("usernameFragment") {
		v := o.short("usernameFragment", 0, maxFragment)
		c.UsernameFragment = &v
	}
	return c
}
