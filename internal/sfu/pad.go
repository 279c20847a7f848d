package sfu

import (
	"github.com/pion/rtp"

	"veche.example/internal/media"
)

const (
	// padReach is how many of the last packets are sent once more to try the link.
	padReach = 200
	// padding is the size of a packet of nothing but padding (RFC 3550 §5.1 allows 255).
	padding = 240
)

var zeros = func() (b [padding]byte) { b[padding-1] = padding; return }()

// Pad sends about so many bytes that the subscriber does not need, to try what its link carries: packets that were sent
// lately, once more, as retransmissions (RFC 4588); where there are none, padding. It gives how many it sent, 0 if the slot
// sends no video or its section has no retransmissions. It is safe for concurrent use with everything.
func Pad(s *Slot, bytes int, now int64) int {
	if s.kind != media.Video {
		return 0
	}
	x := spares.Get().(*scratch)
	defer spares.Put(x)
	fb := &s.feedback
	fb.mu.Lock()
	defer fb.mu.Unlock()
	p := padder{s, fb, x, now}
	sent := 0
	for range padReach {
		if sent >= bytes {
			return sent
		}
		n, ok := p.again()
		if !ok {
			break
		}
		sent += n
	}
	for sent < bytes && p.blank() {
		sent += padding
	}
	return sent
}

// padder sends what nobody needs; feedback.mu is held.
type padder struct {
	s   *Slot
	fb  *feedback
	x   *scratch
	now int64
}

// again sends the next one of the last packets; false if there is none.
func (p padder) again() (int, bool) {
	x, fb := p.x, p.fb
	high := p.s.high.Load()
	if fb.pad++; fb.pad > high || fb.pad < high-padReach {
		fb.pad = high - padReach
	}
	history := *p.s.history.Load()
	for ; fb.pad <= high; fb.pad++ {
		e := past(history, fb.pad)
		if e == nil || e.pay.RTX == 0 || e.bound.RTXSSRC == 0 || !e.read(fb.pad, x) || len(x.src.payload) == 0 {
			continue
		}
		x.fill(e, &x.src)
		fb.seq++
		payload := x.wrap(e, uint16(fb.seq))
		return len(payload), p.send(payload, x.way(e, fb.seq, p.now))
	}
	return 0, false
}

// blank sends padding as a retransmission; false if the section has none.
func (p padder) blank() bool {
	x, fb := p.x, p.fb
	e := epoch{bound: p.s.bound.Load()}
	for _, pay := range e.bound.Payload {
		if pay.Negotiated && pay.RTX != 0 {
			e.pay = pay
			break
		}
	}
	if e.pay.RTX == 0 || e.bound.RTXSSRC == 0 {
		return false
	}
	fb.seq++
	x.seq, x.dd = -1, nil
	x.h = rtp.Header{Version: 2, Padding: true, PayloadType: e.pay.RTX, SequenceNumber: uint16(fb.seq), SSRC: e.bound.RTXSSRC}
	x.extend(&e)
	defer func() { x.h.Padding = false }()
	return p.send(zeros[:], x.way(&e, fb.seq, p.now))
}

func (p padder) send(payload []byte, w Way) bool {
	w.Spare = true
	return p.s.w.WriteRTP(&p.x.h, payload, w) == nil
}
