package sfu

import (
	"sync"
	"sync/atomic"

	"veche.example/internal/sfu/codec"
)

const (
	// keyRepeat is when a request for a key frame is repeated, keySpan the time with at most two.
	keyRepeat = int64(400e6)
	keySpan   = int64(1000e6)
	// keyPatience is how long a request is repeated without being renewed.
	keyPatience = int64(5e9)
	// gopMax and gopAge bound the group of pictures that a slot may begin with.
	gopMax = 200
	gopAge = int64(1e9)
	// longMax and longAge are the same for a publisher that cannot be asked for a key frame: an encoder that pushes one
	// every few seconds. A burst then is better than as many seconds without a picture.
	longMax = videoRing - 24
	longAge = int64(12e9)
)

// keyAsker merges the wishes of all slots for a key frame of one track: at most two requests in any
// second, repeated until a key frame comes.
type keyAsker struct {
	up     Upstream
	wanted atomic.Int64 // when somebody last asked for a key frame that has not come; 0 = nobody waits
	due    atomic.Int64 // no request before
	sent   counter
	merged counter

	mu           sync.Mutex // guards the following
	last, before int64      // the two last requests
	any, two     bool       // they are valid
}

// ask notes a wish and acts on it if the limit allows, else later by repeat.
func (k *keyAsker) ask(now int64) {
	if k.up == nil {
		return
	}
	k.wanted.Store(max(now, 1))
	if !k.fire(now) {
		k.merged.Add(1)
	}
}

// renew keeps a wish alive without counting it again.
func (k *keyAsker) renew(now int64) {
	if k.up != nil {
		k.wanted.Store(max(now, 1))
		k.repeat(now)
	}
}

// repeat asks again if that is due; cheap when nobody waits.
func (k *keyAsker) repeat(now int64) {
	w := k.wanted.Load()
	if w == 0 || now < k.due.Load() {
		return
	}
	if now-w > keyPatience {
		k.wanted.CompareAndSwap(w, 0)
		return
	}
	k.fire(now)
}

// came ends the wish.
func (k *keyAsker) came() {
	if k.wanted.Load() != 0 {
		k.wanted.Store(0)
	}
}

func (k *keyAsker) fire(now int64) bool {
	k.mu.Lock()
	if k.any && now < k.due.Load() {
		k.mu.Unlock()
		return false
	}
	k.before, k.two = k.last, k.any
	k.last, k.any = now, true
	due := now + keyRepeat
	if k.two {
		due = max(due, k.before+keySpan)
	}
	k.due.Store(due)
	k.mu.Unlock()
	k.sent.Add(1)
	k.up.RequestKeyFrame()
	return true
}

// gop is where the newest group of pictures begins; the writer's goroutine owns it, but for at.
type gop struct {
	long    bool // nobody can be asked for a key frame
	ok      bool
	start   int64 // track's number of the first packet
	ts      uint32
	arrival int64
	rank    codec.Rank   // the highest seen, see codec.Rank
	at      atomic.Int64 // arrival while the group may be replayed, else 0
}

// note looks whether p begins a group, high being the newest packet. It tells whether that is news.
func (g *gop) note(p *packet, high int64) bool {
	news := false
	if rank := p.info.Rank; rank != codec.Delta && rank >= g.rank {
		switch {
		case rank > g.rank || !g.ok || p.seq > g.start && p.ts != g.ts:
			g.ok, g.start, g.ts, g.arrival, g.rank = true, p.seq, p.ts, p.arrival, rank
			news = true
		case p.ts == g.ts && p.seq < g.start:
			g.start = p.seq // packets of the key frame changed places
		}
	}
	at, most := int64(0), int64(gopMax)
	if g.long {
		most = longMax
	}
	if g.ok && high-g.start < most {
		at = max(g.arrival, 1)
	}
	if g.at.Load() != at {
		g.at.Store(at)
	}
	return news
}

// reset forgets the groups of a sequence that ended.
func (g *gop) reset() {
	g.ok, g.rank = false, codec.Delta
	g.at.Store(0)
}

// fresh tells whether a slot may begin with the group now; any goroutine may ask.
func (g *gop) fresh(now int64) bool {
	at, age := g.at.Load(), gopAge
	if g.long {
		age = longAge
	}
	return at != 0 && now-at <= age
}
