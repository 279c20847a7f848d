package proto

import "veche.example/internal/room"

// Ring calls another member.
type Ring struct {
	To    string `json:"to"`
	Video bool   `json:"video"`
}

// Type implements Request.
func (Ring) Type() string { return "ring" }

// Needs implements Request.
func (Ring) Needs() []room.Message { return []room.Message{room.MsgRing} }

func decodeRing(o *object) Request { return Ring{To: o.id("to"), Video: o.bool("video")} }

// CallID names a call of the sender's.
type CallID struct {
	Call string `json:"call"`
}

func callID(o *object) CallID { return CallID{o.id("call")} }

// Accept answers a call.
type Accept struct{ CallID }

// Type implements Request.
func (Accept) Type() string { return "accept" }

// Needs implements Request.
func (Accept) Needs() []room.Message { return []room.Message{room.MsgAccept} }

func decodeAccept(o *object) Request { return Accept{callID(o)} }

// Decline refuses a call.
type Decline struct{ CallID }

// Type implements Request.
func (Decline) Type() string { return "decline" }

// Needs implements Request.
func (Decline) Needs() []room.Message { return []room.Message{room.MsgDecline} }

func decodeDecline(o *object) Request { return Decline{callID(o)} }

// Cancel takes a ring back.
type Cancel struct{ CallID }

// Type implements Request.
func (Cancel) Type() string { return "cancel" }

// Needs implements Request.
func (Cancel) Needs() []room.Message { return []room.Message{room.MsgCancel} }

func decodeCancel(o *object) Request { return Cancel{callID(o)} }

// Hangup ends a call.
type Hangup struct{ CallID }

// Type implements Request.
func (Hangup) Type() string { return "hangup" }

// Needs implements Request.
func (Hangup) Needs() []room.Message { return []room.Message{room.MsgHangUp} }

func decodeHangup(o *object) Request { return Hangup{callID(o)} }
