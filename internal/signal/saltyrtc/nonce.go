package saltyrtc

import (
	"crypto/rand"
	"encoding/binary"
)

// Addresses ("Address" of the specification).
const (
	server         = 0x00
	initiator      = 0x01
	firstResponder = 0x02
	lastResponder  = 0xff
)

// Sizes in bytes.
const (
	nonceSize  = 24
	cookieSize = 16
	keySize    = 32
)

type (
	cookie [cookieSize]byte
	key    [keySize]byte
)

// nonce is the head of every message: 16 bytes cookie, source, destination, 2 bytes overflow, 4 bytes sequence number.
type nonce [nonceSize]byte

func makeNonce(c cookie, src, dst byte, number uint64) (n nonce) {
	copy(n[:], c[:])
	n[16], n[17] = src, dst
	binary.BigEndian.PutUint16(n[18:], uint16(number>>32))
	binary.BigEndian.PutUint32(n[20:], uint32(number))
	return n
}

func (n *nonce) cookie() cookie { return cookie(n[:cookieSize]) }
func (n *nonce) src() byte      { return n[16] }
func (n *nonce) dst() byte      { return n[17] }

// number is the combined sequence number: overflow and sequence number as 48 bits.
func (n *nonce) number() uint64 {
	return uint64(binary.BigEndian.Uint16(n[18:]))<<32 | uint64(binary.BigEndian.Uint32(n[20:]))
}

const lastNumber = 1<<48 - 1

// incoming checks the nonces of one sender ("Receiving a Signalling Message").
type incoming struct {
	began  bool
	cookie cookie
	number uint64
}

// check takes the next nonce; ours is the cookie that we send to this sender.
func (i *incoming) check(n *nonce, ours cookie) error {
	switch {
	case !i.began && n.number() > 0xffffffff:
		return violation("the first overflow number is not 0")
	case !i.began && n.cookie() == ours:
		return violation("the cookie is ours")
	case i.began && n.cookie() != i.cookie:
		return violation("the cookie has changed")
	case i.began && (i.number == lastNumber || n.number() != i.number+1):
		return violation("the sequence number is not the next one")
	}
	i.began, i.cookie, i.number = true, n.cookie(), n.number()
	return nil
}

// outgoing makes the nonces for one receiver ("Sending a Signalling Message").
type outgoing struct {
	cookie cookie
	number uint64 // of the next message; 2^48 messages are never sent
}

func newOutgoing() (o outgoing) {
	var first [4]byte
	_, _ = rand.Read(first[:]) // never fails (crypto/rand)
	_, _ = rand.Read(o.cookie[:])
	o.number = uint64(binary.BigEndian.Uint32(first[:]))
	return o
}

func (o *outgoing) next(dst byte) nonce {
	n := makeNonce(o.cookie, server, dst, o.number)
	o.number++
	return n
}
