package udp

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
)

// socket is what the port needs of the operating system. Reading is done by one goroutine, writing by any.
type socket interface {
	// read gives one datagram, where it came from (canonical) and, if the socket has several addresses, which of them it
	// came to.
	read(b []byte) (n int, from netip.AddrPort, to netip.Addr, err error)
	// write sends one datagram, from the local address of via if that is not nil.
	write(b []byte, to netip.AddrPort, via *route) error
	// route prepares sending from a local address.
	route(local netip.Addr) *route
	Close() error
}

// route is a local address to send from, with the operating system's form of it. Immutable.
type route struct {
	local   netip.Addr
	control []byte
}

// socketBuffer is wanted in both directions: at 100 Mbit/s it is a third of a second.
const socketBuffer = 4 << 20

// openSocket binds a socket: dual stack where the host is empty or "::", IPv4 alone where the machine has no IPv6.
func openSocket(addr string, log *slog.Logger) (socket, netip.AddrPort, error) {
	conn, err := bindUDP(addr)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("udp: %w", err)
	}
	local := canonical(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	in, out := growBuffers(conn)
	if in < socketBuffer || out < socketBuffer {
		log.Info("UDP socket buffers are smaller than wanted", "receive", in, "send", out, "wanted", socketBuffer)
	}
	s, err := newSocket(conn, local)
	if err != nil {
		_ = conn.Close()
		return nil, netip.AddrPort{}, fmt.Errorf("udp: %w", err)
	}
	return s, local, nil
}

func bindUDP(addr string) (*net.UDPConn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	network := "udp"
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		network = "udp4" // "0.0.0.0" means IPv4 only; net would make it dual stack
	}
	conn, err := net.ListenPacket(network, addr)
	if err != nil && host == "" {
		conn, err = net.ListenPacket("udp4", addr)
	}
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// plainSocket lets the kernel choose the source address.
type plainSocket struct{ *net.UDPConn }

func (s plainSocket) read(b []byte) (int, netip.AddrPort, netip.Addr, error) {
	n, from, err := s.ReadFromUDPAddrPort(b)
	return n, canonical(from), netip.Addr{}, err
}

func (s plainSocket) write(b []byte, to netip.AddrPort, _ *route) error {
	_, err := s.WriteToUDPAddrPort(b, to)
	return err
}

func (plainSocket) route(netip.Addr) *route { return nil }
