package udp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// socket is what the port needs of the operating system. Reading is done by one goroutine, writing by any.
type socket interface {
	reader
	writer
	Close() error
}

// reader reads batches.
type reader interface {
	// read fills in with the datagrams that are there. If there are none it waits for the first: for at most wait, for
	// ever if that is negative. It gives their number, 0 when the time is over or the socket was closed.
	read(in *inbox, wait time.Duration) (int, error)
	// wake ends the waiting of read for good.
	wake()
}

// writer sends. It never waits for long.
type writer interface {
	// write sends one datagram, from the local address of via if that is not nil.
	write(b []byte, to netip.AddrPort, via *route) error
	// route prepares sending from a local address.
	route(local netip.Addr) *route
	// runs tells whether several datagrams of a target can be one message.
	runs() bool
	// flush sends messages of b and gives the numbers of datagrams and bytes that were handed over.
	flush(b *Batch, msgs []bundle) (packets, bytes int)
}

// route is a local address to send from, with the operating system's form of it. Immutable.
type route struct {
	local   netip.Addr
	control []byte
}

// destination is where a batch sends to: an address, the route to it, and the operating system's form of both. Immutable.
type destination struct {
	to     netip.AddrPort
	via    *route
	number uint16   // what is sent becomes ChannelData of this channel, 0 = as it is
	count  *Counter // of what is relayed, may be nil
	sys    rawAddr
}

// inboxSize is how many datagrams are read at a time.
const inboxSize = 32

// inbox holds what one read gives. Whoever takes a packet out puts another one in its place.
type inbox struct {
	list [inboxSize]*packet
	sys  rawInbox
}

func newInbox() *inbox {
	in := new(inbox)
	for i := range in.list {
		in.list[i] = getPacket()
	}
	return in
}

func (in *inbox) free() {
	for _, p := range in.list {
		putPacket(p)
	}
}

// socketBuffer is wanted in both directions: at 100 Mbit/s it is a third of a second. Where the process may, it takes more for
// receiving, since there it is the machine's load that decides when a reader comes to it.
const (
	socketBuffer  = 4 << 20
	receiveBuffer = 4 * socketBuffer
)

// openSocket binds a socket: dual stack where the host is empty or "::", IPv4 alone where the machine has no IPv6.
func openSocket(addr string, log *slog.Logger) (socket, netip.AddrPort, error) {
	conn, err := bindUDP(addr, nil)
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

func bindUDP(addr string, control func(network, address string, c syscall.RawConn) error) (*net.UDPConn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	network := "udp"
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		network = "udp4" // "0.0.0.0" means IPv4 only; net would make it dual stack
	}
	lc, ctx := net.ListenConfig{Control: control}, context.Background()
	conn, err := lc.ListenPacket(ctx, network, addr)
	if err != nil && host == "" {
		conn, err = lc.ListenPacket(ctx, "udp4", addr)
	}
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}
