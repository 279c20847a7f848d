package proto

import "veche.example/internal/room"

// Leave ends the session at once.
type Leave struct{}

// Type implements Request.
func (Leave) Type() string { return "leave" }

// Needs implements Request.
func (Leave) Needs() []room.Message { return []room.Message{room.MsgLeave} }

func decodeLeave(*object) Request { return Leave{} }

// Ping asks for a pong.
type Ping struct {
	N uint64 `json:"n,omitempty"` // last event seen, 0 = not told
}

// Type implements Request.
func (Ping) Type() string { return "ping" }

// Needs implements Request.
func (Ping) Needs() []room.Message { return []room.Message{room.MsgPing} }

func decodePing(o *object) Request {
	if !o.has("n") {
		return Ping{}
	}
	return Ping{N: uint64(o.int("n", 0, maxSafe))}
}

// Ready says that the media of an epoch flows here.
type Ready struct {
	Epoch int `json:"epoch"`
}

// Type implements Request.
func (Ready) Type() string { return "ready" }

// Needs implements Request.
func (Ready) Needs() []room.Message { return []room.Message{room.MsgReady} }

func decodeReady(o *object) Request { return Ready{Epoch: o.small("epoch")} }

// ICE asks for fresh TURN credentials.
type ICE struct{}

// Type implements Request.
func (ICE) Type() string { return "ice" }

// Needs implements Request.
func (ICE) Needs() []room.Message { return []room.Message{room.MsgICE} }

func decodeICE(*object) Request { return ICE{} }
