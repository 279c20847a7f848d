package proto

import (
	"bytes"
	"encoding/json"
	"strings"

	"veche.example/internal/room"
)

// Signal is something for another member, about one link between the two.
type Signal struct {
	To   string `json:"to"`
	Link string `json:"link"`
	// Data has at least one of description, candidate, close and meta, nothing else. It has
	// passed Decode and goes to the other side as it is.
	Data json.RawMessage `json:"data"`
}

// Type implements Request.
func (Signal) Type() string { return "signal" }

// Needs implements Request: whoever may chat may move files.
func (m Signal) Needs() []room.Message {
	if strings.HasPrefix(m.Link, "f:") {
		return []room.Message{room.MsgSignalFile}
	}
	return []room.Message{room.MsgSignalMedia}
}

func decodeSignal(o *object) Request {
	m := Signal{To: o.id("to"), Link: o.short("link", 1, room.MaxLink)}
	d := o.object("data")
	if d.has("description") {
		s := d.object("description")
		s.enum("type", "offer", "answer", "pranswer", "rollback")
		s.short("sdp", 0, MaxLarge)
	}
	if c := d.raw("candidate"); c != nil && string(c) != "null" {
		iceCandidate(d.object("candidate"))
	}
	if d.has("close") {
		d.bool("close")
	}
	m.Data = only(d, "description", "candidate", "close", "meta")
	if len(m.Data) == len("{}") {
		o.bad("data", "nothing in it")
	}
	return m
}

// only writes the object again with these members only: what has not been looked at is not relayed
// beside what has.
func only(o *object, keys ...string) json.RawMessage {
	var out bytes.Buffer
	for _, key := range keys {
		raw := o.raw(key)
		if raw == nil {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		out.WriteString(`"` + key + `":`)
		out.Write(raw)
	}
	return append(append([]byte{'{'}, out.Bytes()...), '}')
}
