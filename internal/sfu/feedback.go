package sfu

import (
	"sync"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
)

const (
	// nackAge is how old a packet may be to be sent again, where the round trip is short. Over a long one it may be as old as
	// it is after being lost twice (nackTrips), but never older than nackOldest: by then a key frame was asked for.
	nackAge    = int64(1e9)
	nackTrips  = 3
	nackOldest = int64(3e9)
	// nackPause is when a packet may be sent again at the earliest, where the round trip is shorter or unknown.
	nackPause = int64(20e6)
	// nackMax bounds the retransmissions that one call of HandleRTCP can cause.
	nackMax = 512
	// recents is how many retransmissions are remembered; a power of two.
	recents = 256
	// maxRTT: a longer round trip is a wrong report.
	maxRTT = int64(10e9)
)

// feedback is what a slot knows from its subscriber.
type feedback struct {
	mu     sync.Mutex // guards the following
	seq    int64      // index of the last packet of the RTX stream
	pad    int64      // number of the last packet that Pad has repeated
	recent *[recents]resent
	lossy  float64
	lost   int64
	jitter uint32
	rtt    int64
	at     int64
}

// resent is when a packet was last sent again.
type resent struct{ out, at int64 }

// HandleRTCP takes feedback of the subscriber: NACK is answered from the track's ring, PLI and FIR ask the
// publisher for a key frame, reception reports go into Stats. Blocks about other SSRCs are skipped.
func (s *Slot) HandleRTCP(packets []rtcp.Packet) {
	now := s.now()
	b := s.bound.Load()
	budget := nackMax
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			if p.MediaSSRC == b.SSRC {
				budget = s.nack(p.Nacks, budget, now)
			}
		case *rtcp.PictureLossIndication:
			if p.MediaSSRC == b.SSRC {
				s.refresh(now)
			}
		case *rtcp.FullIntraRequest:
			for _, f := range p.FIR { // RFC 5104 §4.3.1.1: the target is in the entry
				if f.SSRC == b.SSRC {
					s.refresh(now)
					break
				}
			}
		case *rtcp.ReceiverReport:
			s.reports(p.Reports, b, now)
		case *rtcp.SenderReport:
			s.reports(p.Reports, b, now)
		}
	}
}

// refresh asks for a key frame of what the slot sends.
func (s *Slot) refresh(now int64) {
	s.stats.keyFrameRequests.Add(1)
	if f := s.state.Load().cur; f != nil && s.kind == media.Video {
		f.track.key.ask(now)
	}
}

// reports takes the reception report about the slot's stream (RFC 3550 §6.4.1).
func (s *Slot) reports(list []rtcp.ReceptionReport, b *bound, now int64) {
	for i := range list {
		r := &list[i]
		if r.SSRC != b.SSRC {
			continue
		}
		if b.mid != nil { // RFC 8843 §9.2: the subscriber has tied the SSRC to its section
			s.bound.CompareAndSwap(b, &bound{Binding: b.Binding})
		}
		fb := &s.feedback
		fb.mu.Lock()
		fb.lossy, fb.jitter, fb.at = float64(r.FractionLost)/256, r.Jitter, max(now, 1)
		fb.lost = int64(int32(r.TotalLost<<8) >> 8) // signed 24 bits
		if rtt, ok := roundTrip(r, now); ok {
			fb.rtt = rtt
		}
		fb.mu.Unlock()
	}
}

// roundTrip computes it from the middle 32 bits of the NTP time in our sender report.
func roundTrip(r *rtcp.ReceptionReport, now int64) (int64, bool) {
	if r.LastSenderReport == 0 {
		return 0, false
	}
	mid := uint32(ntpTime(media.Wall(now)) >> 16)
	units := int64(int32(mid - r.LastSenderReport - r.Delay))
	rtt := units * 1e9 >> 16
	return max(rtt, 0), units > -66 && rtt < maxRTT // 1 ms of rounding and clock slack
}

// nack sends packets again and returns what is left of the budget.
func (s *Slot) nack(pairs []rtcp.NackPair, budget int, now int64) int {
	if len(pairs) == 0 {
		return budget
	}
	x := spares.Get().(*scratch)
	defer spares.Put(x)
	fb := &s.feedback
	fb.mu.Lock()
	defer fb.mu.Unlock()
	if fb.recent == nil {
		fb.recent = new([recents]resent)
	}
	for i := range pairs {
		pairs[i].Range(func(seq uint16) bool {
			s.stats.nacked.Add(1)
			if budget == 0 {
				s.stats.nackExcess.Add(1)
				return true
			}
			budget--
			s.resend(seq, x, now)
			return true
		})
	}
	return budget
}

// resend sends one packet again: wrapped (RFC 4588) where the section negotiated that, else exactly as
// before. feedback.mu is held.
func (s *Slot) resend(seq uint16, x *scratch, now int64) {
	high := s.high.Load()
	d := int64(int16(seq - uint16(high)))
	out := high + d
	e := past(*s.history.Load(), out)
	// A number that was not sent yet must not be used before its packet.
	// One that is numbered transport-wide cannot be sent again under its own number: that would be another packet with the
	// same nonce (RFC 7714 §8.1).
	own := e != nil && (e.pay.RTX == 0 || e.bound.RTXSSRC == 0)
	if d > 0 || e == nil || own && e.bound.TransportExt != 0 || !e.read(out, x) {
		s.stats.nackUnknown.Add(1)
		return
	}
	p := &x.src
	fb := &s.feedback
	if now-p.arrival > min(max(nackAge, nackTrips*fb.rtt), nackOldest) {
		s.stats.nackOld.Add(1)
		return
	}
	last := &fb.recent[out&(recents-1)]
	// Receivers repeat a request after one round trip as they measure it.
	if last.out == out && last.at != 0 && now-last.at < max(nackPause, fb.rtt*3/4) {
		s.stats.nackRecent.Add(1)
		return
	}
	last.out, last.at = out, max(now, 1)
	x.fill(e, p)
	payload, way := x.payload, x.way(e, out, now)
	if !own {
		fb.seq++
		payload, way.Index = x.wrap(e, uint16(fb.seq)), fb.seq
	}
	s.stats.retransmitted.Add(1)
	s.stats.retransmitBytes.Add(uint64(len(payload)))
	if err := s.w.WriteRTP(&x.h, payload, way); err != nil {
		s.stats.writeErrors.Add(1)
	}
}

// Stats is a snapshot of the counters.
func (s *Slot) Stats() SlotStats {
	c := &s.stats
	st := SlotStats{
		Packets: uint64(max(s.high.Load()-s.missing.Load(), 0)), Bytes: s.bytes.Load(),
		Retransmitted: c.retransmitted.Load(), RetransmitBytes: c.retransmitBytes.Load(),
		Nacked: c.nacked.Load(), NackUnknown: c.nackUnknown.Load(), NackOld: c.nackOld.Load(),
		NackRecent: c.nackRecent.Load(), NackExcess: c.nackExcess.Load(),
		KeyFrameRequests: c.keyFrameRequests.Load(), Switches: c.switches.Load(), LevelSwitches: c.levels.Load(),
		Late: c.late.Load(), Broken: c.broken.Load(), WriteErrors: c.writeErrors.Load(),
	}
	if history := *s.history.Load(); len(history) > 0 {
		st.Level = levelAt(int(history[0].index))
	}
	fb := &s.feedback
	fb.mu.Lock()
	defer fb.mu.Unlock()
	st.FractionLost, st.Lost, st.Jitter, st.RTT, st.ReportedAt = fb.lossy, fb.lost, fb.jitter, fb.rtt, fb.at
	return st
}
