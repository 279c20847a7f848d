package bwe

import "math"

const (
	// lossLow allows growth, lossHigh demands a reduction (draft-ietf-rmcat-gcc-02 §6).
	lossLow, lossHigh = 0.02, 0.10
	// lossOwn is the most that is taken for the link's own.
	lossOwn = 0.30
	// lossSlot and lossSlots are over what is measured: 1 s.
	lossSlot, lossSlots = 100 * ms, 10
	// lossLeast is how many packets say something.
	lossLeast = 20
	// lossForget is how fast the link's own loss follows when less is lost: as a time constant.
	lossForget = 4000 * ms
	// lossKeep is a target in bit/s, speech and the least pictures of some people, below which loss that can be the link's own
	// reduces nothing: so few packets say too little. Whether they queue up they still say.
	lossKeep = 250_000
)

// loss measures what is lost, and what part of that sending less would save.
type loss struct {
	got, lost [lossSlots]int
	at        int64
	own       float64 // of the link, whatever is sent
	ownAt     int64
	cutAt     int64
	// While reductions follow each other: where they began.
	from, share0 float64
}

func (l *loss) note(got, lost, back int, now int64) {
	l.turn(now)
	l.got[l.at%lossSlots] += got
	l.lost[l.at%lossSlots] += lost - back // a packet that was only late is not lost
}

func (l *loss) turn(now int64) {
	n := now / lossSlot
	if n-l.at > lossSlots {
		l.got, l.lost, l.at = [lossSlots]int{}, [lossSlots]int{}, n
	}
	for l.at < n {
		l.at++
		l.got[l.at%lossSlots], l.lost[l.at%lossSlots] = 0, 0
	}
}

// count sums the last slots.
func (l *loss) count(now int64, slots int64) (got, lost int) {
	l.turn(now)
	for i := range slots {
		n := (l.at - i + lossSlots) % lossSlots
		got, lost = got+l.got[n], lost+l.lost[n]
	}
	return got, max(lost, 0)
}

// share is the part lost in the last second.
func (l *loss) share(now int64) float64 {
	got, lost := l.count(now, lossSlots)
	if got+lost == 0 {
		return 0
	}
	return float64(lost) / float64(got+lost)
}

// excess is what is lost beyond the link's own loss.
func (l *loss) excess(now int64) float64 {
	return max(l.share(now)-l.own, 0) / (1 - l.own)
}

// lift forgets what was learned by reductions: more has got through.
func (l *loss) lift() { l.from = 0 }

// cut is by what the target is to be multiplied; 1 = nothing. More than 1 gives back what reductions have taken that saved nothing.
// keep is below what it is not to be reduced.
func (l *loss) cut(now int64, target float64, rtt int64) (by, keep float64) {
	share := l.share(now)
	l.forget(share, now)
	if now-l.cutAt < between+100*ms+rtt {
		return 1, 0
	}
	// What followed the last reduction, or the last second if that is longer ago.
	slots := min(max((now-l.cutAt-rtt)/lossSlot, 2), lossSlots)
	got, lost := l.count(now, slots)
	if got+lost < lossLeast || lost < 3 {
		return 1, 0
	}
	recent := float64(lost) / float64(got+lost)
	excess := max(recent-l.own, 0) / (1 - l.own)
	if excess < lossHigh || recent-chance(l.own, got+lost) < l.own {
		if now-l.cutAt > 3000*ms {
			l.from = 0
		}
		return 1, 0
	}
	if l.from == 0 || recent > l.share0 {
		l.from, l.share0 = target, recent
	}
	if target < 0.65*l.from && recent > 0.7*l.share0 && recent < lossOwn {
		by = l.from / target
		l.own, l.from = max(share, recent), 0 // less was sent and as much was lost
		return by, 0
	}
	l.cutAt = now
	if recent-chance(recent, got+lost) < lossOwn {
		keep = min(lossKeep, target)
	}
	return 1 - 0.5*excess, keep
}

// forget lets the link's own loss follow when less is lost than that: slowly, since a second of few packets says little.
func (l *loss) forget(share float64, now int64) {
	if dt := float64(min(now-l.ownAt, lossForget)); share < l.own {
		l.own += (share - l.own) * dt / float64(lossForget)
	}
	l.ownAt = now
}

// chance is how far a share of n packets is from the true one by chance alone: two standard deviations.
func chance(share float64, n int) float64 { return 2 * math.Sqrt(share*(1-share)/float64(n)) }
