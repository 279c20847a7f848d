package rtc

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
	"veche.example/internal/rtc/sdp"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

// inbound is a section on which the client sends. It is guarded by receiver.mu, but for what is atomic.
type inbound struct {
	p       *Peer
	mid     string
	kind    media.Kind
	formats [128]format // by payload type
	level   uint8       // header extension ids, 0 = none
	dd      uint8
	track   *sfu.Track
	flipped int64 // when the codec changed last
	over    bool
	primary *stream
	ssrc    atomic.Uint32 // of primary
	asks    atomic.Uint32 // the sdp.Feedback of the codec in use
	firs    atomic.Uint32 // sequence number of full intra requests
}

// format is what a payload type means in a section.
type format struct {
	codec media.Codec // 0 = nothing
	rtx   bool        // a retransmission of type apt
	apt   uint8
	fb    sdp.Feedback
	fmtp  string
}

// configure takes what was negotiated.
func (in *inbound) configure(s *sdp.AnswerSection) {
	in.formats = [128]format{}
	for _, f := range s.Formats {
		in.formats[f.Type] = format{codec: f.Codec, fb: f.Feedback, fmtp: f.Fmtp}
		if f.HasRTX {
			in.formats[f.RTX] = format{codec: f.Codec, rtx: true, apt: f.Type}
		}
	}
	in.level, in.dd = 0, 0
	for _, e := range s.Exts {
		switch e.URI {
		case sdp.ExtLevel:
			in.level = e.ID
		case sdp.ExtDD:
			in.dd = e.ID
		}
	}
}

// take uses one packet without padding, whose header is in the receiver.
func (in *inbound) take(s *stream, payload []byte, now int64, out *udp.Batch) {
	r := &in.p.rx
	h := &r.h
	f := &in.formats[h.PayloadType&0x7f]
	if f.codec == 0 || in.over {
		in.p.drop(dropPayloadType)
		return
	}
	pkt := &r.pkt
	*pkt = media.Packet{SSRC: h.SSRC, Timestamp: h.Timestamp, Seq: h.SequenceNumber, PT: h.PayloadType, Marker: h.Marker,
		Level: -1, Payload: payload, Arrival: now}
	if out != nil {
		pkt.Out, pkt.Hold = out, !h.Marker
	}
	if f.rtx {
		if len(payload) < 2 || in.primary == nil {
			return // a probe of padding only
		}
		// RFC 4588 §4: the original sequence number comes first.
		pkt.Retransmit, pkt.SSRC, pkt.PT = true, in.primary.ssrc, f.apt
		pkt.Seq, pkt.Payload = binary.BigEndian.Uint16(payload), payload[2:]
		in.primary.holes.Got(pkt.Seq)
	} else {
		in.primary = s
		if in.ssrc.Load() != s.ssrc {
			in.ssrc.Store(s.ssrc)
		}
		s.rr.Note(h.SequenceNumber, h.Timestamp, now, f.codec.ClockRate())
		if f.fb&sdp.NACK != 0 && s.holes.Note(h.SequenceNumber, now) {
			in.request(s, now)
		}
	}
	if !in.ensure(f, pkt, now) {
		return
	}
	if in.level != 0 {
		if v := h.GetExtension(in.level); len(v) > 0 {
			pkt.Level = int8(v[0] & 0x7f) // RFC 6464 §3
		}
	}
	if in.dd != 0 {
		pkt.DD = h.GetExtension(in.dd)
	}
	in.track.Write(pkt)
	if n := in.track.Waiting(); n > 0 {
		r.putOff(in.track, out, n)
	}
}

// ensure makes the track of the packet's codec the current one; false if the packet is of another one.
func (in *inbound) ensure(f *format, pkt *media.Packet, now int64) bool {
	old := in.track
	if old != nil && old.Codec() == f.codec {
		return true
	}
	if old != nil && (pkt.Retransmit || now-in.flipped < flipPause) {
		in.p.drop(dropFlip) // late packets of the codec before
		return false
	}
	if len(pkt.Payload) == 0 {
		return false // padding does not begin anything
	}
	in.flipped = now
	in.asks.Store(uint32(f.fb))
	in.track = sfu.NewTrack(sfu.TrackConfig{
		ID: in.p.cfg.ID + "/" + in.mid, Codec: f.codec, Fmtp: f.fmtp, Up: in, Clock: &in.p.clock,
	})
	if s := in.primary; s != nil && s.rr.NTP != 0 {
		in.track.SenderReport(s.rr.NTP, s.rr.RTP, s.rr.At)
	}
	if old != nil {
		old.Close()
	}
	in.p.events.put(event{kind: eventTrack, mid: in.mid, track: in.track})
	return true
}

// RequestKeyFrame asks the client for one, by the means that it offered.
func (in *inbound) RequestKeyFrame() {
	t := &in.p.tx
	ssrc, fb := in.ssrc.Load(), sdp.Feedback(in.asks.Load())
	switch {
	case ssrc == 0:
	case fb&sdp.PLI != 0:
		t.rtcp(&rtcp.PictureLossIndication{SenderSSRC: t.ssrc, MediaSSRC: ssrc})
	case fb&sdp.FIR != 0:
		t.rtcp(&rtcp.FullIntraRequest{SenderSSRC: t.ssrc, MediaSSRC: ssrc,
			FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: uint8(in.firs.Add(1))}}})
	}
}

// request asks for packets that are missing.
func (in *inbound) request(s *stream, now int64) {
	if list := s.holes.Due(now); len(list) > 0 {
		t := &in.p.tx
		t.rtcp(&rtcp.TransportLayerNack{SenderSSRC: t.ssrc, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(list)})
	}
}
