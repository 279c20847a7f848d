package proto

import "veche.example/internal/room"

// Chat posts a line to everybody or to one member, perhaps with the offer of a file.
type Chat struct {
	Text string `json:"text"`
	To   string `json:"to,omitempty"`
	File *File  `json:"file,omitempty"`
}

// Limits of a file's description in bytes; the id must fit into a link name behind "f:".
const (
	maxFileID   = room.MaxLink - len("f:")
	maxFileName = 255
	maxMIME     = 127
)

// Type implements Request.
func (Chat) Type() string { return "chat" }

// Needs implements Request.
func (Chat) Needs() []room.Message { return []room.Message{room.MsgChat} }

func decodeChat(o *object) Request {
	m := Chat{Text: o.text("text", 0, room.MaxText)}
	if o.has("to") {
		m.To = o.id("to")
	}
	if o.has("file") {
		m.File = file(o.object("file"))
	} else if m.Text == "" {
		o.bad("text", "empty")
	}
	return m
}

func file(o *object) *File {
	f := &File{Name: o.short("name", 1, maxFileName), Size: o.int("size", 0, maxSafe), MIME: o.short("mime", 0, maxMIME)}
	if o.has("id") {
		if f.ID = o.id("id"); len(f.ID) > maxFileID {
			o.bad("id", "too long")
		}
	}
	return f
}
