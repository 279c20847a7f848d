// Package socketio is the packets of Socket.IO 5, as far as a server of one namespace needs them: connect, events with
// one JSON value and their acknowledgements. It does no I/O.
//
//	in   0{auth}   2ID["event",value]   3ID[value]   1   5N-ID["event",{"_placeholder":true,"num":0}]
//	out  0{sid}    2["event",value]     3ID[value]   1   4{"message":…}
//
// What is made here are whole packets of Engine.IO, with its '4' in front.
package socketio

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Kind is what a packet is.
type Kind byte

// The kinds (Socket.IO protocol 5).
const (
	Connect      Kind = '0'
	Disconnect   Kind = '1'
	Event        Kind = '2'
	Ack          Kind = '3'
	ConnectError Kind = '4'
	BinaryEvent  Kind = '5'
	BinaryAck    Kind = '6'
)

// MaxAttachments is how many binary attachments a packet may announce.
const MaxAttachments = 16

const (
	message      = '4' // of Engine.IO: a packet with a message
	maxNamespace = 64
	maxDigits    = 15 // of an id: what a double holds exactly
)

// Errors of Parse and Packet.Args.
var (
	// ErrPacket: not a packet of this protocol.
	ErrPacket = errors.New("not a Socket.IO packet")
	// ErrArgs: no event name, or not the JSON of one.
	ErrArgs = errors.New("not an event")
)

// Packet is one that has come. Data refers to what it was made of.
type Packet struct {
	Kind        Kind
	Namespace   string // "/" is the usual one
	Attachments int    // that follow, of BinaryEvent and BinaryAck
	HasID       bool   // an acknowledgement is wanted, or is one
	ID          uint64
	Data        []byte // JSON, not checked
}

// Parse reads the outside of a packet.
func Parse(b []byte) (Packet, error) {
	if len(b) == 0 || b[0] < byte(Connect) || b[0] > byte(BinaryAck) {
		return Packet{}, ErrPacket
	}
	p := Packet{Kind: Kind(b[0]), Namespace: "/"}
	b = b[1:]
	if p.Kind == BinaryEvent || p.Kind == BinaryAck {
		n, rest, ok := number(b)
		if !ok || len(rest) == 0 || rest[0] != '-' || n > MaxAttachments {
			return Packet{}, ErrPacket
		}
		p.Attachments, b = int(n), rest[1:]
	}
	if len(b) > 0 && b[0] == '/' {
		name, _, _ := strings.Cut(string(b[:min(len(b), maxNamespace+1)]), ",")
		if len(name) > maxNamespace {
			return Packet{}, ErrPacket
		}
		p.Namespace = name
		b = b[min(len(b), len(name)+1):]
	}
	if n, rest, ok := number(b); ok {
		p.ID, p.HasID, b = n, true, rest
	} else if len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		return Packet{}, ErrPacket
	}
	if p.Data = b; (p.Kind == Ack || p.Kind == BinaryAck) && !p.HasID {
		return Packet{}, ErrPacket
	}
	return p, nil
}

// number reads leading digits.
func number(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == 0 || i > maxDigits {
		return 0, b, false
	}
	n, err := strconv.ParseUint(string(b[:i]), 10, 64)
	return n, b[i:], err == nil
}

// Args reads the name of an event and its first value, nil if there is none.
func (p *Packet) Args() (name string, value []byte, err error) {
	var args []json.RawMessage
	if json.Unmarshal(p.Data, &args) != nil || len(args) == 0 || len(args) > 8 || len(args[0]) < 2 || args[0][0] != '"' {
		return "", nil, ErrArgs
	}
	if err := json.Unmarshal(args[0], &name); err != nil {
		return "", nil, ErrArgs
	}
	if len(args) > 1 {
		value = args[1]
	}
	return name, value, nil
}

// Connected answers Connect with an id of the connection.
func Connected(sid string) []byte {
	return append(append([]byte{message, byte(Connect)}, `{"sid":"`...), sid+`"}`...)
}

// Refused answers Connect to a namespace that there is not.
func Refused(namespace string) []byte {
	out := []byte{message, byte(ConnectError)}
	if namespace != "/" {
		out = append(append(out, namespace...), ',')
	}
	return append(out, `{"message":"Invalid namespace"}`...)
}

// Disconnected tells the client that it shall not come back by itself.
func Disconnected() []byte { return []byte{message, byte(Disconnect)} }

// AppendEvent begins an event; the caller appends the JSON of the value and then End.
func AppendEvent(out []byte, name string) []byte {
	out = append(out, message, byte(Event), '[', '"')
	return append(append(out, name...), '"', ',')
}

// AppendAck begins the acknowledgement of an id; the caller appends the JSON of the value and then End.
func AppendAck(out []byte, id uint64) []byte {
	out = append(out, message, byte(Ack))
	return append(strconv.AppendUint(out, id, 10), '[')
}

// End ends what AppendEvent and AppendAck have begun.
const End = ']'
