package sfu

import "sync/atomic"

// counter is written by one goroutine at a time and read by any.
type counter = atomic.Uint64

// TrackStats are the counters of a track since its creation.
type TrackStats struct {
	Packets, Bytes     uint64 // media packets received and their payload bytes, without duplicates and padding
	Recovered          uint64 // of them: filled a hole late (reordered or retransmitted)
	Duplicates         uint64 // dropped: sequence number seen before (RTX probes)
	Padding            uint64 // swallowed: packets without payload
	Late               uint64 // dropped: older than the window, or a stray number
	Oversize           uint64 // dropped: over media.MaxPayload
	Malformed          uint64 // dropped: payload descriptor cut short
	Unclaimed          uint64 // dropped: arrived after Close
	Resets             uint64 // the publisher began a new sequence or SSRC
	RingBusy           uint64 // not kept for retransmission: the place was being read
	KeyFrames          uint64
	KeyFrameRequests   uint64 // sent to the publisher
	KeyFrameSuppressed uint64 // wishes that were merged or deferred
	Slots              int    // that show or await the track now
}

type trackCounters struct {
	packets, bytes, recovered, duplicates, padding, late, oversize, malformed, unclaimed, resets, ringBusy, keyFrames counter
}

// SlotStats are the counters of a slot since its creation, and the subscriber's last receiver report.
type SlotStats struct {
	Packets, Bytes   uint64 // first transmissions and their payload bytes
	Retransmitted    uint64 // packets sent again
	RetransmitBytes  uint64
	Nacked           uint64 // sequence numbers asked for
	NackUnknown      uint64 // not answered: never sent, no longer kept, or the track is closed
	NackOld          uint64 // not answered: older than 1 s, or than three round trips if these are longer
	NackRecent       uint64 // not answered: sent again within the last round trip
	NackExcess       uint64 // not answered: too many at once
	KeyFrameRequests uint64 // PLI and FIR of the subscriber
	Switches         uint64 // finished switches
	LevelSwitches    uint64 // changes of the level of what was shown
	Late             uint64 // dropped: from before the key frame that the switch began with
	Broken           uint64 // dropped: the publisher began a new sequence and its key frame has not come
	WriteErrors      uint64 // the transport refused a packet

	Level Level // how much of the track flows, see Slot.ShowAt

	FractionLost float64 // of the last receiver report, 0 to 1
	Lost         int64   // cumulative
	Jitter       uint32  // in units of the RTP clock
	RTT          int64   // ns, 0 = not known yet
	ReportedAt   int64   // media.Now of the last receiver report, 0 = none
}

type slotCounters struct {
	retransmitted, retransmitBytes, nacked, nackUnknown, nackOld, nackRecent, nackExcess, keyFrameRequests,
	switches, levels, late, broken, writeErrors counter
}

// Switches is SlotStats.Switches alone, for those who ask often.
func Switches(s *Slot) uint64 { return s.stats.switches.Load() }
