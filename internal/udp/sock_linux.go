package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newSocket adds what a socket bound to every address needs on Linux: the address each datagram came to, so that answers
// leave from the same (RFC 8445 §7.3: a response comes from where the request went). A client would not take others.
func newSocket(c *net.UDPConn, local netip.AddrPort) (socket, error) {
	if !local.Addr().IsUnspecified() {
		return plainSocket{c}, nil
	}
	s := &infoSocket{UDPConn: c, v6: local.Addr().Is6()}
	level, option := unix.IPPROTO_IP, unix.IP_PKTINFO
	if s.v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	err := control(c, func(fd int) error { return unix.SetsockoptInt(fd, level, option, 1) })
	return s, err
}

// growBuffers sets the buffers, beyond the system's limit where the process may, and tells what it got.
func growBuffers(c *net.UDPConn) (in, out int) {
	_ = control(c, func(fd int) error {
		for _, opt := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
			if unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[0], socketBuffer) != nil {
				_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[1], socketBuffer)
			}
		}
		// The kernel doubles what was asked for, for its own needs (socket(7)).
		in, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		out, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
		return nil
	})
	return in / 2, out / 2
}

func control(c *net.UDPConn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err = raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// infoSocket is bound to every address and knows which one each datagram uses (IP_PKTINFO, IPV6_PKTINFO).
type infoSocket struct {
	*net.UDPConn
	v6  bool
	oob [128]byte // control messages of the datagram being read
}

func (s *infoSocket) read(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	n, oobn, _, from, err := s.ReadMsgUDPAddrPort(b, s.oob[:])
	if err != nil {
		return 0, netip.AddrPort{}, netip.Addr{}, err
	}
	return n, canonical(from), destination(s.oob[:oobn]), nil
}

// destination finds the local address in control messages.
func destination(oob []byte) netip.Addr {
	for len(oob) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return netip.Addr{}
		}
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			// Spec_dst (bytes 4 to 8) is the local address also of a broadcast.
			return netip.AddrFrom4([4]byte(data[4:8]))
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(data[:16])).Unmap()
		}
		oob = rest
	}
	return netip.Addr{}
}

func (s *infoSocket) write(b []byte, to netip.AddrPort, via *route) error {
	if via != nil {
		if _, _, err := s.WriteMsgUDPAddrPort(b, via.control, to); err == nil || !lostAddress(err) {
			return err
		}
	}
	_, err := s.WriteToUDPAddrPort(b, to)
	return err
}

// lostAddress reports whether sending failed because the machine does not have the source address any more.
func lostAddress(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENETUNREACH)
}

// route makes the control message for a source address. On a dual stack socket IPv4 addresses are mapped ones.
func (s *infoSocket) route(local netip.Addr) *route {
	level, typ, size := unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo
	if s.v6 {
		level, typ, size = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo
	}
	c := make([]byte, unix.CmsgSpace(size))
	if unsafe.Sizeof(uintptr(0)) == 8 { // struct cmsghdr has a size_t in front
		binary.NativeEndian.PutUint64(c, uint64(unix.CmsgLen(size)))
	} else {
		binary.NativeEndian.PutUint32(c, uint32(unix.CmsgLen(size)))
	}
	at := unix.SizeofCmsghdr - 8
	binary.NativeEndian.PutUint32(c[at:], uint32(level))
	binary.NativeEndian.PutUint32(c[at+4:], uint32(typ))
	data := c[unix.CmsgLen(0):]
	if s.v6 {
		ip := local.As16() // the interface index stays 0: any
		copy(data, ip[:])
	} else {
		ip := local.As4()
		copy(data[4:], ip[:]) // ipi_spec_dst
	}
	return &route{local: local, control: c}
}
