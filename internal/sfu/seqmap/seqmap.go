// Package seqmap turns the 16-bit sequence numbers of one publisher into a line of 64-bit numbers without
// the holes that swallowed packets would leave, and recognises duplicates.
package seqmap

// Verdict says what a sequence number turned out to be.
type Verdict uint8

// The verdicts of Map.Put.
const (
	Next      Verdict = iota // ahead of all others
	Filled                   // late, into a hole
	Closed                   // ahead and without payload: taken out of the line, no number given
	Duplicate                // seen before
	Late                     // older than the window, or a stray far away
	Reset                    // like Next, but the publisher began a new sequence
)

const (
	// maxDropout and the rule of two stray packets in sequence are those of RFC 3550 appendix A.1.
	maxDropout = 3000
	// headroom is how many numbers before the first one are accepted, for a beginning out of order.
	headroom = 32
)

// Map is the state of one sequence. It is not safe for concurrent use. The zero Map is not usable.
type Map struct {
	size    int64   // of the window, a power of two
	seen    []bool  // by extended number modulo size
	shift   []int64 // likewise: line number = extended number - shift
	started bool
	fresh   bool  // the next number begins a sequence
	high    int64 // highest extended number
	floor   int64 // lowest acceptable extended number
	cum     int64 // shift of the next number ahead
	stray   uint16
	strayed bool // stray holds the number that would confirm a new sequence
}

// New makes a map that remembers size numbers; size must be a power of two up to 4096.
func New(size int) *Map {
	if size < 2*headroom || size > 4096 || size&(size-1) != 0 {
		panic("seqmap: size must be a power of two from 64 to 4096")
	}
	return &Map{size: int64(size), seen: make([]bool, size), shift: make([]int64, size)}
}

// Restart makes the next number begin a new sequence, whatever it is: the source changed its SSRC.
func (m *Map) Restart() { m.fresh = true }

// Put takes the next received number. empty marks a packet without payload: if it is ahead of the others
// its number is closed up. again marks a retransmission: it never begins a new sequence, for bandwidth
// probes resend packets from before the window. The result is the packet's number on the line, valid
// for Next, Filled and Reset; two different packets never get the same number.
func (m *Map) Put(seq uint16, empty, again bool) (int64, Verdict) {
	if !m.started || m.fresh {
		return m.begin(seq, empty)
	}
	d := int64(int16(seq - uint16(m.high)))
	e := m.high + d
	switch {
	case d > maxDropout || d <= -m.size:
		if again {
			return 0, Late
		}
		if m.strayed && seq == m.stray {
			return m.begin(seq, empty)
		}
		m.stray, m.strayed = seq+1, true
		return 0, Late
	case d <= 0:
		m.strayed = false
		if e < m.floor {
			return 0, Late
		}
		i := e & (m.size - 1)
		if m.seen[i] {
			return 0, Duplicate
		}
		m.seen[i] = true
		return e - m.shift[i], Filled
	}
	m.strayed = false
	return m.advance(e, empty, Next)
}

// advance opens the window up to e.
func (m *Map) advance(e int64, empty bool, v Verdict) (int64, Verdict) {
	for h := max(m.high+1, e-m.size+1); h <= e; h++ {
		i := h & (m.size - 1)
		m.seen[i], m.shift[i] = h == e, m.cum
	}
	m.high = e
	if empty {
		m.cum++
		return 0, Closed
	}
	return e - m.cum, v
}

// begin starts a sequence at seq. The line goes on: its numbers stay unique over all sequences.
func (m *Map) begin(seq uint16, empty bool) (int64, Verdict) {
	if empty { // nothing begins with padding
		m.strayed = false
		return 0, Closed
	}
	v := Next
	next := int64(headroom)
	e := int64(seq) + 1<<16
	if m.started {
		v = Reset
		next = m.high - m.cum + 1 + headroom
		e += (m.high>>16 + 1) << 16
	}
	m.started, m.fresh, m.strayed = true, false, false
	m.cum = e - next
	m.floor = e - headroom
	m.high = m.floor - 1
	return m.advance(e, false, v)
}
