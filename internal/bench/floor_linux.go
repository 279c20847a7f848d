package bench

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// floorBatch is how many messages one call of sendmmsg is given.
const floorBatch = 32

type floorMessage struct {
	hdr unix.Msghdr
	n   uint32
}

// floorTarget is one receiver.
type floorTarget struct {
	addr unix.RawSockaddrInet4
	aead cipher.AEAD
	ssrc uint32
	seq  uint32
}

// floorSender has one message per target and packet, or per target with its packets in a row.
type floorSender struct {
	fd   int
	n    int
	hdrs [floorBatch]floorMessage
	iovs [floorBatch]unix.Iovec
	ctls [floorBatch][24]byte
	bufs [floorBatch][16 << 10]byte
}

// SendFloor rewrites, seals with AES-128-GCM and sends the packets of one publisher to ports of the loopback interface, until
// ctx ends: nothing else, with all that is known beforehand prepared.
func SendFloor(ctx context.Context, ports []uint16, gso bool, bitrate int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20); err != nil {
		return err
	}
	list := make([]floorTarget, len(ports))
	for i, port := range ports {
		key := [16]byte{byte(i), byte(i >> 8)}
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return err
		}
		list[i].ssrc = uint32(i + 1)
		if list[i].aead, err = cipher.NewGCM(block); err != nil {
			return err
		}
		list[i].addr = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port<<8 | port>>8, Addr: netip.MustParseAddr("127.0.0.1").As4()}
	}
	s := newFloorSender(fd)
	load := newFloorLoad(bitrate)
	for ctx.Err() == nil {
		packets := load.next()
		for i := range list {
			s.send(&list[i], packets, gso)
		}
		s.flush()
	}
	return nil
}

func newFloorSender(fd int) *floorSender {
	s := &floorSender{fd: fd}
	for i := range s.hdrs {
		s.iovs[i].Base = &s.bufs[i][0]
		h := &s.hdrs[i].hdr
		h.Iov, h.Namelen = &s.iovs[i], unix.SizeofSockaddrInet4
		h.SetIovlen(1)
		c := (*unix.Cmsghdr)(unsafe.Pointer(&s.ctls[i][0]))
		c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
	}
	return s
}

// send seals the packets for a target.
func (s *floorSender) send(t *floorTarget, packets [][]byte, gso bool) {
	at, size := 0, 0
	for _, p := range packets {
		n := t.seal(s.bufs[s.n][at:], p)
		if size == 0 {
			size = n
		}
		at += n
		if !gso {
			s.push(t, at, 0)
			at = 0
		}
	}
	if gso {
		s.push(t, at, size)
	}
}

// seal rewrites a packet's header and seals it (RFC 7714).
func (t *floorTarget) seal(dst, p []byte) int {
	const header, nonceSize = 12, 12
	t.seq++
	copy(dst, p[:header])
	dst[0] = 0x80
	binary.BigEndian.PutUint16(dst[2:], uint16(t.seq))
	binary.BigEndian.PutUint32(dst[8:], t.ssrc)
	nonce := dst[len(p)+16:][:nonceSize]
	clear(nonce)
	binary.BigEndian.PutUint32(nonce[2:], t.ssrc)
	binary.BigEndian.PutUint32(nonce[6:], t.seq>>16)
	binary.BigEndian.PutUint16(nonce[10:], uint16(t.seq))
	return header + len(t.aead.Seal(dst[header:header], nonce, p[header:], dst[:header]))
}

func (s *floorSender) push(t *floorTarget, n, segment int) {
	h := &s.hdrs[s.n].hdr
	h.Name = (*byte)(unsafe.Pointer(&t.addr))
	s.iovs[s.n].SetLen(n)
	h.Control = nil
	h.SetControllen(0)
	if segment > 0 && segment < n {
		binary.NativeEndian.PutUint16(s.ctls[s.n][unix.CmsgLen(0):], uint16(segment))
		h.Control = &s.ctls[s.n][0]
		h.SetControllen(len(s.ctls[s.n]))
	}
	if s.n++; s.n == floorBatch {
		s.flush()
	}
}

func (s *floorSender) flush() {
	for at := 0; at < s.n; {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.hdrs[at])), uintptr(s.n-at), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			n = 1 // lost
		}
		at += int(n)
	}
	s.n = 0
}
