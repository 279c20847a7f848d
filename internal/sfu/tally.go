package sfu

import (
	"sync/atomic"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
)

// counts is, for each level, how much of a line up to a place belongs to it.
type counts [levels]int64

// tally counts the places of a line by level. What is missing counts in every level until it is known not to belong,
// which is too late: numbers that slots have given on the strength of it stay as they are, so that every slot of a level
// gives the same numbers at any time. Before the tally began, everything counted in every level.
//
// The goroutine that writes to the track owns it; others may only ask where.
type tally struct {
	mask int64
	high int64    // highest place counted
	at   []counts // by place
	// back is the inverse: by level and count, the place that brought the level there.
	back [levels][]atomic.Int64
}

// newTally makes a tally of the last size places, a power of two, on a line that is at high. inverse makes where work.
func newTally(size int, high int64, inverse bool) *tally {
	t := &tally{mask: int64(size - 1), high: high, at: make([]counts, size)}
	if inverse {
		for l := range t.back {
			t.back[l] = make([]atomic.Int64, size)
		}
	}
	for n := high - t.mask; n <= high; n++ {
		for l := range levels {
			t.at[n&t.mask][l] = n
			if inverse {
				t.back[l][n&t.mask].Store(n)
			}
		}
	}
	return t
}

// note counts a place that belongs to the level of the given layers and to all that have more; nil if the place is
// older than what is remembered.
func (t *tally) note(n int64, spatial, temporal uint8) *counts {
	if n <= t.high {
		if n < t.high-t.mask {
			return nil
		}
		return &t.at[n&t.mask]
	}
	c := t.at[t.high&t.mask]
	from := t.high + 1
	if skip := n - t.mask - from; skip > 0 { // more are missing than there is room for
		for l := range c {
			c[l] += skip
		}
		from += skip
	}
	for m := from; m <= n; m++ {
		for l := range c {
			if m == n && (l/layersMax < int(spatial) || l%layersMax < int(temporal)) {
				continue
			}
			c[l]++
			if t.back[l] != nil {
				t.back[l][c[l]&t.mask].Store(m)
			}
		}
		t.at[m&t.mask] = c
	}
	t.high = n
	return &t.at[n&t.mask]
}

// where is the place that has brought the count of a level to k, or another one if that is long ago.
func (t *tally) where(l int, k int64) int64 { return t.back[l][k&t.mask].Load() }

// pictures is how many picture ids are remembered.
const pictures = 256

// lines are the numbers that a track gives its packets in each level. They belong to the goroutine that writes, but for
// seq as far as a tally allows it.
type lines struct {
	codec    media.Codec
	dds      codec.Structure
	seq      atomic.Pointer[tally] // nil while there are no layers
	pics     *tally                // of picture ids; nil while VP8 has no layers
	pid      int64                 // highest picture id, unwrapped
	pidStart bool
	num      numbers // of the packet just counted
}

// reset: the publisher has begun a new sequence, which goes on with the line of numbers but not with anything else.
func (y *lines) reset() {
	y.dds.Reset()
	y.pics, y.pidStart = nil, false
}

// count gives the packet its numbers, high being the highest of its track; it has none of its own while there are no
// layers. It is false if the packet is too old to have any.
func (y *lines) count(c *packet, high int64) bool {
	i := &c.info
	if i.PIDBits != 0 {
		i.PID = uint16(y.unwrap(*i))
	}
	seq := y.seq.Load()
	if seq == nil {
		if i.Spatial|i.Temporal == 0 {
			return true
		}
		seq = newTally(videoRing, high-1, true)
		y.seq.Store(seq)
	}
	c.late = c.seq <= seq.high
	n := seq.note(c.seq, i.Spatial, i.Temporal)
	if n == nil {
		return false
	}
	y.num.seq, c.num = *n, &y.num
	return y.countPicture(i)
}

// countPicture does it for picture ids: libwebrtc waits for a VP8 picture whose id is missing, so that a level must not
// have gaps where another has pictures. The ids of VP9 and the frame numbers of AV1 are referred to by difference
// and stay.
func (y *lines) countPicture(i *codec.Info) bool {
	y.num.pid = [layersMax]uint16{i.PID, i.PID, i.PID}
	if y.codec != media.VP8 || i.PIDBits == 0 {
		return true
	}
	id := y.pid - int64(uint16(y.pid)-i.PID) // PID is the lower half of it, and not above
	if y.pics == nil {
		if i.Temporal == 0 {
			return true
		}
		y.pics = newTally(pictures, y.pid-1, false)
	}
	n := y.pics.note(id, 0, i.Temporal)
	if n == nil {
		return false
	}
	for l := range y.num.pid {
		y.num.pid[l] = uint16(n[l])
	}
	return true
}

// unwrap continues a picture id of 7 or 15 bits on a line without wraps.
func (y *lines) unwrap(i codec.Info) int64 {
	id := int64(i.PID)
	if !y.pidStart {
		y.pid, y.pidStart = id+1<<16, true
		return y.pid
	}
	shift := 64 - uint(i.PIDBits)
	d := (id - y.pid) << shift >> shift // nearest, signed
	id = y.pid + d
	y.pid = max(y.pid, id)
	return id
}
