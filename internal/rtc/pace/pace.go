// Package pace numbers what a peer sends, estimates what its link carries, and holds pictures back where that is less than
// there is to send.
//
//	Number ─▶ bwe.Estimator ◀─ Feedback            every packet, without a lock
//	Slow? ─▶ Pass: sound first, then what was asked for again, then pictures, in a bounded queue ─▶ Clock, every 5 ms
//	Demand ─▶ probes: packets that nobody needs, for a moment
//
// A peer whose link has room costs the numbering and one load of an atomic.
package pace

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"veche.example/internal/sfu"
	"veche.example/internal/sfu/bwe"
)

const (
	// lead is how much faster than the estimate a queue that is shorter than brief is emptied: it is the mean that must not be
	// more, and the end of a big picture should not wait.
	lead, brief = 1.25, 0.100
	// burst is how much of a second may be sent at once.
	burst = 0.010
	// longest is how long a picture may wait; debt is how far what has precedence may run ahead.
	longest, debt = 0.400, 0.100
	// queueLen bounds the queue in packets, 2 KiB each.
	queueLen = 256
	// overhead is what SRTP, UDP and IPv4 add to a packet.
	overhead = 44
	// measured is over how long the rates of sending are taken.
	measured = int64(300e6)
	// recent is how long after a reduction the link counts as the limit.
	recent = int64(10e9)
)

// Class is what a packet is, as far as it matters who comes first.
type Class uint8

// The classes.
const (
	Sound   Class = iota // never held back
	Repeat               // sent before; not sent again if far more is sent than the link carries
	Picture              // waits, and is dropped when too much waits
)

// Link is where a Pacer sends to. Its methods may be called from any goroutine.
type Link interface {
	// Emit sends a packet at once.
	Emit(h *rtp.Header, payload []byte, way sfu.Way) error
	// Pad sends about so many bytes that the client does not need.
	Pad(bytes int, now int64)
	// Sent is how many bytes were sent so far.
	Sent() uint64
	// Lost counts a packet that was not sent.
	Lost(c Class)
}

// Unlimited is the Estimate.Bitrate of a client that says nothing which limits it.
const Unlimited = bwe.Ceiling

// Estimate is what is known of the way to a client.
type Estimate struct {
	// Bitrate is what may be sent to it, in bit/s with all headers, besides retransmissions; Unlimited if the client says
	// nothing that limits it.
	Bitrate int
	// Lost is the share of packets that did not arrive lately, 0 to 1.
	Lost float64
	// RTT is the round trip, 0 = not known.
	RTT time.Duration
	// Limited: the link carries less than is demanded, as far as is known.
	Limited bool
}

// Pacer is the sending side of one peer. Number, Slow and Pass belong to the packet path and may be called from any number of
// goroutines, as may all else.
type Pacer struct {
	link  Link
	clock *Clock
	slow  atomic.Bool // pictures go through the queue
	next  atomic.Uint32
	est   atomic.Pointer[bwe.Estimator] // nil until the client agrees to number packets
	ext   atomic.Uint32                 // id of their header extension
	never atomic.Bool

	mu       sync.Mutex // guards the following, and the estimator but for Sent
	queue    queue
	tokens   float64 // bytes that may be sent now
	filled   int64   // when they were counted
	rate     float64 // bytes/s
	repeated uint64  // bytes
	reports  bwe.Reports
	demand   int
	probe    probe
	meters   meters
	hdr      rtp.Header // of the packet that leaves the queue
}

// probe is one that is being sent.
type probe struct {
	rate       float64 // bytes/s, 0 = none
	begin, end int64
	sent       uint64 // of the link, when it began
}

// meters are rates in bit/s, measured now and then.
type meters struct {
	at             int64
	sent, repeated uint64
	out, again     float64
}

// Init makes a zero Pacer ready.
func (p *Pacer) Init(l Link, c *Clock) { p.link, p.clock = l, c }

