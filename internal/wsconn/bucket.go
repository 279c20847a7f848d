package wsconn

// bucket limits messages: a token bucket, and the count of those that came without a token.
type bucket struct {
	rate, burst float64
	offences    int // that end the connection
	tokens      float64
	last        int64 // ns, of the previous message
	refused     int   // in a row: no pause of a second between them
	refusedAt   int64
}

// verdict is what becomes of a message.
type verdict uint8

const (
	pass verdict = iota
	limited
	banned
)

const second = 1e9 // ns

func newBucket(l Limits) bucket {
	return bucket{rate: l.Rate, burst: float64(l.Burst), offences: l.Offences, tokens: float64(l.Burst)}
}

// take judges a message that comes at now. Tokens that drip in between do not forgive: a flood is
// one row although every n-th of its messages passes.
func (b *bucket) take(now int64) verdict {
	b.tokens = min(b.burst, b.tokens+float64(now-b.last)*b.rate/second)
	b.last = now
	if b.tokens >= 1 {
		b.tokens--
		return pass
	}
	if now-b.refusedAt > second {
		b.refused = 0
	}
	b.refusedAt = now
	if b.refused++; b.refused >= b.offences {
		return banned
	}
	return limited
}
