package udp

import (
	"net"
	"net/netip"
)

// Outlets are further sockets beside a port, each with its own address: those of TURN relays. They are sent to and from by
// batches, and few goroutines read all of them.
type Outlets struct {
	port *Port
	sys  outletsSys
}

// Outlet is one such socket.
type Outlet struct {
	set   *Outlets
	sock  outletSock
	guard guard
	sink  Sink
	slot  int
}

// relayBatch is what a batch of a reader of outlets holds before it is sent early.
const (
	relayBatchBytes   = 1 << 20
	relayBatchPackets = 1024
)

// NewOutlets makes an empty set. It must be closed before the port.
func (p *Port) NewOutlets() (*Outlets, error) {
	o := &Outlets{port: p}
	if err := o.start(); err != nil {
		return nil, err
	}
	return o, nil
}

// Open takes a socket into the set, bound to an address of one family. What arrives is given to the sink, by a goroutine that
// reads for others too; what the sink sends by the batch it is given leaves soon after. After an error c is closed.
func (o *Outlets) Open(c *net.UDPConn, s Sink) (*Outlet, error) {
	out := &Outlet{set: o, sink: s}
	if err := o.add(out, c); err != nil {
		_ = c.Close()
		return nil, err
	}
	return out, nil
}

// Target is a peer in the form that batches send to.
func (o *Outlet) Target(to netip.AddrPort, count *Counter) *Target {
	d := &destination{to: canonical(to), count: count}
	d.sys.init(d, o.sock)
	return &Target{id: targets.Add(1), outlet: o, fixed: d}
}

// WriteToAddrPort sends one datagram at once.
func (o *Outlet) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if !o.guard.enter() {
		return 0, net.ErrClosed
	}
	defer o.guard.leave()
	if err := o.sock.write(b, canonical(to), nil); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close closes the socket. A call of the sink may still be running when it returns. It must be called once.
func (o *Outlet) Close() error {
	o.set.remove(o)
	o.guard.close()
	return o.sock.Close()
}

// take gives what was read to the sink.
func (o *Outlet) take(list []*packet, out *Batch) {
	for _, pkt := range list {
		if pkt.n >= len(pkt.buf) {
			o.set.port.drops[dropOversize].Add(1) // probably cut off
			continue
		}
		o.sink.Receive(pkt.buf[:pkt.n], pkt.from, out)
	}
}
