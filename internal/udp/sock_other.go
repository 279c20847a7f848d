//go:build !linux

package udp

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"
)

// rawAddr, rawInbox and rawOutbox are not needed: net does it.
type (
	rawAddr   struct{}
	rawInbox  struct{}
	rawOutbox struct{}
)

func (rawAddr) init(*destination, writer) {}

func newSocket(c *net.UDPConn, _ netip.AddrPort) (socket, error) { return plainSocket{c}, nil }

func siblings(socket, netip.AddrPort, int, *slog.Logger) []socket { return nil }

func writeReason(error) dropReason { return dropWriteError }

// growBuffers asks for buffers and believes what it asked for.
func growBuffers(c *net.UDPConn) (in, out int) {
	in, out = socketBuffer, socketBuffer
	if c.SetReadBuffer(socketBuffer) != nil {
		in = 0
	}
	if c.SetWriteBuffer(socketBuffer) != nil {
		out = 0
	}
	return in, out
}

// plainSocket is the portable one, by the net package: a datagram a call, and the system chooses the source address.
type plainSocket struct{ *net.UDPConn }

func (s plainSocket) read(in *inbox, wait time.Duration) (int, error) {
	until := time.Time{}
	if wait >= 0 {
		until = time.Now().Add(wait)
	}
	if err := s.SetReadDeadline(until); err != nil {
		return 0, err
	}
	p := in.list[0]
	n, from, err := s.ReadFromUDPAddrPort(p.buf[:])
	if os.IsTimeout(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	p.n, p.from, p.to = n, canonical(from), netip.Addr{}
	return 1, nil
}

func (s plainSocket) wake() { _ = s.UDPConn.Close() }

func (s plainSocket) Close() error {
	_ = s.UDPConn.Close() // wake has closed it before
	return nil
}

func (s plainSocket) write(b []byte, to netip.AddrPort, _ *route) error {
	_, err := s.WriteToUDPAddrPort(b, to)
	return err
}

func (plainSocket) route(netip.Addr) *route { return nil }

func (plainSocket) runs() bool { return false }

func (s plainSocket) flush(b *Batch, msgs []bundle) (packets, bytes int) { return b.each(s, msgs) }
