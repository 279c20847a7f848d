package udp

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSocket is a socket that Go's network poller does not know, since it would be woken by every datagram that has left:
// that costs as much as half of the sending. What the poller watches is an epoll instance of ours that holds the socket and
// looks at reading only. (Waiting in a blocking call instead keeps the scheduler's monitor busy.)
//
// Bound to every address it learns from the system to which of them each datagram came, so that answers leave from
// there (RFC 8445 §7.3: a response comes from where the request went). A client would not take others.
type rawSocket struct {
	fd        int
	epoll     *os.File
	wait      syscall.RawConn // of epoll
	v6        bool            // IPv4 addresses are mapped ones
	info      bool            // bound to every address
	recvPlain atomic.Bool     // no recvmmsg
	noBatch   atomic.Bool     // no sendmmsg
	noGSO     atomic.Bool
	gsoWorks  atomic.Bool // has, once

	// The following belongs to the reader.
	in     *inbox
	got    int
	errno  syscall.Errno
	try    func(uintptr) bool // tries to read
	timing bool               // a deadline is set
}

func newSocket(c *net.UDPConn, local netip.AddrPort) (socket, error) {
	s := &rawSocket{v6: local.Addr().Is6(), info: local.Addr().IsUnspecified()}
	s.try = s.tryRead
	err := control(c, func(fd int) (err error) {
		// A descriptor of our own: closing c takes the other one out of the poller.
		s.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.Close(); err != nil {
		_ = unix.Close(s.fd)
		return nil, err
	}
	if err := s.watch(); err != nil {
		_ = unix.Close(s.fd)
		return nil, err
	}
	if s.info {
		level, option := unix.IPPROTO_IP, unix.IP_PKTINFO
		if s.v6 {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
		}
		if err := unix.SetsockoptInt(s.fd, level, option, 1); err != nil {
			_ = s.Close()
			return nil, err
		}
	}
	if _, err := unix.GetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT); err != nil {
		s.noGSO.Store(true) // before Linux 4.18
	}
	return s, nil
}

// watch makes the epoll instance.
func (s *rawSocket) watch() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(s.fd)}
	if err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, s.fd, &event); err == nil {
		err = unix.SetNonblock(fd, true) // then the poller takes it
	}
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	s.epoll = os.NewFile(uintptr(fd), "epoll")
	s.wait, err = s.epoll.SyscallConn()
	return err
}

func (s *rawSocket) Close() error {
	_ = s.epoll.Close() // wake may have done it
	return unix.Close(s.fd)
}

func (s *rawSocket) wake() { _ = s.epoll.Close() }

// growBuffers sets the buffers, beyond the system's limit where the process may, and tells what it got.
func growBuffers(c *net.UDPConn) (in, out int) {
	_ = control(c, func(fd int) error {
		for _, opt := range [][3]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, receiveBuffer}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, socketBuffer}} {
			if unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[0], opt[2]) != nil {
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

// siblings opens n more sockets on the address of the first; fewer if the system does not want to. The first is bound alone, so
// that it fails where another process has the port; only then may others be bound beside it.
func siblings(first socket, local netip.AddrPort, n int, log *slog.Logger) (list []socket) {
	s, ok := first.(*rawSocket)
	if !ok || n < 1 || unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) != nil {
		return nil
	}
	share := func(_, _ string, c syscall.RawConn) error {
		var inner error
		err := c.Control(func(fd uintptr) {
			inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, inner)
	}
	for range n {
		conn, err := bindUDP(local.String(), share)
		if err != nil {
			log.Info("fewer UDP readers than cores", "error", err)
			break
		}
		growBuffers(conn)
		next, err := newSocket(conn, local)
		if err != nil {
			_ = conn.Close()
			break
		}
		list = append(list, next)
	}
	return list
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

// localOf finds the local address in control messages.
func localOf(oob []byte) netip.Addr {
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

// lostAddress reports whether sending failed because the machine does not have the source address any more.
func lostAddress(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENETUNREACH)
}

// route makes the control message for a source address. On a dual stack socket IPv4 addresses are mapped ones.
func (s *rawSocket) route(local netip.Addr) *route {
	if !s.info {
		return nil
	}
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
