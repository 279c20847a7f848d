package turnd

import "encoding/binary"

// STUN and TURN layout and numbers (RFC 8489 §5, RFC 8656 §12, §18).
const (
	stunHeader    = 20
	channelHeader = 4
	stunCookie    = 0x2112A442

	classRequest    = 0x000
	classIndication = 0x010

	methodBinding       = 0x001
	methodAllocate      = 0x003
	methodRefresh       = 0x004
	methodSend          = 0x006
	methodCreatePerm    = 0x008
	methodChannelBind   = 0x009
	attrChannelNumber   = 0x000C
	firstChannel        = 0x40 // first byte of ChannelData
	lastChannel         = 0x4f
	maxFrame            = 1599 // Pion drops what fills its buffer of 1600
	maxAttributesInBind = 32
)

// admit decides whether a packet of a client may reach Pion's server. It runs for every packet, before anything is
// allocated or hashed.
func (s *Server) admit(k clientKey, b []byte) bool {
	why := s.judge(k, b)
	if why == dropNone {
		return true
	}
	s.drop(why)
	return false
}

func (s *Server) judge(k clientKey, b []byte) dropReason {
	if len(b) < channelHeader {
		return dropMalformed
	}
	if b[0] >= firstChannel && b[0] <= lastChannel {
		if int(binary.BigEndian.Uint16(b[2:])) > len(b)-channelHeader {
			return dropMalformed
		}
		if !s.clients.has(k) {
			return dropNoAllocation
		}
		return dropNone
	}
	if len(b) < stunHeader || b[0] > 0x3f || binary.BigEndian.Uint32(b[4:]) != stunCookie ||
		int(binary.BigEndian.Uint16(b[2:]))+stunHeader != len(b) {
		return dropMalformed
	}
	typ := binary.BigEndian.Uint16(b)
	class, method := typ&0x110, typ&0xf|typ&0xe0>>1|typ&0x3e00>>2
	switch {
	case class == classIndication && method == methodSend:
		if !s.clients.has(k) {
			return dropNoAllocation
		}
		return dropNone
	case class == classRequest && method == methodBinding:
		return s.charge(k)
	case class == classRequest && (method == methodAllocate || method == methodRefresh || method == methodCreatePerm):
		return s.unlessKnown(k)
	case class == classRequest && method == methodChannelBind:
		return s.judgeChannel(k, b)
	}
	return dropMethod
}

// judgeChannel bounds the channels of an allocation: Pion looks them up one by one for every packet.
func (s *Server) judgeChannel(k clientKey, b []byte) dropReason {
	number, _ := channelNumber(b[stunHeader:]) // Pion refuses 0, which stands for none
	room, known := s.clients.roomForChannel(k, number)
	switch {
	case !room:
		return dropChannelQuota
	case !known:
		return s.charge(k)
	}
	return dropNone
}

// channelNumber finds CHANNEL-NUMBER among attributes.
func channelNumber(attrs []byte) (uint16, bool) {
	for range maxAttributesInBind {
		if len(attrs) < 4 {
			break
		}
		typ, n := binary.BigEndian.Uint16(attrs), int(binary.BigEndian.Uint16(attrs[2:]))
		if n > len(attrs)-4 {
			break
		}
		if typ == attrChannelNumber && n == 4 {
			return binary.BigEndian.Uint16(attrs[4:]), true
		}
		attrs = attrs[min(4+(n+3)&^3, len(attrs)):]
	}
	return 0, false
}

// unlessKnown charges a request to its source, unless that has an allocation.
func (s *Server) unlessKnown(k clientKey) dropReason {
	if s.clients.has(k) {
		return dropNone
	}
	return s.charge(k)
}

func (s *Server) charge(k clientKey) dropReason {
	if !s.limiter.take(k.from.Addr(), s.now(), 1) {
		return dropRate
	}
	return dropNone
}
