package rtc

import (
	"encoding/binary"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
	"veche.example/internal/rtc/reception"
	"veche.example/internal/rtc/sdp"
	"veche.example/internal/udp"
)

// inbound is a section on which the client sends. It is guarded by receiver.mu.
type inbound struct {
	p       *Peer
	mid     string
	kind    media.Kind
	formats [128]format // by payload type
	level   uint8       // header extension ids, 0 = none
	dd      uint8

	encodings []*encoding       // at least one, at most sdp.MaxRIDs
	repeats   map[uint32]uint32 // of simulcast: RTX SSRC by SSRC, as declared
}

// format is what a payload type means in a section.
type format struct {
	codec media.Codec // 0 = nothing
	rtx   bool        // a retransmission of type apt
	red   bool        // wrapped by RFC 2198
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
		if f.HasRED {
			in.formats[f.RED] = format{codec: f.Codec, red: true, fb: f.Feedback, fmtp: f.Fmtp}
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
	e := s.enc
	if f.codec == 0 || e.over {
		in.p.drop(dropPayloadType)
		return
	}
	pkt := &r.pkt
	*pkt = media.Packet{SSRC: h.SSRC, Timestamp: h.Timestamp, Seq: h.SequenceNumber, PT: h.PayloadType, Marker: h.Marker,
		Level: -1, RED: f.red, Payload: payload, Arrival: now}
	if out != nil {
		pkt.Out, pkt.Hold = out, !h.Marker
	}
	if f.rtx {
		if len(payload) < 2 || e.primary == nil {
			return // a probe of padding only
		}
		// RFC 4588 §4: the original sequence number comes first.
		pkt.Retransmit, pkt.SSRC, pkt.PT = true, e.primary.ssrc, f.apt
		pkt.Seq, pkt.Payload = binary.BigEndian.Uint16(payload), payload[2:]
		e.primary.holes.Got(pkt.Seq, now)
	} else {
		e.primary = s
		if e.ssrc.Load() != s.ssrc {
			e.ssrc.Store(s.ssrc)
		}
		s.rr.Note(h.SequenceNumber, h.Timestamp, now, f.codec.ClockRate())
		if f.fb&sdp.NACK != 0 {
			s.holes.Note(h.SequenceNumber, now)
			r.asking = reception.Sooner(r.asking, s.holes.Next())
		}
	}
	if !e.ensure(f, pkt, now) {
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
	e.track.Write(pkt)
	if n := e.track.Waiting(); n > 0 {
		r.putOff(e.track, out, n)
	}
}

// streams are what the client sends, by SSRC.
type streams map[uint32]*stream

// ask asks for the packets that are due, and gives the time when it is to be called again, 0 = never.
func (list streams) ask(t *transmitter, now int64, out *udp.Batch) int64 {
	next := int64(0)
	for _, s := range list {
		if due := s.holes.Next(); due != 0 && now >= due {
			s.request(t, now, out)
		}
		next = reception.Sooner(next, s.holes.Next())
	}
	return next
}

// refresh asks for key frames of what the client sends and somebody sees. receiver.mu is held.
func (list streams) refresh() {
	for _, s := range list {
		if t := s.enc.track; t != nil && s == s.enc.primary && t.Stats().Slots > 0 {
			t.RequestKeyFrame()
		}
	}
}

// request asks for packets that are missing.
func (s *stream) request(t *transmitter, now int64, out *udp.Batch) {
	if list := s.holes.Due(now); len(list) > 0 {
		t.rtcpBy(out, &rtcp.TransportLayerNack{SenderSSRC: t.ssrc, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(list)})
	}
	asked, needless := s.holes.Counts()
	t.p.stats.asked.Add(asked - s.asked)
	t.p.stats.needless.Add(needless - s.needless)
	s.asked, s.needless = asked, needless
}
