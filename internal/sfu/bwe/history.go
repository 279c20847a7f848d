package bwe

import "sync/atomic"

// historySize is how many packets are remembered; a power of two.
const historySize = 2048

// History is what was sent lately, by transport-wide number. It is written and read without a lock: each entry is one word,
// 40 bits of time in units of 1 µs, 12 bits of size, 5 bits of the number's upper part and one that says it is there.
type History struct{ list [historySize]atomic.Uint64 }

const (
	timeBits = 44
	sizeBits = 12
	timeMask = 1<<timeBits - 1
	sizeMask = 1<<sizeBits - 1
	present  = 1 << 63
)

func upper(seq uint16) uint64 { return uint64(seq/historySize) << (timeBits + sizeBits) }

func (h *History) put(seq uint16, size int, at int64) {
	h.list[seq%historySize].Store(present | upper(seq) | uint64(min(size, sizeMask))<<timeBits | uint64(at/1000)&timeMask)
}

// look finds a packet; take also forgets it, so that it counts once.
func (h *History) look(seq uint16, take bool) (size int, at int64, ok bool) {
	p := &h.list[seq%historySize]
	v := p.Load()
	if v&present == 0 || v&(upper(1<<16-1)) != upper(seq) {
		return 0, 0, false
	}
	if take && !p.CompareAndSwap(v, 0) {
		return 0, 0, false
	}
	return int(v >> timeBits & sizeMask), int64(v&timeMask) * 1000, true
}
