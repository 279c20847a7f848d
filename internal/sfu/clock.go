package sfu

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// driftShare is how fast a clock's offset may grow: 100 ppm, more than any two crystals differ.
	driftShare = 10000
	// stepLimit: a publisher whose offset grows by more at once has set its clock.
	stepLimit = int64(5e9)
	// ntpEpoch is 1970 in the seconds of NTP.
	ntpEpoch = 2208988800
)

// Clock maps the NTP time of one publisher to the server's time line. All tracks of the publisher share it, so
// that whatever error it has is the same for sound and picture. The zero Clock is ready; it is safe for
// concurrent use.
type Clock struct {
	off atomic.Int64 // add to NTP nanoseconds
	set atomic.Bool

	mu sync.Mutex // guards the following
	at int64      // arrival of the last observation
}

// observe takes one sender report. The offset is the smallest of arrival - NTP, the report that was the
// least delayed; it leaks upwards so that a slow clock is followed.
func (c *Clock) observe(ntp, arrival int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is, was := arrival-ntp, c.off.Load()
	leak := max(arrival-c.at, 0) / driftShare
	if !c.set.Load() || is < was+leak || is > was+stepLimit {
		c.off.Store(is)
	} else {
		c.off.Store(was + leak)
	}
	c.at = max(c.at, arrival)
	c.set.Store(true)
}

// report is one sender report of a publisher: RTP time rtp was captured at ntp.
type report struct {
	ntp int64 // ns since 1900
	rtp uint32
}

// timeline is a track's mapping from RTP time to the server's time line.
type timeline struct {
	clock *Clock
	rate  uint32
	last  atomic.Pointer[report]
}

// captured gives the time on the server's line at which the frame of a publisher's timestamp was captured.
func (l *timeline) captured(ts uint32) (int64, bool) {
	r := l.last.Load()
	if r == nil || !l.clock.set.Load() {
		return 0, false
	}
	return r.ntp + l.clock.off.Load() + int64(int32(ts-r.rtp))*1e9/int64(l.rate), true
}

// rtpAt is the inverse: the publisher's RTP time at a point of the server's line.
func (l *timeline) rtpAt(at int64) (uint32, bool) {
	r := l.last.Load()
	if r == nil || !l.clock.set.Load() {
		return 0, false
	}
	return r.rtp + uint32(ticks(at-r.ntp-l.clock.off.Load(), l.rate)), true
}

// ntpNanos converts NTP format (RFC 3550 §4) to nanoseconds since 1900.
func ntpNanos(ntp uint64) int64 {
	return int64(ntp>>32)*1e9 + int64((ntp&0xffffffff)*1e9>>32)
}

// ntpTime converts a wall-clock time to NTP format.
func ntpTime(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}
