package live

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"veche.example/internal/media"
)

const (
	// present: who asked no longer ago than that is a viewer.
	present = 10 * time.Second
	// maxViewers are told apart; more are not counted.
	maxViewers = 50_000
)

var seed = maphash.MakeSeed()

// audience counts who plays an output: clients are told apart by address and program, or by the id that they send.
type audience struct {
	mu   sync.Mutex // guards the following
	seen map[uint64]int64
	due  int64 // of the next sweep
}

// note remembers the client of a request.
func (a *audience) note(r *http.Request, ip netip.Addr) {
	var h maphash.Hash
	h.SetSeed(seed)
	b := ip.As16()
	_, _ = h.Write(b[:]) // never fails
	_, _ = h.WriteString(r.UserAgent())
	id, now := h.Sum64(), media.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[uint64]int64{}
	}
	if now > a.due {
		a.due = now + int64(present)
		a.sweep(now)
	}
	if _, known := a.seen[id]; known || len(a.seen) < maxViewers {
		a.seen[id] = now
	}
}

// sweep forgets who has gone; mu is held.
func (a *audience) sweep(now int64) {
	for id, at := range a.seen {
		if now-at > int64(present) {
			delete(a.seen, id)
		}
	}
}

// count is how many there are.
func (a *audience) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweep(media.Now())
	return len(a.seen)
}
