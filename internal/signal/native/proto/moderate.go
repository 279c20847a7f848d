package proto

import "veche.example/internal/room"

// Mute switches off a source of a member.
type Mute struct {
	Member string `json:"member"`
	Source string `json:"source"`
}

// Type implements Request.
func (Mute) Type() string { return "mute" }

// Needs implements Request.
func (Mute) Needs() []room.Message { return []room.Message{room.MsgMute} }

func decodeMute(o *object) Request {
	return Mute{Member: o.id("member"), Source: o.enum("source", sources...)}
}

// Remove takes a member out of the room.
type Remove struct {
	Member string `json:"member"`
}

// Type implements Request.
func (Remove) Type() string { return "remove" }

// Needs implements Request.
func (Remove) Needs() []room.Message { return []room.Message{room.MsgRemove} }

func decodeRemove(o *object) Request { return Remove{Member: o.id("member")} }

// Lock closes the room to newcomers or opens it.
type Lock struct {
	Locked bool `json:"locked"`
}

// Type implements Request.
func (Lock) Type() string { return "lock" }

// Needs implements Request.
func (Lock) Needs() []room.Message { return []room.Message{room.MsgLock} }

func decodeLock(o *object) Request { return Lock{Locked: o.bool("locked")} }

// SetRole gives a member another role.
type SetRole struct {
	Member string `json:"member"`
	Role   string `json:"role"`
}

// Type implements Request.
func (SetRole) Type() string { return "role" }

// Needs implements Request.
func (SetRole) Needs() []room.Message { return []room.Message{room.MsgRole} }

func decodeRole(o *object) Request {
	return SetRole{
		Member: o.id("member"),
		Role:   o.enum("role", room.Viewer.String(), room.Speaker.String(), room.Moderator.String()),
	}
}

// End sends everybody away and closes the room.
type End struct{}

// Type implements Request.
func (End) Type() string { return "end" }

// Needs implements Request.
func (End) Needs() []room.Message { return []room.Message{room.MsgEnd} }

func decodeEnd(*object) Request { return End{} }
