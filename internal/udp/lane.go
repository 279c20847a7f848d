package udp

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
)

// ChannelData (RFC 8656 §12.4): channel number and length, two bytes each, and the data. Over UDP the padding may be missing.
const (
	channelHeader = 4
	firstChannel  = 0x40 // first byte
)

// channelData takes a ChannelData message apart. Its first byte has been looked at; data aliases b.
func channelData(b []byte) (number uint16, data []byte, ok bool) {
	if len(b) < channelHeader {
		return 0, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n > len(b)-channelHeader {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(b), b[channelHeader : channelHeader+n], true
}

// Counter counts relayed data.
type Counter struct{ packets, bytes atomic.Uint64 }

// Add counts some datagrams and their bytes.
func (c *Counter) Add(packets, bytes int) {
	c.packets.Add(uint64(packets))
	c.bytes.Add(uint64(bytes))
}

// Load gives the numbers of datagrams and bytes.
func (c *Counter) Load() (packets, bytes uint64) { return c.packets.Load(), c.bytes.Load() }

// Relayer is the TURN server's side of a Lane.
type Relayer interface {
	// Relay takes a whole ChannelData message of the client. It is called by one of the port's readers, which many wait for: it
	// must not block, and data is its own only until it returns. What it sends by out leaves soon after. If the peer is
	// the port itself it gives the way back, and the port takes the data as if it had come from the relay. Without known it
	// has nothing to do with that channel: the message goes to the TURN server as others do.
	Relay(number uint16, data []byte, out *Batch) (back *Channel, known bool)
}

// Lane is a TURN client with an allocation, whose ChannelData does not go through the TURN server.
type Lane struct {
	port    *Port
	client  netip.AddrPort
	relayer Relayer
	via     atomic.Pointer[route]
}

// OpenLane gives the ChannelData of a client to r from now on, until Close.
func (p *Port) OpenLane(client netip.AddrPort, r Relayer) *Lane {
	l := &Lane{port: p, client: canonical(client), relayer: r}
	if e := p.turn.peer(l.client).Load(); e != nil && e.addr == l.client {
		l.via.Store(e.via)
	}
	p.lanes.update(l.client, func(*Lane, bool) (*Lane, bool) { return l, true })
	return l
}

// Close ends the lane. A call of the relayer may still be running when it returns.
func (l *Lane) Close() {
	l.port.lanes.update(l.client, func(old *Lane, _ bool) (*Lane, bool) { return old, old != nil && old != l })
}

// Channel is a channel of a client, open when it is made. Its methods may be called from any goroutine.
type Channel struct {
	lane   *Lane
	number uint16
	relay  netip.AddrPort
	count  *Counter
	open   atomic.Bool
	dest   atomic.Pointer[destination]
	to     Target
}

// Channel makes one: what is sent to its Target becomes ChannelData with that number and is counted; what the client sends
// to the port itself by it comes from the relay, the address as ICE agents know it.
func (l *Lane) Channel(number uint16, relay netip.AddrPort, count *Counter) *Channel {
	c := &Channel{lane: l, number: number, relay: canonical(relay), count: count}
	c.open.Store(true)
	c.to.id, c.to.channel = targets.Add(1), c
	return c
}

// Target is the client behind the channel.
func (c *Channel) Target() *Target { return &c.to }

// SetOpen closes or opens the channel as a way back from the port itself.
func (c *Channel) SetOpen(open bool) { c.open.Store(open) }

// destination is the client.
func (c *Channel) destination() *destination {
	via := c.lane.via.Load()
	if d := c.dest.Load(); d != nil && d.via == via {
		return d
	}
	d := &destination{to: c.lane.client, via: via, number: c.number, count: c.count}
	d.sys.init(d, c.lane.port.sock)
	c.dest.Store(d)
	return d
}

// write sends one datagram to the client at once.
func (c *Channel) write(p []byte) (int, error) {
	pkt := getPacket()
	defer putPacket(pkt)
	b := pkt.buf[:]
	n := copy(b[channelHeader:], p)
	binary.BigEndian.PutUint16(b, c.number)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	if _, err := c.lane.port.send(b[:channelHeader+n], c.lane.client, c.lane.via.Load()); err != nil {
		return 0, err
	}
	if c.count != nil {
		c.count.Add(1, n)
	}
	return n, nil
}

// frame makes ChannelData of the n bytes at the beginning of buf and gives its size.
func frame(buf []byte, number uint16, n int) int {
	copy(buf[channelHeader:], buf[:n])
	binary.BigEndian.PutUint16(buf, number)
	binary.BigEndian.PutUint16(buf[2:], uint16(n))
	return channelHeader + n
}

// relay gives ChannelData to the lane of its client. What is for the port itself is routed like anything else.
func (p *Port) relay(pkt *packet) (taken bool, why dropReason) {
	l, _ := p.lanes.get(pkt.from)
	number, data, ok := channelData(pkt.buf[:pkt.n])
	if l == nil || !ok {
		return p.turn.push(pkt) // which counts it
	}
	if v := l.via.Load(); pkt.to.IsValid() && (v == nil || v.local != pkt.to) {
		l.via.Store(p.sock.route(pkt.to))
	}
	back, known := l.relayer.Relay(number, data, pkt.out)
	switch {
	case !known:
		return p.turn.push(pkt)
	case back == nil:
		return false, dropNone
	}
	pkt.n = copy(pkt.buf[:], data)
	pkt.from, pkt.to, pkt.way = back.relay, netip.Addr{}, back
	return p.dispatch(pkt) // no further: a relay has no lane
}
