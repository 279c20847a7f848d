package rtc

import (
	"sync/atomic"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
	"veche.example/internal/rtc/sdp"
	"veche.example/internal/sfu"
)

// encoding is one stream of a section and its retransmissions: the only one, or one of simulcast. It is guarded by
// receiver.mu, but for what is atomic.
type encoding struct {
	in      *inbound
	rid     string // "" = the section has no simulcast
	track   *sfu.Track
	flipped int64 // when the codec changed last
	over    bool
	primary *stream
	ssrc    atomic.Uint32 // of primary
	asks    atomic.Uint32 // the sdp.Feedback of the codec in use
	firs    atomic.Uint32 // sequence number of full intra requests
}

// encode makes the section's encodings those that are named, and gives the ends of the tracks of the others.
func (r *receiver) encode(in *inbound, names []string) []event {
	var list []*encoding
	for _, rid := range names {
		e := in.named(rid)
		if e == nil {
			e = &encoding{in: in, rid: rid}
		}
		list = append(list, e)
	}
	old := in.encodings
	in.encodings = list
	var gone []*encoding
	for _, e := range old {
		if in.named(e.rid) == nil {
			gone = append(gone, e)
		}
	}
	return r.release(gone)
}

// release takes encodings out of use and gives the ends of their tracks, which are to be closed.
func (r *receiver) release(list []*encoding) []event {
	var ended []event
	for _, e := range list {
		for ssrc, s := range r.streams {
			if s.enc == e {
				delete(r.streams, ssrc)
			}
		}
		if e.track != nil {
			ended = append(ended, event{kind: eventEnded, mid: e.in.mid, rid: e.rid, track: e.track})
		}
		e.track, e.over = nil, true
	}
	return ended
}

// named finds an encoding, nil if there is none of that name.
func (in *inbound) named(rid string) *encoding {
	for _, e := range in.encodings {
		if e.rid == rid {
			return e
		}
	}
	return nil
}

// of gives the encoding of a packet whose extensions say rid, nil if it is of none: where there is no simulcast a name
// does not matter, and where there is a packet needs one.
func (in *inbound) of(rid []byte) *encoding {
	for _, e := range in.encodings {
		if e.rid == string(rid) || e.rid == "" {
			return e
		}
	}
	return nil
}

// ensure makes the track of the packet's codec the current one; false if the packet is of another one.
func (e *encoding) ensure(f *format, pkt *media.Packet, now int64) bool {
	p := e.in.p
	old := e.track
	if old != nil && old.Codec() == f.codec {
		return true
	}
	if old != nil && (pkt.Retransmit || now-e.flipped < flipPause) {
		p.drop(dropFlip) // late packets of the codec before
		return false
	}
	if len(pkt.Payload) == 0 {
		return false // padding does not begin anything
	}
	e.flipped = now
	e.asks.Store(uint32(f.fb))
	id := p.cfg.ID + "/" + e.in.mid
	if e.rid != "" {
		id += "/" + e.rid
	}
	e.track = sfu.NewTrack(sfu.TrackConfig{ID: id, Codec: f.codec, Fmtp: f.fmtp, RED: f.codec == media.Opus, Up: e, Clock: &p.clock})
	if s := e.primary; s != nil && s.rr.NTP != 0 {
		e.track.SenderReport(s.rr.NTP, s.rr.RTP, s.rr.At)
	}
	if old != nil {
		old.Close()
	}
	p.events.put(event{kind: eventTrack, mid: e.in.mid, rid: e.rid, track: e.track})
	return true
}

// RequestKeyFrame asks the client for one, by the means that it offered.
func (e *encoding) RequestKeyFrame() {
	t := &e.in.p.tx
	ssrc, fb := e.ssrc.Load(), sdp.Feedback(e.asks.Load())
	switch {
	case ssrc == 0:
	case fb&sdp.PLI != 0:
		t.rtcp(&rtcp.PictureLossIndication{SenderSSRC: t.ssrc, MediaSSRC: ssrc})
	case fb&sdp.FIR != 0:
		t.rtcp(&rtcp.FullIntraRequest{SenderSSRC: t.ssrc, MediaSSRC: ssrc,
			FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: uint8(e.firs.Add(1))}}})
	}
}
