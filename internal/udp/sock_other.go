//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

// rawAddr, rawInbox and rawOutbox are not needed: net does it.
type (
	rawAddr   struct{}
	rawInbox  struct{}
	rawOutbox struct{}
)

func (rawAddr) init(*destination, writer) {}

func newSocket(c *net.UDPConn, _ netip.AddrPort) (socket, error) { return plainSocket{c}, nil }

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
