// Package seal encrypts and authenticates outgoing RTP and RTCP (SRTP, RFC 3711 and RFC 7714).
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// Sealer is the sending half of SRTP for one peer. All methods may be called from any goroutine.
// With AES-GCM (RFC 7714) it has no state for media: the slots give each
// packet its index, so that any number of goroutines seal at once without a lock. That no nonce is used twice follows from
// each section having SSRCs of its own and from the slots' promise (sfu.Way.Index).
type Sealer struct {
	media, control         cipher.AEAD
	mediaSalt, controlSalt [gcmNonce]byte
	reports                atomic.Uint32 // index of the last SRTCP packet
	legacy                 *legacySealer // of other profiles
}

// legacySealer is AES-CM with HMAC-SHA1, for old encoders: it costs seven times as much, so its lock does not matter.
type legacySealer struct {
	mu  sync.Mutex // guards the following
	ctx *srtp.Context
	h   rtp.Header
	buf [MaxPacket]byte
}

const (
	// MaxPacket is the longest packet, sealed.
	MaxPacket = 2048
	gcmNonce  = 12
	gcmTag    = 16
	indexLen  = 4 // of SRTCP, after the tag
	maxIndex  = 1<<31 - 1
	// Room is what SRTP and SRTCP add at most, and the nonce.
	Room = 32
)

// Labels of the key derivation (RFC 3711 §4.3.1, §4.3.2).
const (
	labelKey, labelSalt               = 0, 2
	labelControlKey, labelControlSalt = 3, 5
)

// New makes a sealer of the keys that DTLS has agreed on for our direction (RFC 5764 §4.2).
func New(key, salt []byte, profile srtp.ProtectionProfile) (*Sealer, error) {
	s := new(Sealer)
	if profile != srtp.ProtectionProfileAeadAes128Gcm && profile != srtp.ProtectionProfileAeadAes256Gcm {
		ctx, err := srtp.CreateContext(key, salt, profile)
		s.legacy = &legacySealer{ctx: ctx}
		return s, err
	}
	if len(salt) != gcmNonce {
		return nil, fmt.Errorf("a salt of %d bytes", len(salt))
	}
	master, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if s.media, err = deriveAEAD(master, salt, labelKey, len(key)); err != nil {
		return nil, err
	}
	if s.control, err = deriveAEAD(master, salt, labelControlKey, len(key)); err != nil {
		return nil, err
	}
	derive(master, salt, labelSalt, s.mediaSalt[:])
	derive(master, salt, labelControlSalt, s.controlSalt[:])
	return s, nil
}

func deriveAEAD(master cipher.Block, salt []byte, label byte, size int) (cipher.AEAD, error) {
	key := make([]byte, size)
	defer clear(key)
	derive(master, salt, label, key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// derive is the key derivation of RFC 3711 §4.3.3 with a rate of 0; a salt of 96 bits is padded on the right (RFC 7714 §11).
func derive(master cipher.Block, salt []byte, label byte, out []byte) {
	var x, y [aes.BlockSize]byte
	copy(x[:14], salt)
	x[7] ^= label
	for n := 0; len(out) > 0; n++ {
		binary.BigEndian.PutUint16(x[14:], uint16(n))
		master.Encrypt(y[:], x[:])
		out = out[copy(out, y[:]):]
	}
}

var errIndex = errors.New("seal: SRTP index out of range")

// RTP seals a packet straight into dst, which has room for it and Room, and gives its length. payload is not changed.
func (s *Sealer) RTP(dst []byte, h *rtp.Header, payload []byte, index int64) (int, error) {
	if index < 0 || index >= 1<<48 || uint16(index) != h.SequenceNumber {
		return 0, errIndex
	}
	if s.legacy != nil {
		return s.legacy.rtp(dst, h, payload)
	}
	n, err := h.MarshalTo(dst)
	if err != nil {
		return 0, err
	}
	// RFC 7714 §8.1: 0, 0, SSRC, rollover counter, sequence number. It stands behind the packet, lest it be allocated.
	nonce := dst[n+len(payload)+gcmTag:][:gcmNonce]
	copy(nonce, s.mediaSalt[:])
	xor32(nonce[2:], h.SSRC)
	xor32(nonce[6:], uint32(index>>16))
	nonce[10] ^= byte(index >> 8)
	nonce[11] ^= byte(index)
	return n + len(s.media.Seal(dst[n:n], nonce, payload, dst[:n])), nil
}

// RTCP seals a compound packet into dst, which has room for it and Room.
func (s *Sealer) RTCP(dst, b []byte) (int, error) {
	if s.legacy != nil {
		return s.legacy.rtcp(dst, b)
	}
	index := s.reports.Add(1)
	if index > maxIndex {
		return 0, errIndex
	}
	const header = 8
	copy(dst, b[:header])
	nonce := s.controlSalt // RFC 7714 §9.1: 0, 0, SSRC, 0, 0, index
	xor32(nonce[2:], binary.BigEndian.Uint32(b[4:]))
	xor32(nonce[8:], index)
	var aad [header + indexLen]byte
	copy(aad[:], b[:header])
	binary.BigEndian.PutUint32(aad[header:], 1<<31|index) // encrypted
	n := header + len(s.control.Seal(dst[header:header], nonce[:], b[header:], aad[:]))
	return n + copy(dst[n:], aad[header:]), nil
}

func xor32(b []byte, v uint32) { binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)^v) }

func (s *legacySealer) rtp(dst []byte, h *rtp.Header, payload []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := h.MarshalTo(s.buf[:])
	if err != nil {
		return 0, err
	}
	n += copy(s.buf[n:], payload)
	out, err := s.ctx.EncryptRTP(s.buf[:], s.buf[:n], &s.h)
	return copy(dst, out), err
}

func (s *legacySealer) rtcp(dst, b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.ctx.EncryptRTCP(s.buf[:], b, nil)
	return copy(dst, out), err
}
