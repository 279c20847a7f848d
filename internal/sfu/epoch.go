package sfu

import (
	"sync/atomic"

	"veche.example/internal/media"
)

const (
	// catchUp is how much faster than real time the packets before the live edge are laid out, when a
	// slot begins with a key frame of the past: 1 s becomes 16 ms, and 0.7 ms between frames one tick. Laid
	// out in real time they put the live edge up to 1 s ahead, and browsers play picture that much late.
	catchUp = 64
	// maxEpochs is how many past epochs answer retransmission requests.
	maxEpochs = 8
	// maxGap bounds how far timestamps move over a switch, so that they never seem to run backwards.
	maxGap = int64(3600e9)
	// maxSkew is how far capture times may contradict arrival times before they are taken for nonsense.
	maxSkew = int64(2e9)
)

// epoch is an uninterrupted run of packets from one source to one slot under one binding: constant offsets
// rewrite each of them, now or when it is sent again. It is immutable.
type epoch struct {
	bound *bound
	pay   Payload
	ring  *ring
	line  *timeline
	rate  uint32
	gen   uint32 // of the track: it grows when the publisher begins a new sequence
	run   uint32 // the same for epochs that differ in their binding only
	talk  bool   // the first packet begins a talkspurt
	level        // that is sent
	tally *atomic.Pointer[tally]

	first   int64 // track's number of the first packet
	out     int64 // outgoing number of the first packet
	live    int64 // packets before it are caught up with
	liveTS  uint32
	seqOff  int64 // outgoing number = track's number in the level + seqOff
	tsOff   uint32
	pidOff  uint16
	ddOff   uint16
	tl0Off  uint8
	stretch bool // of catch-up: there are packets before live
}

// number is the outgoing number of p, if it is sent.
func (e *epoch) number(p *packet) int64 { return p.count(int(e.index)) + e.seqOff }

// place is the inverse of number: the track's number of the only packet that may have had an outgoing number.
func (e *epoch) place(out int64) int64 {
	if t := e.tally.Load(); t != nil {
		return t.where(int(e.index), out-e.seqOff)
	}
	return out - e.seqOff
}

// read copies what had an outgoing number into x; for any goroutine.
func (e *epoch) read(out int64, x *scratch) bool {
	return e.ring.read(e.place(out), x) && e.number(&x.src) == out && (e.has(&x.src) || x.src.late)
}

// has tells whether p belongs to the level that is sent.
func (e *epoch) has(p *packet) bool {
	return p.num == nil || p.info.Spatial <= e.spatial && p.info.Temporal <= e.temporal
}

// level is a Level and its index.
type level struct{ index, spatial, temporal uint8 }

func levelOf(index int) level {
	return level{uint8(index), uint8(index / layersMax), uint8(index % layersMax)}
}

// timestamp is where p lies on the slot's time line.
func (e *epoch) timestamp(p *packet) uint32 {
	if e.stretch && p.seq < e.live {
		return e.liveTS + e.tsOff - squeeze(e.liveTS-p.ts)
	}
	return p.ts + e.tsOff
}

// squeeze divides a distance by catchUp, away from zero, so that two frames never fall together.
func squeeze(d uint32) uint32 { return uint32((int32(d) + catchUp - 1) / catchUp) }

// run is what a slot remembers of its outgoing stream; the packet path owns it.
type run struct {
	ep      *epoch
	count   uint32 // of runs begun
	ts      uint32 // highest timestamp sent
	arrival int64  // of the packet that had it
	sent    bool   // anything at all
	pid     uint16
	dd      uint16
	tl0     uint8
}

// place computes the epoch that begins with first, when live is the newest packet of its source.
// next is the outgoing number of first.
func (r *run) place(e epoch, first, live *packet, next int64) *epoch {
	r.count++
	e.run = r.count
	e.first, e.out, e.seqOff = first.seq, next, next-first.count(int(e.index))
	e.live, e.liveTS, e.stretch = live.seq, live.ts, first.seq < live.seq
	least := int64(1)
	if e.stretch {
		least += int64(max(int32(squeeze(live.ts-first.ts)), 0))
	}
	e.tsOff = r.ts + uint32(max(r.elapsed(&e, live), least)) - live.ts
	if first.info.PIDBits != 0 {
		e.pidOff = (r.pid + 1 - first.picture(int(e.index))) & 0x7fff
	}
	if first.info.TL0At != 0 {
		e.tl0Off = r.tl0 + 1 - first.info.TL0
	}
	if first.dd != nil {
		e.ddOff = r.dd + 1 - frameNumber(first)
	}
	return &e
}

// elapsed is the time between the last frame sent and live, in ticks of the new source's clock: by
// capture when both publishers report it, else by arrival.
func (r *run) elapsed(e *epoch, live *packet) int64 {
	if !r.sent {
		return 1
	}
	ns := live.arrival - r.arrival
	if r.ep != nil {
		was, ok1 := r.ep.line.captured(r.ts - r.ep.tsOff)
		is, ok2 := e.line.captured(live.ts)
		if d := is - was; ok1 && ok2 && d-ns < maxSkew && ns-d < maxSkew {
			ns = d
		}
	}
	return ticks(min(ns, maxGap), e.rate)
}

// note keeps the highest counters sent. fill has computed what p was sent as.
func (r *run) note(e *epoch, p *packet, ts uint32) {
	if int32(ts-r.ts) > 0 || !r.sent {
		r.ts, r.arrival, r.sent = ts, p.arrival, true
	}
	if p.info.PIDBits != 0 {
		if id := (p.picture(int(e.index)) + e.pidOff) & 0x7fff; int16((id-r.pid)<<1) > 0 {
			r.pid = id
		}
	}
	if p.info.TL0At != 0 {
		if n := p.info.TL0 + e.tl0Off; int8(n-r.tl0) > 0 {
			r.tl0 = n
		}
	}
	if p.dd != nil {
		if n := frameNumber(p) + e.ddOff; int16(n-r.dd) > 0 {
			r.dd = n
		}
	}
}

// ticks converts nanoseconds to units of a clock.
func ticks(ns int64, rate uint32) int64 {
	return ns/1e9*int64(rate) + ns%1e9*int64(rate)/1e9
}

// past finds the epoch of an outgoing number.
func past(history []*epoch, out int64) *epoch {
	for _, e := range history { // newest first
		if out >= e.out {
			return e
		}
	}
	return nil
}

// earlier finds the epoch of the present run that a packet of the track's number belongs to.
func earlier(history []*epoch, seq int64) *epoch {
	for _, e := range history {
		if e.run != history[0].run {
			break
		}
		if seq >= e.first {
			return e
		}
	}
	return nil
}

// base starts an epoch of a track towards a binding; place completes it.
func base(f *forward, b *bound) epoch {
	t := f.track
	return epoch{
		level: levelOf(int(f.level.Load())), tally: &t.lines.seq,
		bound: b, pay: b.Payload[t.cfg.Codec], ring: t.ring, line: t.line,
		rate: t.line.rate, gen: t.gen, talk: t.cfg.Kind == media.Audio,
	}
}
