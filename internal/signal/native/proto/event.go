package proto

import "encoding/json"

// Joined tells of a new member.
type Joined struct {
	Member Member `json:"member"`
}

// Type implements Event.
func (Joined) Type() string { return "joined" }

// Left tells that a member is no longer here.
type Left struct {
	Member string `json:"member"`
	Reason string `json:"reason"`
}

// Type implements Event.
func (Left) Type() string { return "left" }

// Updated carries a member, whole, after a change.
type Updated struct {
	Member Member `json:"member"`
}

// Type implements Event.
func (Updated) Type() string { return "updated" }

// RoomChanged carries what can change of the room, whole.
type RoomChanged struct {
	Locked  bool     `json:"locked"`
	Video   []string `json:"video"`
	Audio   []string `json:"audio"`
	Publish Publish  `json:"publish"`
}

// Type implements Event.
func (RoomChanged) Type() string { return "room" }

// Topology begins a change of the path that media takes.
type Topology struct {
	Mode  string `json:"mode"`
	Epoch int    `json:"epoch"`
}

// Type implements Event.
func (Topology) Type() string { return "topology" }

// Settled ends it: the old path may be closed.
type Settled struct {
	Epoch int `json:"epoch"`
}

// Type implements Event.
func (Settled) Type() string { return "settled" }

// Seats tells what seats show; those not named have not changed.
type Seats struct {
	Seats []SeatInfo `json:"seats"`
}

// SeatInfo is what one seat shows.
type SeatInfo struct {
	Seat   int     `json:"seat"`
	Member string  `json:"member,omitempty"`
	Source string  `json:"source"`
	Audio  string  `json:"audio"` // live waiting none muted paused undecodable
	Video  string  `json:"video"`
	Codec  string  `json:"codec,omitempty"`
	RTP    *uint32 `json:"rtp,omitempty"`   // first timestamp of the new video
	Layer  *Layer  `json:"layer,omitempty"` // of a video that is live
	Why    string  `json:"why,omitempty"`   // not the best there is: tile bandwidth publisher choice
}

// Layer is what is sent of a video that has several encodings or layers.
type Layer struct {
	Index    int `json:"index"` // of the encoding, 0 is the smallest
	Of       int `json:"of"`    // how many encodings there are
	Spatial  int `json:"spatial"`
	Temporal int `json:"temporal"` // highest levels sent, from 0
	Width    int `json:"width,omitempty"`
	Height   int `json:"height,omitempty"` // of the picture, 0 = unknown
}

// Type implements Event.
func (Seats) Type() string { return "seats" }

// Signalled is a Signal of another member, stamped with its id.
type Signalled struct {
	From string          `json:"from"`
	Link string          `json:"link"`
	Data json.RawMessage `json:"data"`
}

// Type implements Event.
func (Signalled) Type() string { return "signal" }

// CallChanged tells a side of a call its new state.
type CallChanged struct {
	Call Call `json:"call"`
}

// Type implements Event.
func (CallChanged) Type() string { return "call" }

// ChatPosted carries a line of the chat.
type ChatPosted struct {
	Chat ChatMessage `json:"chat"`
}

// Type implements Event.
func (ChatPosted) Type() string { return "chat" }

// Muted tells a member to stop sending a source.
type Muted struct {
	Source string `json:"source"`
	By     string `json:"by"`
}

// Type implements Event.
func (Muted) Type() string { return "muted" }

// ResumeToken replaces the resume token of the welcome.
type ResumeToken struct {
	Token string `json:"token"`
}

// Type implements Event.
func (ResumeToken) Type() string { return "resume" }

// Media tells the state of the server's side of the media connection.
type Media struct {
	PC    int    `json:"pc"`
	State string `json:"state"`
}

// Type implements Event.
func (Media) Type() string { return "media" }
