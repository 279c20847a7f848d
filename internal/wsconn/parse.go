package wsconn

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// What a client can do wrong.
var (
	errProtocol = errors.New("wsconn: not as RFC 6455 has it")
	errTooBig   = errors.New("wsconn: message over the limit")
	// errTrickle ends a connection that sends bytes without ever finishing a message: a stream of empty fragments
	// costs a parser more than it costs the sender.
	errTrickle = errors.New("wsconn: no end of a message")
)

// closeError is a client's close frame.
type closeError int

// Error implements error.
func (closeError) Error() string { return "wsconn: closed by the client" }

// partial is what has begun and not ended yet. Idle connections have none.
type partial struct {
	rest []byte // of a frame
	op   byte   // of a message in fragments, 0 = none
	msg  []byte // its fragments
}

// header is that of a frame (RFC 6455 §5.2).
type header struct {
	op    byte
	final bool
	mask  [4]byte
	size  int
	n     int // bytes of the header itself
}

// parseHeader reads the header at the head of b; n = 0: it is not all there. Clients mask, and no extension has been
// agreed on.
func parseHeader(b []byte) (h header, err error) {
	if len(b) < 2 {
		return h, nil
	}
	op := b[0] & 0x0f
	if b[0]&0x70 != 0 || b[1]&0x80 == 0 || op > opBinary && op < opClose || op > opPong {
		return h, errProtocol
	}
	size, n := uint64(b[1]&0x7f), 2
	if op >= opClose && (size > 125 || b[0]&finalBit == 0) {
		return h, errProtocol
	}
	switch {
	case size == 126 && len(b) >= 4:
		size, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127 && len(b) >= 10:
		size, n = binary.BigEndian.Uint64(b[2:]), 10
	case size >= 126:
		return h, nil
	}
	if size >= 1<<31 {
		if size >= 1<<63 {
			return h, errProtocol
		}
		return h, errTooBig
	}
	if len(b) < n+4 {
		return h, nil
	}
	h = header{op: op, final: b[0]&finalBit != 0, size: int(size), n: n + 4}
	copy(h.mask[:], b[n:])
	return h, nil
}

// unmask undoes the client's mask in place (RFC 6455 §5.3).
func unmask(b []byte, mask [4]byte) {
	m := binary.LittleEndian.Uint32(mask[:])
	wide := uint64(m)<<32 | uint64(m)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
}

// consume acts upon the whole frames in b, which it changes, and returns what is left.
func (r *reader) consume(b []byte) ([]byte, error) {
	for {
		h, err := parseHeader(b)
		if err != nil {
			return nil, err
		}
		if h.n == 0 {
			return b, nil
		}
		if h.op < opClose && h.size+r.fragments() > r.c.s.limits.Frame {
			return nil, errTooBig
		}
		if len(b) < h.n+h.size {
			return b, nil
		}
		payload := b[h.n : h.n+h.size]
		unmask(payload, h.mask)
		b = b[h.n+h.size:]
		if err := r.frame(h, payload); err != nil {
			return nil, err
		}
	}
}

// fragments is how much of a message has come.
func (r *reader) fragments() int {
	if r.part == nil {
		return 0
	}
	return len(r.part.msg)
}

// frame acts upon one whole frame.
func (r *reader) frame(h header, payload []byte) error {
	begun := r.part != nil && r.part.op != 0
	switch {
	case h.op == opPing:
		r.ping(payload)
	case h.op == opPong:
		r.control()
	case h.op == opClose:
		return closing(payload)
	case begun != (h.op == 0):
		return errProtocol
	case !begun && h.final:
		return r.message(payload, h.op == opBinary)
	case !begun:
		r.partial().op = h.op
		r.part.msg = append([]byte(nil), payload...)
	default:
		r.part.msg = append(r.part.msg, payload...)
		if h.final {
			msg, op := r.part.msg, r.part.op
			r.part.msg, r.part.op = nil, 0
			return r.message(msg, op == opBinary)
		}
	}
	return nil
}

func (r *reader) partial() *partial {
	if r.part == nil {
		r.part = new(partial)
	}
	return r.part
}

// closing reads a close frame (RFC 6455 §5.5.1, §7.4).
func closing(payload []byte) error {
	if len(payload) == 0 {
		return closeError(codeNone)
	}
	if len(payload) == 1 || !utf8.Valid(payload[2:]) {
		return errProtocol
	}
	code := int(binary.BigEndian.Uint16(payload))
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return closeError(code)
	}
	return errProtocol
}
