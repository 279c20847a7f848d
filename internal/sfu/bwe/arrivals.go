package bwe

import "encoding/binary"

// arrival is one packet that the client has got. Times are in ns, each on the clock of its own side.
type arrival struct {
	seq     uint16
	size    int
	sent    int64
	arrival int64
}

// arrivals reads reports.
type arrivals struct {
	list    []arrival
	started bool
	high    int64 // highest number reported, unwrapped
	epoch   int64 // of the reference times, in units of 64 ms
	lastRef uint32
}

// referenceWrap is the span of a reference time: 24 bits.
const referenceWrap = 1 << 24

// Layout of a report (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const (
	reportType, reportFormat         = 205, 15
	baseAt, countAt, timeAt, chunkAt = 12, 14, 16, 20

	// Statuses of a packet. Any other than the two that come with a delta is as good as lost.
	smallDelta, largeDelta = 1, 2
	deltaUnit              = 250_000 // ns
)

// IsFeedback tells whether an RTCP packet is a transport-wide report.
func IsFeedback(b []byte) bool {
	return len(b) >= chunkAt && b[1] == reportType && b[0]&0x1f == reportFormat
}

// chunk is a run or a vector of statuses.
type chunk uint16

func (c chunk) count() int {
	switch {
	case c&0x8000 == 0:
		return int(c & 0x1fff)
	case c&0x4000 == 0:
		return 14
	}
	return 7
}

func (c chunk) status(i int) uint16 {
	switch {
	case c&0x8000 == 0:
		return uint16(c >> 13 & 3)
	case c&0x4000 == 0:
		return uint16(c >> (13 - i) & 1)
	}
	return uint16(c >> (12 - 2*i) & 3)
}

// read gives the packets that a report says have arrived, how many new ones it says are lost, and how many of the arrived
// ones were reported lost before. What was not sent, or has been reported, is skipped, and so is what is cut off. The list
// is valid until the next call.
func (r *arrivals) read(b []byte, h *History) (list []arrival, lost, back int) {
	r.list = r.list[:0]
	if !IsFeedback(b) {
		return nil, 0, 0
	}
	left := int(binary.BigEndian.Uint16(b[countAt:]))
	deltas := chunkAt
	for n := left; n > 0; deltas += 2 {
		if len(b) < deltas+2 {
			return nil, 0, 0
		}
		n -= max(chunk(binary.BigEndian.Uint16(b[deltas:])).count(), 1)
	}
	w := walk{r: r, h: h, seq: binary.BigEndian.Uint16(b[baseAt:]), deltas: b[deltas:],
		at: r.reference(uint32(b[timeAt])<<16 | uint32(b[timeAt+1])<<8 | uint32(b[timeAt+2]))}
	for at := chunkAt; at < deltas; at += 2 {
		c := chunk(binary.BigEndian.Uint16(b[at:]))
		for i := range min(c.count(), left) {
			if !w.one(c.status(i)) {
				return r.list, w.lost, w.back
			}
		}
		left -= min(c.count(), left)
	}
	return r.list, w.lost, w.back
}

// walk goes through the packets of a report.
type walk struct {
	r          *arrivals
	h          *History
	seq        uint16
	at         int64
	deltas     []byte
	lost, back int
}

// one takes the next packet's status; false if its delta is missing.
func (w *walk) one(status uint16) bool {
	r := w.r
	number := r.unwrap(w.seq)
	fresh := !r.started || number > r.high
	switch {
	case status == smallDelta && len(w.deltas) >= 1:
		w.at += int64(w.deltas[0]) * deltaUnit
		w.deltas = w.deltas[1:]
	case status == largeDelta && len(w.deltas) >= 2:
		w.at += int64(int16(binary.BigEndian.Uint16(w.deltas))) * deltaUnit
		w.deltas = w.deltas[2:]
	case status == smallDelta || status == largeDelta:
		return false
	}
	if status == smallDelta || status == largeDelta {
		if size, sent, ok := w.h.look(w.seq, true); ok {
			r.list = append(r.list, arrival{w.seq, size, sent, w.at})
			if !fresh {
				w.back++
			}
		}
	} else if _, _, ok := w.h.look(w.seq, false); ok && fresh {
		w.lost++
	}
	if fresh {
		r.high, r.started = number, true
	}
	w.seq++
	return true
}

// unwrap continues numbers over the wrap at 16 bits.
func (r *arrivals) unwrap(seq uint16) int64 {
	if !r.started {
		return int64(seq)
	}
	return r.high + int64(int16(seq-uint16(r.high)))
}

// reference turns the reference time of a report into ns on the client's clock.
func (r *arrivals) reference(t uint32) int64 {
	if r.epoch == 0 {
		r.epoch = referenceWrap // room for a time that lies before the first one
	} else if d := int64(int32((t-r.lastRef)<<8) >> 8); int64(r.lastRef)+d >= referenceWrap {
		r.epoch += referenceWrap
	} else if int64(r.lastRef)+d < 0 {
		r.epoch -= referenceWrap
	}
	r.lastRef = t
	return (r.epoch + int64(t)) * 64 * ms
}
