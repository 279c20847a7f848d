package udp

import (
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// oobSize holds the control messages that are asked for: one of IP_PKTINFO or IPV6_PKTINFO, and room to spare.
const oobSize = 64

// rawInbox is an inbox in the form of recvmmsg.
type rawInbox struct {
	ready bool
	hdrs  [inboxSize]mmsghdr
	iovs  [inboxSize]unix.Iovec
	names [inboxSize]unix.RawSockaddrInet6 // also has room for one of IPv4
	oobs  [inboxSize][oobSize]byte
	used  int // messages that the last call filled
}

// prepare points the headers that were used at the packets that are there now.
func (r *rawInbox) prepare(list *[inboxSize]*packet) {
	n := r.used
	if !r.ready {
		r.ready, n = true, inboxSize
	}
	for i := range n {
		r.iovs[i].Base = &list[i].buf[0]
		r.iovs[i].SetLen(len(list[i].buf))
		h := &r.hdrs[i].hdr
		h.Iov, h.Name, h.Control = &r.iovs[i], (*byte)(unsafe.Pointer(&r.names[i])), &r.oobs[i][0]
		h.SetIovlen(1)
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(oobSize)
	}
	r.used = 0
}

func (s *rawSocket) read(in *inbox, wait time.Duration) (int, error) {
	in.sys.prepare(&in.list)
	s.in = in
	if s.try(0) { // most often, under load
		return s.got, s.err()
	}
	if wait == 0 {
		return 0, nil
	}
	if wait > 0 || s.timing {
		until := time.Time{}
		if wait > 0 {
			until = time.Now().Add(wait)
		}
		s.timing = wait > 0
		if err := s.epoll.SetReadDeadline(until); err != nil {
			return 0, err
		}
	}
	if err := s.wait.Read(s.try); os.IsTimeout(err) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return s.got, s.err()
}

// tryRead reads what is there; false if there is nothing.
func (s *rawSocket) tryRead(uintptr) bool {
	for {
		s.got, s.errno = s.recv(s.in)
		if s.errno != unix.EINTR {
			return s.errno != unix.EAGAIN
		}
	}
}

func (s *rawSocket) err() error {
	if s.errno != 0 {
		return s.errno
	}
	return nil
}

// recv fills the inbox without waiting.
func (s *rawSocket) recv(in *inbox) (int, syscall.Errno) {
	r := &in.sys
	if s.recvPlain.Load() {
		n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.hdrs[0].hdr)), unix.MSG_DONTWAIT)
		if errno != 0 {
			return 0, errno
		}
		r.hdrs[0].n = uint32(n)
		s.take(in, 0)
		r.used = 1
		return 1, 0
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.hdrs[0])), inboxSize, unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.ENOSYS {
		s.recvPlain.Store(true)
		return s.recv(in)
	}
	if errno != 0 {
		return 0, errno
	}
	for i := range int(n) {
		s.take(in, i)
	}
	r.used = int(n)
	return int(n), 0
}

// take finishes the i-th packet.
func (s *rawSocket) take(in *inbox, i int) {
	r, p := &in.sys, in.list[i]
	h := &r.hdrs[i]
	p.n, p.from, p.to = int(h.n), addrOf(&r.names[i]), netip.Addr{}
	if h.hdr.Flags&unix.MSG_TRUNC != 0 {
		p.n = len(p.buf) // taken for too long
	}
	if s.info {
		p.to = localOf(r.oobs[i][:min(int(h.hdr.Controllen), oobSize)])
	}
}

// addrOf gives an address in canonical form.
func addrOf(sa *unix.RawSockaddrInet6) netip.AddrPort {
	if sa.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swap(v4.Port))
	}
	ip := netip.AddrFrom16(sa.Addr).Unmap()
	if sa.Scope_id != 0 && ip.IsLinkLocalUnicast() {
		ip = ip.WithZone(strconv.Itoa(int(sa.Scope_id)))
	}
	return netip.AddrPortFrom(ip, swap(sa.Port))
}

// swap gives the port that the system has in network byte order.
func swap(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}
