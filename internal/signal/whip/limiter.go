package whip

import (
	"net/netip"
	"sync"
	"time"
)

// maxBuckets bounds a limiter's memory; addresses beyond it share one bucket.
const maxBuckets = 10_000

// limiter allows each address so many requests. It is safe for concurrent use.
type limiter struct {
	rate, burst float64

	mu      sync.Mutex // guards the following
	buckets map[netip.Addr]*bucket
}

// bucket is a token bucket; the zero value is full.
type bucket struct {
	used float64
	at   time.Time
}

func newLimiter(rate, burst float64) *limiter {
	return &limiter{rate: rate, burst: burst, buckets: map[netip.Addr]*bucket{}}
}

// take takes a token of the address (IPv6: of its /64), false if there is none.
func (l *limiter) take(ip netip.Addr, now time.Time) bool {
	if p, err := ip.Prefix(64); err == nil && ip.Is6() && !ip.Is4In6() {
		ip = p.Addr()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[ip]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.sweep(now)
		}
		if len(l.buckets) >= maxBuckets {
			ip = netip.Addr{}
		}
		if b = l.buckets[ip]; b == nil {
			b = &bucket{}
			l.buckets[ip] = b
		}
	}
	return b.take(now, l.rate, l.burst)
}

// sweep forgets addresses whose bucket is full again; l.mu is held.
func (l *limiter) sweep(now time.Time) {
	for ip, b := range l.buckets {
		if b.used <= now.Sub(b.at).Seconds()*l.rate {
			delete(l.buckets, ip)
		}
	}
}

func (b *bucket) take(now time.Time, rate, burst float64) bool {
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.used+1 > burst {
		return false
	}
	b.used++
	return true
}
