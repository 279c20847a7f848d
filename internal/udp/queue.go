package udp

import (
	"net/netip"
	"sync"
)

// maxPacket bounds what is read from the socket: media, DTLS and STUN stay below 1500 bytes, ChannelData below 1600.
const maxPacket = 2048

// packet is one received datagram in a pooled buffer.
type packet struct {
	n    int
	from netip.AddrPort // canonical
	to   netip.Addr     // local address it came to; invalid if the socket is bound to one address
	out  *Batch         // of the reader, for sinks
	way  *Channel       // it came by this channel of a TURN client, in memory
	buf  [maxPacket]byte
}

var packets = sync.Pool{New: func() any { return new(packet) }}

func getPacket() *packet  { return packets.Get().(*packet) }
func putPacket(p *packet) { packets.Put(p) }

// clone copies a packet for a further reader.
func (p *packet) clone() *packet {
	c := getPacket()
	c.n, c.from, c.to, c.out, c.way = p.n, p.from, p.to, p.out, p.way
	copy(c.buf[:p.n], p.buf[:p.n])
	return c
}

// queue is a bounded FIFO between the port's reader and one consumer.
type queue struct {
	max  int
	full dropReason // why a packet is dropped when the queue is full
	wake func()     // called after a push, without the lock

	mu     sync.Mutex // guards the following
	ring   []*packet  // grows by doubling up to max
	head   int
	n      int
	closed bool
}

const firstRing = 16

// push takes the packet, or says why not.
func (q *queue) push(p *packet) (taken bool, why dropReason) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false, dropConnClosed
	}
	if q.n == len(q.ring) {
		if q.n >= q.max {
			q.mu.Unlock()
			return false, q.full
		}
		q.grow()
	}
	q.ring[(q.head+q.n)%len(q.ring)] = p
	q.n++
	q.mu.Unlock()
	q.wake()
	return true, dropNone
}

func (q *queue) grow() {
	ring := make([]*packet, min(max(firstRing, 2*len(q.ring)), q.max))
	for i := range q.n {
		ring[i] = q.ring[(q.head+i)%len(q.ring)]
	}
	q.ring, q.head = ring, 0
}

// pop gives the oldest packet, nil if there is none, and whether there are more.
func (q *queue) pop() (p *packet, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return nil, false
	}
	p = q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return p, q.n > 0
}

// close drops what is queued and refuses more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for i := range q.n {
		putPacket(q.ring[(q.head+i)%len(q.ring)])
	}
	q.ring, q.n = nil, 0
}
