// Package reception counts what arrives of one RTP stream, for receiver reports, and knows which packets are missing and
// when to ask for them.
package reception

import (
	"encoding/binary"

	"github.com/pion/rtcp"
)

// Stream is what receiver reports say about one stream (RFC 3550 §6.4.1, A.3, A.8). It belongs to one goroutine.
type Stream struct {
	started          bool
	base, high       int64 // extended sequence numbers
	got              int64
	wasExpected, was int64 // at the last report
	transit          int64
	jitter           float64
	// The last sender report, zero before the first: its times in the formats of RFC 3550 §4 and when it came (media.Now).
	NTP uint64
	RTP uint32
	At  int64
}

// Started tells whether there was a packet.
func (r *Stream) Started() bool { return r.started }

// Note takes one packet; now is media.Now, rate that of the timestamps in Hz.
func (r *Stream) Note(seq uint16, ts uint32, now int64, rate uint32) {
	arrival := now / 1000 * int64(rate) / 1e6
	transit := arrival - int64(ts)
	if !r.started {
		r.started, r.base, r.high, r.transit = true, int64(seq), int64(seq), transit
	}
	r.got++
	if d := int64(int16(seq - uint16(r.high))); d > 0 {
		r.high += d
	}
	d := int64(int32(transit - r.transit))
	r.transit = transit
	if d < 0 {
		d = -d
	}
	if d < int64(rate)*5 { // a timestamp that jumped is no jitter
		r.jitter += (float64(d) - r.jitter) / 16
	}
}

// Report makes the block of a receiver report, about what came since the last one.
func (r *Stream) Report(ssrc uint32, now int64) rtcp.ReceptionReport {
	expected := r.high - r.base + 1
	lost := min(max(expected-r.got, -1<<23), 1<<23-1)
	block := rtcp.ReceptionReport{SSRC: ssrc, LastSequenceNumber: uint32(r.high), Jitter: uint32(r.jitter),
		TotalLost: uint32(lost) & 0xffffff}
	in, got := expected-r.wasExpected, r.got-r.was
	if in > got && in > 0 {
		block.FractionLost = uint8(min((in-got)*256/in, 255))
	}
	r.wasExpected, r.was = expected, r.got
	if r.NTP != 0 {
		block.LastSenderReport = uint32(r.NTP >> 16)
		block.Delay = uint32((now - r.At) * 65536 / 1e9)
	}
	return block
}

// HeaderLen is the length of an RTP header that has been parsed before.
func HeaderLen(b []byte) int {
	n := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 && len(b) >= n+4 {
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	return n
}
