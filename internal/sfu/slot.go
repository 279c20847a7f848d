package sfu

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
)

// Slot is one RTP section towards a subscriber, one half of a seat. It has one SSRC for its whole life; what it
// shows is switched by rewriting.
//
// Who may send by a slot is decided without a lock. state names the owner; its goroutine, the one that
// calls Write of the owner's track, raises busy, looks at state again, sends if it is still the owner, and
// lowers busy. Who takes the slot away replaces state first and then waits until busy is 0: from then on
// it alone may touch what belongs to the busy section. A switch is a change of state by the goroutine of
// the new track, when its key frame is there; a new ownership is allocated for each change, so that a
// comparison of pointers never mistakes an old one for a new one.
//
// All methods are safe for concurrent use. None may be called by a Writer.
type Slot struct {
	kind     media.Kind
	w        Writer
	now      func() int64
	state    atomic.Pointer[ownership] // never nil
	busy     atomic.Int32              // busy sections open or being tried
	bound    atomic.Pointer[bound]     // never nil
	history  atomic.Pointer[[]*epoch]  // newest first; never nil
	high     atomic.Int64              // highest outgoing number, written in busy sections
	missing  atomic.Int64              // high - missing = packets sent, written in busy sections
	bytes    counter                   // likewise
	onSwitch atomic.Pointer[func(*Track, uint32)]
	stats    slotCounters
	feedback feedback

	// The following belongs to the busy section.
	run   run
	owner *forward // whose epoch run.ep is

	mu      sync.Mutex // serialises control; guards the following
	want    *Track
	level   Level // of want
	paused  bool
	closed  bool
	binding Binding
}

// ownership is who sends by a slot and who will once it has a key frame. It is immutable.
type ownership struct{ cur, pend *forward }

// bound is a Binding made ready for the packet path. It is immutable.
type bound struct {
	Binding
	mid []byte // to send with each packet; nil once the subscriber knows the SSRC
}

// maxMID is the longest mid that a one-byte header extension carries (RFC 8285 §4.2).
const maxMID = 16

// NewSlot makes an empty, unbound slot that sends by w.
func NewSlot(kind media.Kind, w Writer) *Slot {
	s := &Slot{kind: kind, w: w, now: media.Now}
	s.state.Store(new(ownership))
	s.bound.Store(new(bound))
	s.history.Store(new([]*epoch))
	// RFC 3550 §5.1: random beginnings; RFC 3711 §3.3.1: a low sequence number keeps the first wrap away
	// from a receiver that misses the first packets.
	high := int64(rand.Uint32() & 0x7fff)
	s.high.Store(high)
	s.missing.Store(high)
	s.run.ts, s.run.pid, s.run.dd = rand.Uint32(), uint16(rand.Uint32()&0x7fff), uint16(rand.Uint32())
	s.feedback.seq = int64(rand.Uint32() & 0x7fff)
	return s
}

// Kind is the kind given at creation.
func (s *Slot) Kind() media.Kind { return s.kind }

// Bind sets what a negotiation fixed, again after each renegotiation. What flows goes on if its codec is
// still negotiated, else the slot becomes Empty and the caller may Show again. The SSRC must not change.
func (s *Slot) Bind(b Binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || b == s.binding {
		return
	}
	s.binding = b
	next := &bound{Binding: b}
	if b.MIDExt != 0 && b.MID != "" && len(b.MID) <= maxMID {
		next.mid = []byte(b.MID)
	}
	s.bound.Store(next)
	st := s.state.Load()
	lost := s.want != nil && !b.Payload[s.want.cfg.Codec].Negotiated
	for _, f := range []*forward{st.cur, st.pend} {
		lost = lost || f != nil && !b.Payload[f.track.cfg.Codec].Negotiated
	}
	if lost {
		s.want = nil
		s.clear()
	}
}

// Show switches the slot to t, nil for nothing. A video slot goes on with what it shows until a key frame of t
// is there, which is asked for unless t has a short and recent group of pictures; an audio slot falls silent until
// the next packet of t. Show returns at once; OnSwitch tells when t flows. If t cannot be shown, the slot becomes
// Empty, lest it show somebody else than the caller believes: ErrCodec if the section has no payload type for t's
// codec, ErrClosed if t is closed. ErrKind leaves the slot as it was. A paused slot remembers t until it resumes.
// Show first when the transport is connected, or the key frame is lost on it.
func (s *Slot) Show(t *Track) error { return s.ShowAt(t, Top) }

// ShowAt is Show with no more of t than l. For the track that is shown already it changes the level, without a gap: down
// at the next picture that both levels have, up in time at the next switching point, up in size at the next key
// frame, which is asked for. SlotStats.Level is what flows. A level that the track does not have is its top.
func (s *Slot) ShowAt(t *Track, l Level) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case t == nil:
		s.want = nil
		s.clear()
		return nil
	case t.cfg.Kind != s.kind:
		return ErrKind
	}
	s.want = nil
	if !s.bound.Load().Payload[t.cfg.Codec].Negotiated {
		s.clear()
		return ErrCodec
	}
	if t.cfg.Codec == media.AV1 && s.binding.DDExt == 0 {
		l.Spatial = 0 // without the descriptor a receiver takes the layers of a picture for pictures
	}
	if !s.paused && !s.await(t, l) {
		s.clear()
		return ErrClosed
	}
	s.want, s.level = t, l
	return nil
}

