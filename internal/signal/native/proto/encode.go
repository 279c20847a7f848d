package proto

import (
	"encoding/json"
	"strconv"
)

// Event is the body of a frame of the server.
type Event interface {
	// Type is the message type, the frame's t.
	Type() string
}

// Encode writes a frame of the server: n numbers an event, re names the request that is answered;
// 0 leaves either out. The bodies are ours, so that it cannot fail: a text that is not UTF-8 has
// its faults replaced by U+FFFD.
func Encode(e Event, n uint64, re int) []byte {
	body, err := json.Marshal(e)
	if err != nil { // not with the types of this package; a RawMessage in them has passed Decode
		body = []byte("{}")
	}
	out := make([]byte, 0, len(body)+len(e.Type())+32)
	out = append(out, `{"t":"`...)
	out = append(out, e.Type()...)
	out = append(out, '"')
	if n > 0 {
		out = strconv.AppendUint(append(out, `,"n":`...), n, 10)
	}
	if re > 0 {
		out = strconv.AppendInt(append(out, `,"re":`...), int64(re), 10)
	}
	if len(body) > len("{}") {
		out = append(out, ',')
	}
	return append(out, body[1:]...)
}
