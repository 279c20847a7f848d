package proto

import (
	"math"

	"veche.example/internal/room"
)

// Request is a decoded frame of a client.
type Request interface {
	// Type is the message type, the frame's t.
	Type() string
	// Needs are the rows of the authorisation table that the frame needs, at least one.
	Needs() []room.Message
}

// Decode reads one frame of a client. Errors are *room.Error with the codes bad-json, bad-message,
// unknown-type, too-big and version; id is the frame's id, 0 if it has none or it cannot be read.
// The request does not alias data.
func Decode(data []byte) (req Request, id int, err error) {
	if len(data) > MaxLarge {
		return nil, 0, fail(CodeTooBig, "frame over 512 KiB")
	}
	if fault := check(data); fault != nil {
		return nil, 0, fault
	}
	var fault *room.Error
	o := parse(trimSpace(data), "", &fault)
	if o.has("id") {
		if id = int(o.int("id", 1, math.MaxInt32)); fault != nil {
			id = 0
		}
	}
	t := o.text("t", 0, math.MaxInt)
	if fault != nil {
		return nil, id, fault
	}
	s := byType[t]
	if s == nil || s.decode == nil {
		return nil, id, fail(CodeUnknownType, "t: not a message of this version")
	}
	if len(data) > s.Limit {
		return nil, id, fail(CodeTooBig, t+": frame over 64 KiB")
	}
	req = s.decode(o)
	if fault != nil {
		return nil, id, fault
	}
	return req, id, nil
}

// ID reads only the id of a frame that will not be acted upon, 0 if there is none.
func ID(data []byte) int {
	var fault *room.Error
	if len(data) > MaxLarge || check(data) != nil {
		return 0
	}
	id := int(parse(trimSpace(data), "", &fault).int("id", 1, math.MaxInt32))
	if fault != nil {
		return 0
	}
	return id
}

// trimSpace drops what JSON allows in front of the object.
func trimSpace(data []byte) []byte {
	s := scanner{data: data}
	s.space()
	return data[s.pos:]
}
