package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sendMost is how many messages one sendmmsg takes: the thread is Go's no longer while it runs.
	sendMost = 32
	// sendPauses is how often a flush waits a moment for room in the socket's buffer.
	sendPauses = 4
	sendPause  = 1 // ms
)

// rawAddr is an address in the form of sendmsg, and its control messages: the source address and, at the end, the
// size of the segments, which each message has for itself.
type rawAddr struct {
	name    unix.RawSockaddrInet6 // also has room for one of IPv4
	nameLen uint32
}

func (a *rawAddr) init(d *destination, w writer) {
	v6 := false
	if s, ok := w.(*rawSocket); ok {
		v6 = s.v6
	}
	a.nameLen = putAddr(&a.name, d.to, v6)
}

// putAddr writes an address for a socket of a family and gives its size.
func putAddr(sa *unix.RawSockaddrInet6, to netip.AddrPort, v6 bool) uint32 {
	if !v6 {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(to.Port())}
		if to.Addr().Is4() {
			v4.Addr = to.Addr().As4()
		}
		return unix.SizeofSockaddrInet4
	}
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap(to.Port()), Addr: to.Addr().As16()}
	if zone := to.Addr().Zone(); zone != "" {
		sa.Scope_id = zoneIndex(zone)
	}
	return unix.SizeofSockaddrInet6
}

func zoneIndex(zone string) uint32 {
	if n, err := strconv.Atoi(zone); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// segmentSize is the control message of UDP_SEGMENT (udp(7)).
const segmentSize = 24

// controlRoom holds both control messages.
const controlRoom = 72

// rawOutbox is what sendmmsg is given, made for each call.
type rawOutbox struct {
	hdrs [sendMost]mmsghdr
	iovs []unix.Iovec
	ctl  [sendMost][controlRoom]byte
}

// write sends one datagram.
func (s *rawSocket) write(b []byte, to netip.AddrPort, via *route) error {
	var name unix.RawSockaddrInet6
	if !s.v6 && !to.Addr().Is4() {
		return unix.EAFNOSUPPORT
	}
	size := putAddr(&name, to, s.v6)
	var empty byte
	iov := unix.Iovec{Base: &empty}
	if len(b) > 0 {
		iov.Base = &b[0]
	}
	iov.SetLen(len(b))
	hdr := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&name)), Namelen: size, Iov: &iov}
	hdr.SetIovlen(1)
	if via != nil && len(via.control) > 0 {
		hdr.Control = &via.control[0]
		hdr.SetControllen(len(via.control))
		err := s.sendmsg(&hdr)
		if err == nil || !lostAddress(err) {
			return err
		}
		hdr.Control = nil
		hdr.SetControllen(0)
	}
	return s.sendmsg(&hdr)
}

func (s *rawSocket) sendmsg(hdr *unix.Msghdr) error {
	for {
		_, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(s.fd), uintptr(unsafe.Pointer(hdr)), unix.MSG_DONTWAIT)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

// writeReason tells why a datagram was not sent.
func writeReason(err error) dropReason {
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM) {
		return dropSendFull
	}
	return dropWriteError
}

func (s *rawSocket) flush(b *Batch, msgs []bundle) (packets, bytes int) {
	if s.noBatch.Load() {
		return b.each(s, msgs)
	}
	pauses := sendPauses
	for at := 0; at < len(msgs); {
		n := s.fillOutbox(b, msgs[at:])
		sent, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.sys.hdrs[0])), uintptr(n), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			sent = 0
		}
		for i := range int(sent) {
			m := &msgs[at+i]
			packets, bytes = packets+int(m.count), bytes+int(m.bytes)
			if m.count > 1 && !s.gsoWorks.Load() {
				s.gsoWorks.Store(true)
			}
		}
		at += int(sent)
		switch {
		case errno == 0 || errno == unix.EINTR:
		case errno == unix.ENOSYS:
			s.noBatch.Store(true)
			fallthrough
		default:
			m := &msgs[at]
			if full := writeReason(errno) == dropSendFull; full && pauses > 0 {
				pauses--
				s.waitWritable()
				continue
			} else if full {
				b.port.drops[dropSendFull].Add(uint64(m.count))
			} else {
				s.refused(b, m, errno)
				p, n := b.one(s, m)
				packets, bytes = packets+p, bytes+n
			}
			at++
		}
	}
	return packets, bytes
}

func (s *rawSocket) runs() bool { return !s.noGSO.Load() }

// waitWritable waits a moment for room in the socket's buffer.
func (s *rawSocket) waitWritable() {
	fds := [1]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}
	_, _ = unix.Poll(fds[:], sendPause)
}

// refused learns from an error: a device that cannot do it (EIO) ends the use of UDP_SEGMENT for all, what may have to do
// with one path (EINVAL and EMSGSIZE: segments above its MTU) only for that target, unless it has never worked at all.
func (s *rawSocket) refused(b *Batch, m *bundle, errno syscall.Errno) {
	if m.count < 2 {
		return
	}
	b.port.drops[dropGSORefused].Add(1) // nothing is lost
	m.to.noGSO.Store(true)
	if errno == unix.EIO || !s.gsoWorks.Load() && (errno == unix.EINVAL || errno == unix.EMSGSIZE) {
		s.noGSO.Store(true)
	}
}

// fillOutbox makes headers of the first messages and gives their number.
func (s *rawSocket) fillOutbox(b *Batch, msgs []bundle) int {
	x := &b.sys
	n := min(len(msgs), sendMost)
	need := 0
	for i := range n {
		need += int(msgs[i].count)
	}
	if cap(x.iovs) < need {
		x.iovs = make([]unix.Iovec, 0, max(need, sendMost*8))
	}
	x.iovs = x.iovs[:0]
	for i := range n {
		m := &msgs[i]
		first, end := len(x.iovs), int32(-1)
		for k := m.first; k >= 0; k = b.segs[k].next {
			seg := &b.segs[k]
			at := seg.off
			if end, at = at+seg.n, end; at == seg.off { // right behind the one before
				v := &x.iovs[len(x.iovs)-1]
				v.SetLen(int(v.Len) + int(seg.n))
				continue
			}
			iov := unix.Iovec{Base: &b.buf[seg.off]}
			iov.SetLen(int(seg.n))
			x.iovs = append(x.iovs, iov)
		}
		h := &x.hdrs[i].hdr
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&m.dest.sys.name)), m.dest.sys.nameLen
		h.Iov = &x.iovs[first]
		h.SetIovlen(len(x.iovs) - first)
		x.control(i, m)
	}
	return n
}

// control sets the control messages of a header.
func (x *rawOutbox) control(i int, m *bundle) {
	h, c := &x.hdrs[i].hdr, x.ctl[i][:0]
	if m.dest.via != nil {
		c = append(c, m.dest.via.control...)
	}
	if m.count > 1 {
		at := len(c)
		c = c[:at+segmentSize]
		cm := (*unix.Cmsghdr)(unsafe.Pointer(&c[at]))
		cm.Level, cm.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		cm.SetLen(unix.CmsgLen(2))
		binary.NativeEndian.PutUint16(c[at+unix.CmsgLen(0):], uint16(m.size))
	}
	h.Control = nil
	if len(c) > 0 {
		h.Control = &c[0]
	}
	h.SetControllen(len(c))
}
