package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"
)

// Kinds of packets, the first byte of each (Engine.IO protocol 4).
const (
	open    = '0' // server to client: the handshake
	closing = '1' // the sender ends the session
	ping    = '2' // server to client; "2probe" from a client that upgrades
	pong    = '3' // client to server; "3probe" is the answer to a probe
	upgrade = '5' // client to server: this WebSocket is the transport from now on
	noop    = '6' // ends a poll with nothing
	binary  = 'b' // in a payload: a binary message in base64
)

// Message begins a packet with a message.
const Message = '4'

// separator is between the packets of a payload.
const separator = 0x1e

// maxPackets is how many packets a payload may have: far more than a client of Limits.Burst may send.
const maxPackets = 1024

// Errors of a decoder.
var (
	// ErrPacket: not a packet of this protocol.
	ErrPacket = errors.New("not an Engine.IO packet")
	// ErrText: a text packet that is not UTF-8.
	ErrText = errors.New("not UTF-8")
	// ErrMany: too many packets in one payload.
	ErrMany = errors.New("too many packets at once")
)

// packet is one that has come. data refers to what it was made of, unless it is binary.
type packet struct {
	kind   byte
	binary bool // kind is Message, data is the decoded bytes
	data   []byte
}

// parsePacket reads a text packet.
func parsePacket(b []byte) (packet, error) {
	switch {
	case len(b) == 0:
		return packet{}, ErrPacket
	case !utf8.Valid(b):
		return packet{}, ErrText
	}
	p := packet{kind: b[0], data: b[1:]}
	switch p.kind {
	case closing, ping, pong, Message, upgrade, noop:
		return p, nil
	case binary:
		raw, err := base64.StdEncoding.AppendDecode(nil, p.data)
		if err != nil {
			return packet{}, ErrPacket
		}
		return packet{kind: Message, binary: true, data: raw}, nil
	}
	return packet{}, ErrPacket
}

// parsePayload reads the body of a POST: packets with a separator between them. It is all of them or an error.
func parsePayload(body []byte) ([]packet, error) {
	n := bytes.Count(body, []byte{separator}) + 1
	if n > maxPackets {
		return nil, ErrMany
	}
	out := make([]packet, 0, n)
	for part := range bytes.SplitSeq(body, []byte{separator}) {
		p, err := parsePacket(part)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// joinPayload makes the answer to a poll.
func joinPayload(packets [][]byte) []byte { return bytes.Join(packets, []byte{separator}) }
