package turnd

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Requests of clients without allocation are answered before anything is known of them: with a 401 or a binding response,
// longer than the request. A bucket per source bounds that. A dozen people behind one NAT who join at once fit.
const (
	limiterRate  = 50  // requests per second
	limiterBurst = 200 // at once
	failureCost  = 5   // of a request with wrong credentials, on top

	limiterSlots = 4096
)

// limiter is a fixed table of token buckets indexed by a keyed hash of the source. Sources that share a slot share its
// bucket; in return nothing grows, whatever addresses are forged.
type limiter struct {
	seed  maphash.Seed
	mu    sync.Mutex // guards slots
	slots [limiterSlots]bucket
}

type bucket struct {
	tokens float64
	when   time.Time
}

func newLimiter() *limiter { return &limiter{seed: maphash.MakeSeed()} }

// take uses up cost tokens of a source and reports whether there were any. A debt of at most one burst is kept.
func (l *limiter) take(ip netip.Addr, now time.Time, cost float64) bool {
	i := maphash.Comparable(l.seed, subnet(ip)) % limiterSlots
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &l.slots[i]
	if b.when.IsZero() {
		b.tokens = limiterBurst
	} else if gone := now.Sub(b.when).Seconds(); gone > 0 {
		b.tokens = min(limiterBurst, b.tokens+gone*limiterRate)
	}
	b.when = now
	if b.tokens < 1 && cost == 1 {
		return false
	}
	b.tokens = max(-limiterBurst, b.tokens-cost)
	return true
}

// subnet is what limits count: one customer has a whole IPv6 /64.
func subnet(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}
