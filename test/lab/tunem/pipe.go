//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// pipe is one direction of the link.
type pipe struct {
	in, out int // file descriptors
	params  atomic.Pointer[params]
	line    chan item // packets under way, in order
	link    schedule

	passed, lost, late, full atomic.Uint64
}

// item is a packet and when it arrives.
type item struct {
	at     time.Time
	packet []byte
}

// maxUnderWay bounds the packets under way: 1 Gbit/s for half a second.
const maxUnderWay = 65536

// lateBy is by how much a packet comes later that is late: others overtake it.
const lateBy = 20 * time.Millisecond

func newPipe(in, out int) *pipe {
	p := &pipe{in: in, out: out, line: make(chan item, maxUnderWay)}
	p.params.Store(&params{})
	return p
}

func (p *pipe) counts() string {
	return fmt.Sprintf("passed %d, lost %d, queue full %d, line full %d", p.passed.Load(), p.lost.Load(), p.late.Load(), p.full.Load())
}

// run copies packets until a device fails.
func (p *pipe) run() error {
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		for it := range p.line {
			time.Sleep(time.Until(it.at))
			p.write(it.packet)
		}
	}()
	defer func() {
		close(p.line)
		<-delivered
	}()
	buf := make([]byte, 65536)
	for {
		n, err := unix.Read(p.in, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		p.take(buf[:n])
	}
}

func (p *pipe) write(b []byte) {
	if _, err := unix.Write(p.out, b); err == nil {
		p.passed.Add(1)
	}
}

// take decides about one packet.
func (p *pipe) take(b []byte) {
	c := p.params.Load()
	if rand.Float64()*100 < c.loss {
		p.lost.Add(1)
		return
	}
	at, ok := p.link.plan(c, len(b), time.Now())
	if !ok {
		p.late.Add(1)
		return
	}
	packet := append([]byte(nil), b...)
	copies := 1
	if rand.Float64()*100 < c.dup {
		copies = 2
	}
	for range copies {
		late := rand.Float64()*100 < c.late
		if late {
			at = at.Add(lateBy)
		}
		if c.reorder || late {
			time.AfterFunc(time.Until(at), func() { p.write(packet) })
			continue
		}
		select {
		case p.line <- item{at, packet}:
		default:
			p.full.Add(1)
		}
	}
}

// schedule is when the link is free again and when the last packet arrives.
type schedule struct{ free, last time.Time }

// plan gives the time of arrival of a packet, or drops it from the tail of the queue.
func (s *schedule) plan(c *params, size int, now time.Time) (at time.Time, ok bool) {
	at = now
	if c.rate > 0 {
		if s.free.Before(now) {
			s.free = now
		}
		if s.free.Sub(now) > c.queue {
			return time.Time{}, false
		}
		s.free = s.free.Add(time.Duration(float64(size*8) / c.rate * float64(time.Microsecond)))
		at = s.free
	}
	at = at.Add(c.delay)
	if c.jitter > 0 {
		at = at.Add(rand.N(c.jitter))
	}
	if !c.reorder {
		if at.Before(s.last) {
			at = s.last
		}
		s.last = at
	}
	return at, true
}
