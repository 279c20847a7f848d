package rtc

import (
	"encoding/binary"

	"github.com/pion/rtcp"

	"veche.example/internal/udp"
)

// maxBlocks fit into one report (RFC 3550 §6.4.2).
const maxBlocks = 31

// sendReports reports all streams that the client sends.
func (r *receiver) sendReports(now int64, out *udp.Batch) {
	rr := &rtcp.ReceiverReport{SSRC: r.p.tx.ssrc}
	for _, s := range r.streams {
		if !s.rr.Started() || len(rr.Reports) == maxBlocks {
			continue
		}
		rr.Reports = append(rr.Reports, s.rr.Report(s.ssrc, now))
	}
	if len(rr.Reports) > 0 {
		r.p.tx.rtcpBy(out, rr)
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
	if out = r.p.tx.pace.Reports(out, now); len(out) == 0 {
		return true
	}
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
		r.blocks(p, p.Reports, now)
	case *rtcp.ReceiverReport:
		r.blocks(p, p.Reports, now)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		r.p.tx.pace.Allowed(float64(p.Bitrate), now)
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

func (r *receiver) blocks(p rtcp.Packet, list []rtcp.ReceptionReport, now int64) {
	for i := range list {
		if r.slots[list[i].SSRC] != nil {
			r.p.tx.pace.Reported(float64(list[i].FractionLost)/256, now)
		}
		r.slot(list[i].SSRC, p)
	}
}

// senderReport notes the client's mapping of RTP to its clock.
func (r *receiver) senderReport(p *rtcp.SenderReport, now int64) {
	s := r.streams[p.SSRC]
	if s == nil {
		return
	}
	s.rr.NTP, s.rr.RTP, s.rr.At = p.NTPTime, p.RTPTime, now
	if t := s.enc.track; t != nil && s == s.enc.primary {
		t.SenderReport(p.NTPTime, p.RTPTime, now)
	}
}
