package sfu

import "sync/atomic"

// TrackStats are the counters of a track since its creation.
type TrackStats struct {
	Packets, Bytes     uint64 // media packets accepted and their payload bytes, without duplicates and padding
	Recovered          uint64 // of Packets: filled a hole late (reordered or retransmitted)
	Duplicates         uint64 // dropped: sequence number seen before (RTX probes)
	Padding            uint64 // swallowed: packets without payload
	Late               uint64 // dropped: older than the window
	Oversize           uint64 // dropped: payload over media.MaxPayload
	Malformed          uint64 // dropped: payload descriptor broken
	Unclaimed          uint64 // arrived after Close
	Resets             uint64 // the publisher began a new sequence or SSRC
	RingBusy           uint64 // not kept for retransmission: its place was being read
	KeyFrames          uint64
	KeyFrameRequests   uint64 // sent upstream after merging
	KeyFrameSuppressed uint64 // wishes that were merged into another or deferred by the limit
	Slots              int    // slots attached now
}

// SlotStats are the counters of a slot since its creation, and the subscriber's last receiver report.
type SlotStats struct {
	Packets, Bytes   uint64 // first transmissions and their payload bytes
	Retransmitted    uint64 // packets sent again
	RetransmitBytes  uint64
	Nacked           uint64 // sequence numbers asked for
	NackUnknown      uint64 // not answered: never sent, no longer in the ring, or the track is closed
	NackOld          uint64 // not answered: older than 1 s
	NackRecent       uint64 // not answered: sent again within the last round trip
	NackExcess       uint64 // not answered: too many in one RTCP compound
	KeyFrameRequests uint64 // PLI and FIR of the subscriber
	Switches         uint64 // finished switches
	Late             uint64 // dropped: belongs before the key frame that the switch began with
	WriteErrors      uint64 // the transport refused a packet
	FractionLost     float64
	Lost             int64  // cumulative, as reported
	Jitter           uint32 // clock units, as reported
	RTT              int64  // ns, 0 = not known yet
	LastReceiverAt   int64  // media.Now of the last receiver report, 0 = none
}

// counter is written by one goroutine at a time and read by any.
type counter = atomic.Uint64