// Enable begins to number packets, in the header extension with this id. bare says that a section wants packets sent again
// under their own numbers (no RFC 4588): a second transport-wide number in the same packet would be a nonce used twice
// (RFC 7714 §8.1), so that nothing is numbered then, for good. True if packets are numbered. It takes no lock.
func (p *Pacer) Enable(id uint8, bare bool) bool {
	if bare {
		p.never.Store(true)
	}
	if p.never.Load() {
		p.est.Store(nil)
		return false
	}
	p.ext.Store(uint32(id))
	if p.est.Load() == nil {
		p.est.CompareAndSwap(nil, bwe.New())
	}
	return true
}

// Number gives the next packet its transport-wide number, written to b, and notes that it is sent now with this size.
func (p *Pacer) Number(b []byte, size int, now int64) {
	e := p.est.Load()
	if e == nil || len(b) < 2 {
		return
	}
	n := uint16(p.next.Add(1))
	binary.BigEndian.PutUint16(b, n)
	e.Sent(n, size, now)
}

// Slow tells whether Pass is to be asked before a packet is sent.
func (p *Pacer) Slow() bool { return p.slow.Load() }

// Pass tells whether the packet is to be sent now. If not, it was queued, or dropped and counted.
func (p *Pacer) Pass(h *rtp.Header, payload []byte, way sfu.Way, c Class) bool {
	size := float64(h.MarshalSize() + len(payload) + overhead)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refill(way.Now)
	switch {
	case way.Spare:
	case c == Repeat:
		if p.tokens < -debt*p.rate {
			p.link.Lost(Repeat)
			return false
		}
		p.repeated += uint64(size)
	case c == Picture && (p.tokens < 0 || p.queue.n > 0):
		if !p.queue.put(h, payload, way, int(longest*p.rate)) {
			p.link.Lost(Picture)
			return false
		}
		p.clock.wake(p)
		return false
	}
	p.tokens = max(p.tokens-size, -4*debt*p.rate-1500)
	return true
}

// refill counts what may be sent. mu is held.
func (p *Pacer) refill(now int64) {
	dt := float64(now-p.filled) / 1e9
	if dt <= 0 {
		return
	}
	p.filled = now
	rate := p.rate
	if float64(p.queue.bytes) < brief*rate {
		rate *= lead
	}
	p.tokens = min(p.tokens+dt*rate, max(burst*rate, 1500))
}

// Turn sends what may be sent now; true if it is to be called again in 5 ms.
func (p *Pacer) Turn(now int64) bool {
	p.mu.Lock()
	p.refill(now)
	for p.queue.n > 0 && p.tokens > 0 {
		p.tokens -= float64(p.emit(now))
	}
	bytes := p.probing(now)
	again := p.queue.n > 0 || p.probe.rate > 0
	p.mu.Unlock()
	if bytes > 0 {
		p.link.Pad(bytes, now)
	}
	return again
}

// emit sends the first packet of the queue. mu is held.
func (p *Pacer) emit(now int64) int {
	e := p.queue.take()
	defer spares.Put(e)
	n, err := p.hdr.Unmarshal(e.buf[:e.n])
	if err != nil {
		return 0
	}
	way := sfu.Way{Index: e.index, Now: now}
	if e.numbered {
		way.Number = p.hdr.GetExtension(uint8(p.ext.Load()))
	}
	p.hdr.Padding = false
	_ = p.link.Emit(&p.hdr, e.buf[n:e.n], way) // it is counted there
	return e.n
}

// probing gives the bytes that a probe adds now. mu is held.
func (p *Pacer) probing(now int64) int {
	e := p.est.Load()
	if p.probe.rate == 0 || e == nil {
		return 0
	}
	if now >= p.probe.end || e.Abort() {
		p.probe.rate = 0
		e.Probed(uint16(p.next.Load()), now)
		return 0
	}
	goal := p.probe.rate * float64(now+int64(period)-p.probe.begin) / 1e9
	return max(int(goal)-int(p.link.Sent()-p.probe.sent), 0)
}

// Reports takes the transport-wide reports out of a compound RTCP packet, and gives the rest, in the same bytes.
func (p *Pacer) Reports(b []byte, now int64) (rest []byte) {
	kept := 0
	for at := 0; at < len(b); {
		n := len(b) - at
		if n >= 4 {
			n = min(n, 4+4*int(binary.BigEndian.Uint16(b[at+2:])))
		}
		if part := b[at : at+n]; bwe.IsFeedback(part) {
			p.Feedback(part, now)
		} else {
			kept += copy(b[kept:], part)
		}
		at += n
	}
	return b[:kept]
}

