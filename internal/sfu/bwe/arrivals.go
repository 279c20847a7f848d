package bwe

import "github.com/pion/rtcp"

// arrival is one packet that the client has got. Times are in ns, each on the clock of its own side.
type arrival struct {
	number  int64 // unwrapped
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

// read gives the packets that a report says have arrived, how many new ones it says are lost, and how many of the arrived
// ones were reported lost before. What was not sent, or has been reported, is skipped. The list is valid until the next call.
func (r *arrivals) read(cc *rtcp.TransportLayerCC, h *History) (list []arrival, lost, back int) {
	at := r.reference(cc.ReferenceTime)
	r.list = r.list[:0]
	seq, left, delta := cc.BaseSequenceNumber, int(cc.PacketStatusCount), 0
	one := func(symbol uint16) bool {
		if left == 0 {
			return false
		}
		left--
		number := r.unwrap(seq)
		fresh := !r.started || number > r.high
		switch symbol {
		case rtcp.TypeTCCPacketReceivedSmallDelta, rtcp.TypeTCCPacketReceivedLargeDelta:
			if delta >= len(cc.RecvDeltas) || cc.RecvDeltas[delta] == nil {
				return false
			}
			at += cc.RecvDeltas[delta].Delta * 1000
			delta++
			if size, sent, ok := h.look(seq, true); ok {
				r.list = append(r.list, arrival{number, seq, size, sent, at})
				if !fresh {
					back++
				}
			}
		default:
			if _, _, ok := h.look(seq, false); ok && fresh {
				lost++
			}
		}
		if fresh {
			r.high, r.started = number, true
		}
		seq++
		return true
	}
	for _, c := range cc.PacketChunks {
		switch c := c.(type) {
		case *rtcp.RunLengthChunk:
			for range c.RunLength {
				if !one(c.PacketStatusSymbol) {
					break
				}
			}
		case *rtcp.StatusVectorChunk:
			for _, s := range c.SymbolList {
				if !one(s) {
					break
				}
			}
		}
	}
	return r.list, lost, back
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
