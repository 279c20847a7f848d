package segment

import "time"

const (
	// driftMost: by how much a source's clock may run away before its time is set anew.
	driftMost = int64(80 * time.Millisecond)
	// leapMost is the same where only arrivals are known, which come late now and then.
	leapMost = int64(time.Second)
)

// Clock gives the timestamps of one RTP stream their place on the line of arrivals. The zero value with a Rate is ready.
type Clock struct {
	Rate int64 // Hz

	begun  bool
	last   uint32
	ticks  int64 // of last, extended
	anchor int64 // add to a time of the stream
}

// Place tells when something with a timestamp was captured: as the sender has reported, or else by its arrival.
func (c *Clock) Place(ts uint32, arrival int64, captured int64, reported bool) time.Duration {
	if c.begun {
		c.ticks += int64(int32(ts - c.last))
	}
	c.last = ts
	at := int64(Time(c.ticks, c.Rate))
	is := arrival - at
	if reported {
		is = captured - at
	}
	d := is - c.anchor
	switch {
	case !c.begun:
		c.begun, c.anchor = true, is
	case reported && (d > driftMost || d < -driftMost):
		c.anchor = is
	case reported:
		c.anchor += d / 64
	case d < 0 || d > leapMost:
		c.anchor = is // the one that was the least delayed counts
	}
	return time.Duration(at + c.anchor)
}
