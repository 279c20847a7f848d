package reception

const (
	maxHoles  = 256         // missing packets remembered per stream
	maxJump   = 512         // a longer gap is not repaired: a key frame comes sooner
	holeAge   = int64(1e9)  // then the packet is given up
	holeTries = 8           // requests per packet
	holePause = int64(40e6) // between two requests, growing
)

// Holes is the packets of one stream that are missing. The zero List is ready; it is not safe for concurrent use.
type Holes struct {
	started bool
	high    uint16
	list    []hole // oldest first
	out     []uint16
}

type hole struct {
	seq      uint16
	tries    uint8
	at, next int64
}

// Note takes the number of a packet that arrived now, in ns; true if something may be due.
func (h *Holes) Note(seq uint16, now int64) bool {
	if !h.started {
		h.started, h.high = true, seq
		return false
	}
	d := int(int16(seq - h.high))
	switch {
	case d <= 0:
		h.Got(seq)
	case d > maxJump:
		h.high, h.list = seq, h.list[:0]
	default:
		for s := h.high + 1; s != seq; s++ {
			if len(h.list) == maxHoles {
				h.list = h.list[:copy(h.list, h.list[1:])]
			}
			h.list = append(h.list, hole{seq: s, at: now, next: now})
		}
		h.high = seq
	}
	return len(h.list) > 0
}

// Got notes that a packet is there.
func (h *Holes) Got(seq uint16) {
	for i := range h.list {
		if h.list[i].seq == seq {
			h.list = append(h.list[:i], h.list[i+1:]...)
			return
		}
	}
}

// Due lists what is to be asked for now; the result is valid until the next call.
func (h *Holes) Due(now int64) []uint16 {
	h.out = h.out[:0]
	keep := h.list[:0]
	for _, x := range h.list {
		if now-x.at > holeAge || x.tries >= holeTries {
			continue
		}
		if now >= x.next {
			h.out = append(h.out, x.seq)
			x.tries++
			x.next = now + holePause*int64(x.tries)
		}
		keep = append(keep, x)
	}
	h.list = keep
	return h.out
}
