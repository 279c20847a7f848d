package rtc

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"veche.example/internal/media"
	"veche.example/internal/rtc/pace"
	"veche.example/internal/rtc/sdp"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

const (
	// Sender reports: after a switch the receiver needs one before sound and picture are in sync.
	reportEvery = int64(1e9)
	reportSoon  = int64(300e6)
	reportsSoon = 4
	// maxReports go into one compound packet: 28 bytes each and a name.
	maxReports = 24
)

// outbound is a section on which the client receives: a slot and its way to the transmitter.
type outbound struct {
	p         *Peer
	mid       string
	kind      media.Kind
	ssrc, rtx uint32
	stream    string // of the answer's msid: the two halves of a seat share it
	slot      *sfu.Slot
	open      atomic.Bool // the client receives now

	// The following belongs to run.
	due      int64
	soon     int
	switches uint64
}

func newOutbound(p *Peer, mid string, kind media.Kind, stream string) *outbound {
	o := &outbound{p: p, mid: mid, kind: kind, stream: stream, soon: reportsSoon}
	o.draw()
	o.slot = sfu.NewSlot(kind, o)
	return o
}

// draw chooses the SSRCs; media have odd ones and retransmissions even ones.
func (o *outbound) draw() { o.ssrc, o.rtx = rand.Uint32()|1, rand.Uint32()&^1 }

// differ draws until no other section has one of the SSRCs: the nonces of a peer are told apart by them (RFC 7714 §8.1).
func (o *outbound) differ(others map[string]*outbound) {
	for _, other := range others {
		if other.ssrc == o.ssrc || other.rtx == o.rtx {
			o.draw()
			o.differ(others)
			return
		}
	}
}

// WriteRTP sends one packet of the slot.
func (o *outbound) WriteRTP(h *rtp.Header, payload []byte, way sfu.Way) error {
	defer o.p.contain("send") // it is not the publisher's fault
	if !o.open.Load() {
		return errNotReady
	}
	c := pace.Picture
	if o.kind == media.Audio {
		c = pace.Sound
	} else if h.SSRC == o.rtx {
		c = pace.Repeat
	}
	return o.p.tx.rtp(h, payload, way, c)
}

// bind tells the slot what was negotiated.
func (o *outbound) bind(s *sdp.AnswerSection) {
	b := sfu.Binding{SSRC: o.ssrc, MID: s.Offer.MID}
	bare := false // asks for packets again, and cannot tell the second from the first
	for _, f := range s.Formats {
		bare = bare || f.Feedback&sdp.NACK != 0 && !f.HasRTX
		if b.Payload[f.Codec].Negotiated {
			continue // the first one is the best
		}
		b.Payload[f.Codec] = sfu.Payload{Negotiated: true, Type: f.Type}
		if f.HasRTX {
			b.Payload[f.Codec].RTX = f.RTX
			b.RTXSSRC = o.rtx
		}
		if f.HasRED {
			b.RED = f.RED
		}
	}
	for _, e := range s.Exts {
		switch e.URI {
		case sdp.ExtMID:
			b.MIDExt = e.ID
		case sdp.ExtDD:
			b.DDExt = e.ID
		case sdp.ExtTWCC:
			if o.p.tx.pace.Enable(e.ID, bare) {
				b.TransportExt = e.ID
			}
		}
	}
	o.slot.Bind(b)
	// A client that holds a section gets nothing until it receives again, and then goes on from a key frame.
	if receives := s.Direction.Sends(); receives != o.open.Swap(receives) && receives {
		o.refresh()
	}
}

// refresh asks for a key frame of what is shown: the client has missed what was sent so far.
func (o *outbound) refresh() {
	if o.kind == media.Video {
		o.slot.HandleRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: o.ssrc}})
	}
}

// refreshAll does it for all slots that show something, when the connection is up.
func refreshAll(slots []*outbound) {
	for _, o := range slots {
		if st := o.slot.Status(); st == sfu.Live || st == sfu.Waiting {
			o.refresh()
		}
	}
}

// report sends the sender reports that are due, each with the name that ties it to its stream (RFC 3550 §6.5.1).
func (t *transmitter) report(slots []*outbound, now int64, out *udp.Batch) {
	if State(t.p.state.Load()) == Connecting {
		return
	}
	var list []rtcp.Packet
	names := &rtcp.SourceDescription{}
	flush := func() {
		if len(list) > 0 {
			t.rtcpBy(out, append(list, names)...)
		}
		list, names = nil, &rtcp.SourceDescription{}
	}
	for _, o := range slots {
		if n := sfu.Switches(o.slot); n != o.switches {
			o.switches, o.soon, o.due = n, reportsSoon, 0
		}
		if now < o.due || !o.open.Load() {
			continue
		}
		sr, ok := o.slot.SenderReport(now)
		if !ok {
			continue
		}
		o.due = now + reportEvery
		if o.soon > 0 {
			o.soon--
			o.due = now + reportSoon
		}
		list = append(list, sr)
		names.Chunks = append(names.Chunks, rtcp.SourceDescriptionChunk{Source: o.ssrc,
			Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: o.stream}}})
		if len(list) == maxReports {
			flush()
		}
	}
	flush()
}

// streamID names the n-th stream that the peer sends.
func streamID(n int) string { return fmt.Sprintf("seat%d", n) }
