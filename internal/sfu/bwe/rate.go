package bwe

const (
	rateSpan  = 500 * ms // over which the rate is measured
	rateSlots = 50
	rateSlot  = rateSpan / rateSlots

	baseSpan  = 10_000 * ms // over which the least delay is the base
	baseSlots = 10
	baseSlot  = baseSpan / baseSlots
)

// rate measures what arrives, by the client's clock.
type rate struct {
	slots [rateSlots]int // bytes
	at    int64          // slot number of the newest, 0 = none
	first int64
	sum   int
}

func (r *rate) note(arrival int64, size int) {
	n := arrival / rateSlot
	if r.at == 0 || n-r.at > 10*rateSlots || r.at-n > 10*rateSlots {
		*r = rate{at: n, first: n}
	}
	for r.at < n {
		r.at++
		p := &r.slots[r.at%rateSlots]
		r.sum -= *p
		*p = 0
	}
	if r.at-n >= rateSlots {
		return
	}
	r.first = min(r.first, n)
	r.slots[n%rateSlots] += size
	r.sum += size
}

// bits is the rate in bit/s. What is younger than the span is measured over at least 100 ms.
func (r *rate) bits() float64 {
	if r.at == 0 {
		return 0
	}
	n := min(max(r.at-r.first+1, rateSlots/5), rateSlots)
	return float64(r.sum) * 8 * 1e9 / float64(n*rateSlot)
}

// base is the least way of a packet lately: what is above it was spent in queues.
type base struct {
	slots [baseSlots]int64
	valid [baseSlots]bool
	at    int64
	least int64 // of all slots
}

// above notes a packet and gives the delay above the base, in ns.
func (b *base) above(a *arrival) int64 {
	way, n := a.arrival-a.sent, a.sent/baseSlot
	if n-b.at > baseSlots {
		*b = base{at: n, least: way}
	}
	if b.at < n {
		for b.at < n {
			b.at++
			b.valid[b.at%baseSlots] = false
		}
		b.least = way
		for i, ok := range b.valid {
			if ok {
				b.least = min(b.least, b.slots[i])
			}
		}
	}
	if i := n % baseSlots; b.at-n < baseSlots && (!b.valid[i] || way < b.slots[i]) {
		b.slots[i], b.valid[i] = way, true
	}
	b.least = min(b.least, way)
	if way-b.least > jumped { // the client's clock has jumped
		*b = base{at: n, least: way}
		return 0
	}
	return way - b.least
}
