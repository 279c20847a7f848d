package udp

import "encoding/binary"

// class is the kind of a datagram.
type class uint8

const (
	classNone  class = iota
	classCheck       // STUN Binding request with a USERNAME "ufrag:…": an ICE connectivity check
	classReply       // STUN Binding response or indication: belongs to whoever asked that address
	classTURN        // STUN Binding request without USERNAME, TURN methods, ChannelData
	classDTLS
	classSRTP // RTP or RTCP
)

// message is what classify finds out. The slices alias the datagram.
type message struct {
	class        class
	success      bool   // classReply: a success response
	useCandidate bool   // classCheck: the client nominates this pair (RFC 8445 §7.1.2)
	ufrag        []byte // classCheck: the local ufrag
}

// STUN (RFC 8489 §5) and TURN (RFC 8656 §18) numbers.
const (
	stunHeader = 20
	stunCookie = 0x2112A442

	methodBinding = 0x001
	methodMaxTURN = 0x00b // ConnectionBind (RFC 6062), the highest a client sends

	stunRequest    = 0x000
	stunIndication = 0x010
	stunSuccess    = 0x100

	attrUsername     = 0x0006
	attrUseCandidate = 0x0025

	maxUfrag = 256 // RFC 8839 §5.4
)

// classify tells the kind of a datagram by its first byte (RFC 7983 §7) and reads of STUN what routing needs.
func classify(b []byte) (message, dropReason) {
	if len(b) == 0 {
		return message{}, dropMalformed
	}
	switch first := b[0]; {
	case first <= 3:
		return classifySTUN(b)
	case first >= 20 && first <= 63:
		if len(b) >= 13 || first >= 32 { // DTLS 1.3 records have shorter headers (RFC 9147 §4)
			return message{class: classDTLS}, dropNone
		}
	case first >= 64 && first <= 79:
		if _, _, ok := channelData(b); ok {
			return message{class: classTURN}, dropNone
		}
	case first >= 128 && first <= 191:
		if len(b) >= 8 { // the shortest RTCP packet; SRTP is longer
			return message{class: classSRTP}, dropNone
		}
	}
	return message{}, dropMalformed
}

func classifySTUN(b []byte) (message, dropReason) {
	if len(b) < stunHeader || binary.BigEndian.Uint32(b[4:]) != stunCookie ||
		int(binary.BigEndian.Uint16(b[2:]))+stunHeader != len(b) || len(b)%4 != 0 {
		return message{}, dropMalformed
	}
	typ := binary.BigEndian.Uint16(b)
	class := typ & 0x110
	method := typ&0xf | typ&0xe0>>1 | typ&0x3e00>>2
	switch {
	case method == methodBinding && class == stunRequest:
		return classifyBinding(b[stunHeader:])
	case method == methodBinding:
		return message{class: classReply, success: class == stunSuccess}, dropNone
	case method <= methodMaxTURN && (class == stunRequest || class == stunIndication):
		return message{class: classTURN}, dropNone
	default:
		return message{}, dropMalformed // this server is nobody's TURN client
	}
}

// classifyBinding looks through the attributes of a Binding request.
func classifyBinding(attrs []byte) (message, dropReason) {
	m := message{class: classTURN}
	for len(attrs) >= 4 {
		typ, n := binary.BigEndian.Uint16(attrs), int(binary.BigEndian.Uint16(attrs[2:]))
		if n > len(attrs)-4 {
			return message{}, dropMalformed
		}
		value := attrs[4 : 4+n]
		switch typ {
		case attrUsername:
			if m.class != classTURN {
				break // only the first one counts (RFC 8489 §14)
			}
			if m.ufrag = localUfrag(value); m.ufrag == nil {
				return message{}, dropMalformed
			}
			m.class = classCheck
		case attrUseCandidate:
			m.useCandidate = true
		}
		attrs = attrs[min(4+(n+3)&^3, len(attrs)):]
	}
	return m, dropNone
}

// localUfrag is the part of an ICE user name before the colon (RFC 8445 §7.2.2), nil if it has none.
func localUfrag(user []byte) []byte {
	for i, c := range user {
		if c == ':' {
			if i == 0 || i > maxUfrag {
				return nil
			}
			return user[:i:i]
		}
	}
	return nil
}

// DTLS record and handshake layout (RFC 6347 §4.1, §4.2.2).
const (
	dtlsHandshake   = 22
	dtlsCID         = 25 // from here on records have no clear epoch in the usual place
	dtlsClientHello = 1
	dtlsRandomAt    = 13 + 12 + 2
	dtlsRandomLen   = 32
)

// dtlsClear reports whether a DTLS datagram begins with a record that is not encrypted (epoch 0). It has been checked by
// classify.
func dtlsClear(b []byte) bool {
	return b[0] < dtlsCID && binary.BigEndian.Uint16(b[3:]) == 0
}

// clientRandom is the random of a ClientHello, by which its repetitions are known; nil for anything else, also for
// fragments after the first.
func clientRandom(b []byte) []byte {
	if len(b) < dtlsRandomAt+dtlsRandomLen || b[0] != dtlsHandshake || b[13] != dtlsClientHello ||
		b[19]|b[20]|b[21] != 0 {
		return nil
	}
	return b[dtlsRandomAt : dtlsRandomAt+dtlsRandomLen]
}

// ssrcOf is the sender of an RTP or RTCP packet (RFC 3550 §5.1, §6.4; told apart as in RFC 5761 §4).
func ssrcOf(b []byte) (uint32, bool) {
	if b[1] >= 192 && b[1] <= 223 {
		return binary.BigEndian.Uint32(b[4:]), true
	}
	if len(b) < 12 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[8:]), true
}