// Feedback takes a report about numbered packets: an RTCP packet for which bwe.IsFeedback is true.
func (p *Pacer) Feedback(report []byte, now int64) {
	e := p.est.Load()
	if e == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e.Feedback(report, now)
	p.adapt(e, now)
}

// Reported takes what a reception report says of one stream: the share lost.
func (p *Pacer) Reported(lost float64, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports.Lost(lost, p.meters.out, now)
}

// Allowed takes a limit that the client has sent (REMB), in bit/s.
func (p *Pacer) Allowed(bitrate float64, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports.Allowed(bitrate, now)
}

// Demand says how much would be sent if the link carried it, in bit/s. It is found out how much of that it does.
func (p *Pacer) Demand(bitrate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.demand = bitrate
}

// Tick does what time brings. It is called every 100 to 200 ms.
func (p *Pacer) Tick(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.meters.sent
	p.measure(now)
	e := p.est.Load()
	if e != nil {
		e.Tick(now, p.meters.sent != before || p.link.Sent() != before)
	}
	p.adapt(e, now)
}

// measure takes the rates. mu is held.
func (p *Pacer) measure(now int64) {
	m := &p.meters
	dt := now - m.at
	if dt < measured {
		return
	}
	sent := p.link.Sent()
	if m.at != 0 {
		m.out = float64(sent-m.sent) * 8e9 / float64(dt)
		m.again += (float64(p.repeated-m.repeated)*8e9/float64(dt) - m.again) / 2
	}
	m.at, m.sent, m.repeated = now, sent, p.repeated
}

// adapt follows the estimate. mu is held.
func (p *Pacer) adapt(e *bwe.Estimator, now int64) {
	bits := p.bits(e, now)
	p.rate = float64(bits) / 8
	p.slow.Store(p.queue.n > 0 || p.limited(e, now) && float64(bits) < 1.5*p.meters.out)
	if e == nil {
		return
	}
	demand := float64(p.demand)
	if p.demand == 0 {
		demand = 1.5 * p.meters.out
	}
	e.Demand(int(demand))
	if p.probe.rate > 0 {
		return
	}
	if rate, length := e.Probe(now); rate > 0 {
		p.probe = probe{rate: float64(rate) / 8, begin: now, end: now + length, sent: p.link.Sent()}
		p.clock.wake(p)
	}
}

// bits is the estimate in bit/s. mu is held.
func (p *Pacer) bits(e *bwe.Estimator, now int64) int {
	if e != nil && !e.Mute() {
		return min(e.Estimate(), p.reports.Limit(now))
	}
	return min(p.reports.Estimate(now), bwe.Ceiling)
}

// limited tells whether the link carries less than is wanted. mu is held.
func (p *Pacer) limited(e *bwe.Estimator, now int64) bool {
	if e == nil || e.Mute() {
		return p.reports.Estimate(now) < bwe.Ceiling
	}
	return e.Reduced() != 0 && (now-e.Reduced() < recent || p.demand != 0 && e.Estimate() < p.demand)
}

// Estimate is what is known of the link at now.
func (p *Pacer) Estimate(now int64) Estimate {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.est.Load()
	bits := float64(p.bits(e, now))
	s := Estimate{Limited: p.limited(e, now)}
	if e != nil && !e.Mute() {
		s.Lost, s.RTT = e.Lost(now), time.Duration(e.RTT())
	} else {
		s.Lost = p.reports.Share()
	}
	if s.Limited { // what waits is to be sent within two seconds, and what is sent again has to fit too
		bits = max(bits-p.meters.again-4*float64(p.queue.bytes), 0.4*bits)
	}
	s.Bitrate = int(max(bits, bwe.Floor))
	if p.demand != 0 {
		s.Limited = s.Bitrate < p.demand
	}
	return s
}

// Close drops what waits.
func (p *Pacer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probe.rate = 0
	for p.queue.n > 0 {
		spares.Put(p.queue.take())
	}
}
