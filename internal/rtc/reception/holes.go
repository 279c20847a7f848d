package reception

const (
	maxHoles  = 256        // missing packets remembered per stream
	maxJump   = 512        // a longer gap is not repaired: a key frame comes sooner
	holeAge   = int64(1e9) // then the packet is given up
	holeTries = 10         // requests per packet
	mostWait  = int64(150e6)
	keepFound = int64(300e6) // how long a packet that came by request may still come by itself
	// Until the first answer to a request.
	firstTrip = int64(50e6)
	firstDev  = int64(12e6)
	// Limits of the pause between two requests.
	leastPause = int64(30e6)
	mostPause  = int64(400e6)
)

// Holes is the packets of one stream that are missing. The zero value is ready; it is not safe for concurrent use.
//
// A packet is asked for as soon as a later one is there, as long as none comes out of order. Where some do, the first
// request waits a little longer than the latest of them was late. It is repeated when the answer has had time to come.
type Holes struct {
	started   bool
	high      uint16
	list      []hole // oldest first
	out       []uint16
	wait      int64 // before the first request
	trip, dev int64 // from a request to the answer, and how that varies; 0 = unknown
	due       int64 // when Due has something, 0 = never
	asked     uint64
	needless  uint64
}

type hole struct {
	seq         uint16
	tries       uint8
	found       bool  // by request
	at          int64 // when it was noticed
	first, last int64 // requests
	next        int64 // when to ask (again)
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
		h.late(seq, now)
	case d > maxJump:
		h.high, h.list, h.due = seq, h.list[:0], 0
	default:
		for s := h.high + 1; s != seq; s++ {
			if len(h.list) == maxHoles {
				h.list = h.list[:copy(h.list, h.list[1:])]
			}
			h.list = append(h.list, hole{seq: s, at: now, next: now + h.wait})
			h.plan(now + h.wait)
		}
		h.high = seq
	}
	return h.due != 0 && now >= h.due
}

// Next is when Due will have something, 0 = never.
func (h *Holes) Next() int64 { return h.due }

// Counts gives how many packets were asked for, each counted once, and how many of them came by themselves after all.
func (h *Holes) Counts() (asked, needless uint64) { return h.asked, h.needless }

func (h *Holes) plan(at int64) {
	if h.due == 0 || at < h.due {
		h.due = at
	}
}

func (h *Holes) find(seq uint16) int {
	for i := range h.list {
		if h.list[i].seq == seq {
			return i
		}
	}
	return -1
}

// late takes a packet that came out of order.
func (h *Holes) late(seq uint16, now int64) {
	i := h.find(seq)
	if i < 0 {
		return
	}
	x := h.list[i]
	h.list = append(h.list[:i], h.list[i+1:]...)
	if x.tries > 0 {
		h.needless++
	}
	if by := now - x.at; by >= h.wait {
		h.wait = min(by+by/4, mostWait)
	} else {
		h.wait -= (h.wait - by) / 256
	}
}

// Got notes that a missing packet has come by request.
func (h *Holes) Got(seq uint16, now int64) {
	i := h.find(seq)
	if i < 0 || h.list[i].found {
		return
	}
	x := &h.list[i]
	if x.tries == 0 { // a probe of the sender's
		h.list = append(h.list[:i], h.list[i+1:]...)
		return
	}
	x.found = true
	h.wait -= h.wait / 128 // this one was not out of order, as it seems
	// Karn's rule: which of several requests is answered is clear only if the last one is too young.
	if x.tries > 1 && now-x.last > h.trip/2 {
		return
	}
	t := now - x.first
	if h.trip == 0 {
		h.trip, h.dev = t, t/2
		return
	}
	h.dev += (max(t-h.trip, h.trip-t) - h.dev) / 4
	h.trip += (t - h.trip) / 8
}

// pause is the time between two requests for one packet, as RFC 6298 §2 has it.
func (h *Holes) pause() int64 {
	trip, dev := h.trip, h.dev
	if trip == 0 {
		trip, dev = firstTrip, firstDev
	}
	return min(max(trip+4*dev, leastPause), mostPause)
}

// Due lists what is to be asked for now; the result is valid until the next call.
func (h *Holes) Due(now int64) []uint16 {
	h.out, h.due = h.out[:0], 0
	keep := h.list[:0]
	pause := h.pause()
	for _, x := range h.list {
		switch {
		case x.found && now-x.at > keepFound, now-x.at > holeAge, x.tries >= holeTries && now >= x.next:
			continue
		case x.found:
		case now >= x.next && x.tries < holeTries:
			if x.tries == 0 {
				x.first = now
				h.asked++
			}
			h.out = append(h.out, x.seq)
			x.tries++
			x.last, x.next = now, now+pause
			h.plan(x.next)
		default:
			h.plan(x.next)
		}
		keep = append(keep, x)
	}
	h.list = keep
	return h.out
}

// Sooner is the earlier one of two times, 0 = never.
func Sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
