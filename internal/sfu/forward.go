package sfu

import (
	"runtime"

	"veche.example/internal/media"
)

// This file is the packet path of a slot. See Slot for who may run it.

// push hands the slot packets of a track that it is attached to, up to the newest.
func (s *Slot) push(f *forward, run []held) {
	switch st := s.state.Load(); {
	case st.cur == f:
		f.pass(run)
	case st.pend == f:
		for i := range run {
			if p := &run[i].packet; f.track.begins(p) {
				s.take(f, st, p) // with all that follow
				return
			}
		}
	}
}

// pass sends packets while f owns the slot.
func (f *forward) pass(run []held) {
	s := f.slot
	if !s.enter(f) {
		return
	}
	defer s.leave() // whatever happens: idle waits for it
	for i := range run {
		if s.deliver(f, &run[i].packet, run[i].x) {
			return
		}
	}
}

// enter begins a busy section of the slot for f; false if f does not own the slot any more.
func (s *Slot) enter(f *forward) bool {
	s.busy.Add(1)
	if s.state.Load().cur == f {
		return true
	}
	s.busy.Add(-1)
	return false
}

func (s *Slot) leave() { s.busy.Add(-1) }

// idle waits until no busy section of an earlier owner is left; the state was changed before. A section
// lasts as long as sending one picture's packets, at a switch one group of pictures.
func (s *Slot) idle() {
	for s.busy.Load() != 0 {
		runtime.Gosched()
	}
}

// begins tells whether a slot can begin with the track now that p has come: sound with any new packet,
// video if there is a recent key frame, which may be p.
func (t *Track) begins(p *packet) bool {
	if t.cfg.Kind == media.Audio {
		return p.seq == t.high && len(p.payload) > 0
	}
	return t.gop.fresh(p.arrival)
}

// take makes the pending f the owner and sends what its track has since the last key frame, p included.
func (s *Slot) take(f *forward, st *ownership, p *packet) {
	if !s.state.CompareAndSwap(st, &ownership{cur: f}) {
		return // Show was faster
	}
	s.idle()
	if st.cur != nil {
		st.cur.track.detach(st.cur)
	}
	first, ok := f.start(p)
	if !ok {
		return
	}
	s.stats.switches.Add(1)
	if fn := s.onSwitch.Load(); fn != nil {
		(*fn)(f.track, first)
	}
}

// start begins in a busy section of its own.
func (f *forward) start(p *packet) (uint32, bool) {
	s := f.slot
	if !s.enter(f) {
		return 0, false
	}
	defer s.leave()
	return s.begin(f, p)
}

// begin starts an epoch in a busy section, sends all up to the newest packet, and returns its first timestamp.
func (s *Slot) begin(f *forward, p *packet) (uint32, bool) {
	t, b := f.track, s.bound.Load()
	if !b.Payload[t.cfg.Codec].Negotiated {
		return 0, false // Bind empties the slot
	}
	at := func(seq int64) *packet {
		if seq == p.seq {
			return p // it may be missing in the ring
		}
		return t.ring.at(seq)
	}
	first, live := p, p
	if t.cfg.Kind == media.Video {
		if first = at(t.gop.start); first == nil {
			return 0, false
		}
		if q := at(t.high); q != nil {
			live = q
		}
	}
	e := s.run.place(base(f, b), first, live, s.high.Load()+1)
	s.remember(e)
	s.owner = f
	for seq := first.seq; seq <= t.high; seq++ {
		if q := at(seq); q != nil && (e.has(q) || q.late) {
			s.send(e, q, t.x)
		}
	}
	return e.timestamp(first), true
}

// remember makes e the newest epoch, in a busy section.
func (s *Slot) remember(e *epoch) {
	old := *s.history.Load()
	next := append(make([]*epoch, 0, maxEpochs), e)
	next = append(next, old[:min(len(old), maxEpochs-1)]...)
	s.run.ep = e
	s.history.Store(&next)
}

// deliver sends a packet of the owner's track, in a busy section. It tells whether an epoch has begun: then all up to the
// newest packet are sent.
func (s *Slot) deliver(f *forward, p *packet, x *scratch) (begun bool) {
	e := s.run.ep
	if s.owner != f || e.gen != f.track.gen {
		// The publisher began a new sequence: wait for its key frame as after Show.
		if f.track.begins(p) {
			_, begun = s.begin(f, p)
		}
		if !begun {
			s.stats.broken.Add(1)
		}
		return begun
	}
	if p.num != nil && int32(e.index) != f.level.Load() {
		e = f.climb(e, p)
	}
	if b := s.bound.Load(); e.bound != b && e.has(p) && e.number(p) > s.high.Load() {
		if e = f.rebind(p, b); e == nil {
			return false
		}
	}
	if p.seq < e.first {
		// Late: its number is the slot's only if what was sent before was the same run under another binding or level.
		if e = earlier(*s.history.Load(), p.seq); e == nil {
			s.stats.late.Add(1)
			return false
		}
	}
	if !e.has(p) && !p.late {
		return false
	}
	s.send(e, p, x)
	return false
}

// rebind goes on with the same offsets under a new binding, from p on.
func (f *forward) rebind(p *packet, b *bound) *epoch {
	pay := b.Payload[f.track.cfg.Codec]
	if !pay.Negotiated {
		return nil // Bind empties the slot
	}
	e := *f.slot.run.ep
	e.bound, e.pay, e.first, e.out, e.talk = b, pay, p.seq, e.number(p), false
	f.slot.remember(&e)
	return &e
}

// send rewrites and sends one packet and accounts for it, in a busy section.
func (s *Slot) send(e *epoch, p *packet, x *scratch) {
	out, high := x.fill(e, p), s.high.Load()
	way := x.way(e, out, x.now)
	way.Out = x.out
	if err := s.w.WriteRTP(&x.h, x.payload, way); err != nil {
		s.stats.writeErrors.Add(1)
	}
	switch {
	case out == high+1:
		s.high.Store(out)
	case out > high:
		s.missing.Add(out - high - 1)
		s.high.Store(out)
	default:
		s.missing.Add(-1)
	}
	s.bytes.Add(uint64(len(x.payload)))
	s.run.note(e, p, x.h.Timestamp)
}