// await makes t the pending or current track; false if t is closed. mu is held.
func (s *Slot) await(t *Track, l Level) bool {
	for {
		st := s.state.Load()
		switch {
		case st.pend != nil && st.pend.track == t:
			st.pend.wish(l, s.now())
			return true
		case st.cur != nil && st.cur.track == t:
			st.cur.wish(l, s.now())
			st.cur.rise(s.now())
			if st.pend == nil {
				return true
			}
			if s.state.CompareAndSwap(st, &ownership{cur: st.cur}) {
				st.pend.track.detach(st.pend)
				return true
			}
			continue // the pending track took over just now
		}
		f := &forward{slot: s, track: t}
		f.level.Store(int32(l.index()))
		if !t.attach(f) {
			return false
		}
		next := &ownership{cur: st.cur, pend: f}
		if s.kind == media.Audio {
			next.cur = nil
		}
		if !s.state.CompareAndSwap(st, next) {
			t.detach(f)
			continue
		}
		s.idle()
		if st.pend != nil {
			st.pend.track.detach(st.pend)
		}
		if st.cur != nil && next.cur == nil {
			st.cur.track.detach(st.cur)
		}
		if now := s.now(); s.kind == media.Video && !t.gop.fresh(now) {
			t.key.ask(now)
		}
		return true
	}
}

// clear stops all sending. mu is held.
func (s *Slot) clear() {
	st := s.state.Swap(new(ownership))
	s.idle()
	s.owner = nil
	for _, f := range []*forward{st.cur, st.pend} {
		if f != nil {
			f.track.detach(f)
		}
	}
}

// forget drops f because its track is closed.
func (s *Slot) forget(f *forward) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		st := s.state.Load()
		next := *st
		if next.cur == f {
			next.cur = nil
		}
		if next.pend == f {
			next.pend = nil
		}
		if next == *st {
			break // turned away already
		}
		if s.state.CompareAndSwap(st, &next) {
			s.idle()
			if next == (ownership{}) { // nobody can enter
				s.owner = nil
			}
			break
		}
	}
	if s.want == f.track {
		s.want = nil
	}
}

// Pause stops a video slot (true) or lets it go on (false) with the track that was shown last, from a key frame.
// Audio slots are never paused.
func (s *Slot) Pause(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.kind != media.Video || s.paused == paused {
		return
	}
	s.paused = paused
	if paused {
		s.clear()
	} else if s.want != nil && !s.await(s.want, s.level) {
		s.want = nil
	}
}

// OnSwitch sets the function that is told once per finished switch, a resumption included: t flows, and its
// first packet has the RTP timestamp firstRTP. It runs on the goroutine that calls t.Write, outside of the busy
// section, and must not block.
func (s *Slot) OnSwitch(f func(t *Track, firstRTP uint32)) {
	if f == nil {
		s.onSwitch.Store(nil)
		return
	}
	s.onSwitch.Store(&f)
}

// Tick renews the request for a key frame while the slot waits for one. The owner of the slot calls it every
// 100 to 200 ms with media.Now.
func (s *Slot) Tick(now int64) {
	if s.kind != media.Video {
		return
	}
	switch st := s.state.Load(); {
	case st.pend == nil && st.cur != nil:
		st.cur.rise(now)
	case st.pend != nil && !st.pend.track.gop.fresh(now):
		st.pend.track.key.renew(now)
	}
}

// Status says what the slot does now.
func (s *Slot) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state.Load()
	switch {
	case s.want == nil:
		return Empty
	case s.paused:
		return Paused
	case st.pend != nil:
		return Waiting
	}
	return Live
}

// Close empties the slot for good; nothing is sent after it returns, but for retransmissions that run at the
// moment. Idempotent.
func (s *Slot) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.want = true, nil
	s.clear()
	s.bound.Store(new(bound)) // no retransmission finds its payload type
	s.history.Store(new([]*epoch))
	s.onSwitch.Store(nil)
}

// SenderReport makes the sender report of the slot at now (media.Now): the publisher's own mapping of capture to
// RTP time, moved to the server's clock and the slot's time line, so that the two slots of a seat stay in sync.
// It is false while nothing flows or the publisher has not reported.
func (s *Slot) SenderReport(now int64) (*rtcp.SenderReport, bool) {
	history := *s.history.Load()
	if s.state.Load().cur == nil || len(history) == 0 {
		return nil, false
	}
	e := history[0]
	ts, ok := e.line.rtpAt(now)
	if !ok {
		return nil, false
	}
	return &rtcp.SenderReport{
		SSRC:        e.bound.SSRC,
		NTPTime:     ntpTime(media.Wall(now)),
		RTPTime:     ts + e.tsOff,
		PacketCount: uint32(s.high.Load() - s.missing.Load()),
		OctetCount:  uint32(s.bytes.Load()),
	}, true
}
