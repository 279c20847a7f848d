package rtc

import (
	"encoding/binary"

	"github.com/pion/rtcp"
)

// reception is what receiver reports say about one stream (RFC 3550 §6.4.1, A.3, A.8).
type reception struct {
	started          bool
	base, high       int64 // extended sequence numbers
	got              int64
	wasExpected, was int64 // at the last report
	transit          int64
	jitter           float64
	// The last sender report.
	ntp uint64
	rtp uint32
	at  int64
}

// note takes one packet.
func (r *reception) note(seq uint16, ts uint32, now int64, rate uint32) {
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

// report makes the block of a receiver report.
func (r *reception) report(ssrc uint32, now int64) rtcp.ReceptionReport {
	expected := r.high - r.base + 1
	lost := min(max(expected-r.got, -1<<23), 1<<23-1)
	block := rtcp.ReceptionReport{SSRC: ssrc, LastSequenceNumber: uint32(r.high), Jitter: uint32(r.jitter),
		TotalLost: uint32(lost) & 0xffffff}
	in, got := expected-r.wasExpected, r.got-r.was
	if in > got && in > 0 {
		block.FractionLost = uint8(min((in-got)*256/in, 255))
	}
	r.wasExpected, r.was = expected, r.got
	if r.ntp != 0 {
		block.LastSenderReport = uint32(r.ntp >> 16)
		block.Delay = uint32((now - r.at) * 65536 / 1e9)
	}
	return block
}

// maxBlocks fit into one report (RFC 3550 §6.4.2).
const maxBlocks = 31

// sendReports reports all streams that the client sends.
func (r *receiver) sendReports(now int64) {
	rr := &rtcp.ReceiverReport{SSRC: r.p.tx.ssrc}
	for _, s := range r.streams {
		if !s.rr.started || len(rr.Reports) == maxBlocks {
			continue
		}
		rr.Reports = append(rr.Reports, s.rr.report(s.ssrc, now))
	}
	if len(rr.Reports) > 0 {
		r.p.tx.rtcp(rr)
	}
}

// rtcp opens and uses one datagram of SRTCP; true if it is the client's.
func (r *receiver) rtcp(b []byte, now int64) bool {
	if r.rtcpIn++; r.rtcpIn > rtcpPerTick {
		r.p.drop(dropRTCPRate)
		return false
	}
	ssrc := binary.BigEndian.Uint32(b[4:])
	out, err := r.ctx.DecryptRTCP(b, b, nil)
	if err != nil {
		r.p.drop(dropAuth)
		return false
	}
	if !r.own(ssrc) {
		r.p.drop(dropSSRCLimit)
		return false
	}
	r.p.stats.in.Add(1)
	r.p.stats.bytesIn.Add(uint64(len(b)))
	packets, err := rtcp.Unmarshal(out)
	if err != nil {
		r.p.drop(dropMalformed)
		return true
	}
	for _, p := range packets {
		r.feedback(p, now)
	}
	return true
}

// feedback gives one RTCP packet to whom it concerns.
func (r *receiver) feedback(p rtcp.Packet, now int64) {
	switch p := p.(type) {
	case *rtcp.SenderReport:
		r.senderReport(p, now)
		r.blocks(p, p.Reports)
	case *rtcp.ReceiverReport:
		r.blocks(p, p.Reports)
	case *rtcp.TransportLayerNack:
		r.slot(p.MediaSSRC, p)
	case *rtcp.PictureLossIndication:
		r.slot(p.MediaSSRC, p)
	case *rtcp.FullIntraRequest:
		for i, e := range p.FIR {
			if i < maxBlocks {
				r.slot(e.SSRC, p)
			}
		}
	}
}

func (r *receiver) slot(ssrc uint32, p rtcp.Packet) {
	if o := r.slots[ssrc]; o != nil {
		o.slot.HandleRTCP([]rtcp.Packet{p})
	}
}

func (r *receiver) blocks(p rtcp.Packet, list []rtcp.ReceptionReport) {
	for i := range list {
		r.slot(list[i].SSRC, p)
	}
}

// senderReport notes the client's mapping of RTP to its clock.
func (r *receiver) senderReport(p *rtcp.SenderReport, now int64) {
	s := r.streams[p.SSRC]
	if s == nil {
		return
	}
	s.rr.ntp, s.rr.rtp, s.rr.at = p.NTPTime, p.RTPTime, now
	if t := s.in.track; t != nil && s == s.in.primary {
		t.SenderReport(p.NTPTime, p.RTPTime, now)
	}
}
