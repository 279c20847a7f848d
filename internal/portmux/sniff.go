package portmux

import "encoding/binary"

// kind is a protocol.
type kind uint8

const (
	kindUnknown kind = iota
	kindHTTP
	kindTLS
	kindTURN
	kindICE
)

const (
	sniffLen = 10 // bytes that settle every case

	tlsHandshake = 0x16       // content type of the record that holds a ClientHello (RFC 8446 §5.1)
	stunCookie   = 0x2112A442 // RFC 8489 §5
	maxSTUNType  = 0x3f       // the two top bits of a STUN message are zero
	maxFirst     = 0x03       // high byte of the length of a first ICE-TCP frame, a connectivity check below 1 KiB
)

// recognise tells the protocol by the first bytes of a connection; more is set if they are too few.
func recognise(b []byte) (k kind, more bool) {
	if len(b) == 0 {
		return kindUnknown, true
	}
	switch first := b[0]; {
	case first == tlsHandshake:
		return kindTLS, false
	case first|0x20 >= 'a' && first|0x20 <= 'z':
		return kindHTTP, false // a method; a TURN client does not begin with ChannelData
	case first > maxSTUNType:
		return kindUnknown, false
	case len(b) < 8:
		return kindUnknown, true
	case binary.BigEndian.Uint32(b[4:]) == stunCookie:
		return kindTURN, false
	case first > maxFirst || b[2] > maxSTUNType:
		return kindUnknown, false
	case len(b) < sniffLen:
		return kindUnknown, true
	case binary.BigEndian.Uint32(b[6:]) == stunCookie:
		return kindICE, false
	}
	return kindUnknown, false
}
