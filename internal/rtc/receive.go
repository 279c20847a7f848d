package rtc

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"veche.example/internal/media"
	"veche.example/internal/rtc/reception"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

const (
	maxEarly = 64 // datagrams kept until the keys are there
	// maxSSRCs bounds the tables that grow with each SSRC that a client makes up. A client with 64 seats may
	// use one of its own for each section.
	maxSSRCs    = 512
	rtcpPerTick = 1000       // RTCP packets taken in one tick
	flipPause   = int64(2e8) // between two changes of codec
	reportRecv  = int64(1e9) // between receiver reports
	rtpHeader   = 12
)

// receiver opens what the client sends and finds out what it is for. Everything in it is done by the reader that the
// packet came to; there are several only for a moment, when the client changes its path.
type receiver struct {
	p *Peer

	mu      sync.Mutex // guards the following
	ctx     *srtp.Context
	early   [][]byte // each with its arrival in the last 8 bytes
	closed  bool
	h       rtp.Header
	pkt     media.Packet
	ssrcs   map[uint32]struct{} // that have proved to be the client's, of RTP and RTCP
	streams streams
	asking  int64 // when streams.ask has something to do, 0 = never
	byMID   map[string]*inbound
	byPT    [128]*inbound // of the payload types that one section has for itself
	slots   map[uint32]*outbound
	midExt  uint8
	ridExt  uint8 // rtp-stream-id
	rridExt uint8 // repaired-rtp-stream-id
	twcc    reception.Transport
	reports int64        // when receiver reports are due
	rtcpIn  int          // in this tick
	holding []*sfu.Track // that have packets which wait for others
}

// stream is one SSRC of the client.
type stream struct {
	enc   *encoding
	ssrc  uint32
	holes reception.Holes
	rr    reception.Stream

	asked, needless uint64 // of holes.Counts, as counted for the peer
}

func (r *receiver) init(p *Peer) {
	r.p = p
	r.ssrcs, r.streams = make(map[uint32]struct{}), make(streams)
	r.byMID, r.slots = make(map[string]*inbound), make(map[uint32]*outbound)
	r.twcc.Init(p.tx.ssrc)
}

// arrive takes one datagram that came by a checked path.
func (p *Peer) arrive(pa *path, b []byte, out *udp.Batch) {
	switch {
	case len(b) >= 13 && b[0] >= 20 && b[0] <= 63:
		p.dtls.push(b)
	case len(b) >= rtpHeader && b[0] >= 128 && b[0] <= 191:
		if now := media.Now(); p.rx.take(b, now, out) {
			pa.heard.Store(now)
			pa.media.Store(now)
			p.ice.heard.Store(now)
			if p.ice.selected.Load() != pa {
				p.ice.followed(pa, now)
			}
		}
	default:
		p.drop(dropMalformed)
	}
}

// take opens and uses one datagram of SRTP or SRTCP, and forwards by out what it holds; true if it is the client's.
func (r *receiver) take(b []byte, now int64, out *udp.Batch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.p.drop(dropOver)
		return false
	}
	if r.ctx == nil {
		if len(r.early) < maxEarly {
			r.early = append(r.early, binary.BigEndian.AppendUint64(bytes.Clone(b), uint64(now)))
		} else {
			r.p.drop(dropEarly)
		}
		return false
	}
	return r.open(b, now, out)
}

// openKeys lets packets in, the early ones first.
func (r *receiver) openKeys(ctx *srtp.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx = ctx
	for _, b := range r.early {
		// With the time it came at: a client's estimator tries the way with the first packets that it sends.
		n := len(b) - 8
		r.open(b[:n:n], int64(binary.BigEndian.Uint64(b[n:])), nil)
	}
	r.early = nil
}

func (r *receiver) open(b []byte, now int64, batch *udp.Batch) bool {
	if b[1] >= 192 && b[1] <= 223 { // RFC 5761 §4
		return r.rtcp(b, now)
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	out, err := r.ctx.DecryptRTP(b, b, &r.h)
	if err != nil {
		r.p.drop(dropAuth)
		return false
	}
	n := reception.HeaderLen(out)
	if !r.own(ssrc) || n > len(out) {
		r.p.drop(dropSSRCLimit)
		return false
	}
	r.p.stats.in.Add(1)
	r.p.stats.bytesIn.Add(uint64(len(b)))
	r.transport(ssrc, now, batch)
	r.rtp(out[n:], now, batch)
	return true
}

// own notes an SSRC that has proved to be the client's. A client that uses too many is up to no good.
func (r *receiver) own(ssrc uint32) bool {
	if _, ok := r.ssrcs[ssrc]; ok {
		return true
	}
	if len(r.ssrcs) >= maxSSRCs {
		r.p.end(Failed, "too many SSRCs")
		r.closed = true // the library would go on making tables
		return false
	}
	r.ssrcs[ssrc] = struct{}{}
	r.p.learn(ssrc)
	return true
}

// transport notes the packet for the transport-wide feedback.
func (r *receiver) transport(ssrc uint32, now int64, out *udp.Batch) {
	if v := r.h.GetExtension(r.twcc.Ext); r.twcc.Ext != 0 && len(v) >= 2 && r.twcc.Note(ssrc, binary.BigEndian.Uint16(v), now) {
		r.sendTransport(out)
	}
}

func (r *receiver) sendTransport(out *udp.Batch) {
	for _, pkt := range r.twcc.Reports() {
		r.p.tx.rtcpBy(out, pkt)
	}
}

// rtp uses one packet whose header is in r.h.
func (r *receiver) rtp(payload []byte, now int64, out *udp.Batch) {
	h := &r.h
	if h.Padding { // RFC 3550 §5.1
		n := 0
		if len(payload) > 0 {
			n = int(payload[len(payload)-1])
		}
		if n == 0 || n > len(payload) {
			r.p.drop(dropMalformed)
			return
		}
		payload = payload[:len(payload)-n]
	}
	s := r.find(h)
	if s == nil {
		r.p.drop(dropUnclaimed)
		return
	}
	s.enc.in.take(s, payload, now, out)
	if r.asking != 0 && now >= r.asking {
		r.asking = r.streams.ask(&r.p.tx, now, out)
	}
}

// find gives the stream of an SSRC; a new one says by its mid or payload type which section it is of (RFC 8843 §9.2), and
// by its rid which encoding (RFC 8852 §3).
func (r *receiver) find(h *rtp.Header) *stream {
	s := r.streams[h.SSRC]
	var in *inbound
	if mid := said(h, r.midExt); len(mid) > 0 {
		if in = r.byMID[string(mid)]; in == nil {
			return nil
		}
	}
	rid := said(h, r.ridExt)
	if len(rid) == 0 {
		rid = said(h, r.rridExt)
	}
	if s != nil && (in == nil || s.enc.in == in) && (len(rid) == 0 || s.enc.rid == string(rid)) {
		return s
	}
	if in == nil && s != nil {
		in = s.enc.in
	}
	if in == nil {
		in = r.byPT[h.PayloadType&0x7f]
	}
	if in == nil {
		return nil
	}
	e := in.of(rid)
	if e == nil || s != nil && s.enc == e {
		return s
	}
	if rtx, ok := in.repeats[h.SSRC]; ok && r.streams[rtx] == nil {
		r.attach(e, rtx)
	}
	return r.attach(e, h.SSRC)
}

// said is what a header extension says, nil if it is not negotiated or not there.
func said(h *rtp.Header, id uint8) []byte {
	if id == 0 {
		return nil
	}
	return h.GetExtension(id)
}

func (r *receiver) attach(e *encoding, ssrc uint32) *stream {
	s := &stream{enc: e, ssrc: ssrc}
	r.streams[ssrc] = s
	return s
}

// putOff has a track send what it holds, n datagrams or more, before the batch leaves.
func (r *receiver) putOff(t *sfu.Track, out *udp.Batch, n int) {
	if slices.Contains(r.holding, t) {
		return // it is due already
	}
	if r.holding = append(r.holding, t); len(r.holding) == 1 {
		out.After(r, n)
	}
}

// Release implements udp.Later.
func (r *receiver) Release(out *udp.Batch) {
	defer r.p.contain("udp")
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.holding
	r.holding = list[:0]
	for _, t := range list {
		t.Release(out)
	}
	clear(list)
}

// close lets nothing in any more. A packet that is being used at the moment is finished first.
func (r *receiver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// detach takes a section out; it gives the ends of its tracks, which are to be closed.
func (r *receiver) detach(in *inbound) []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byMID[in.mid] == in {
		delete(r.byMID, in.mid)
	}
	for pt, o := range r.byPT {
		if o == in {
			r.byPT[pt] = nil
		}
	}
	return r.release(in.encodings)
}

// flush sends what is due: requests for lost packets, transport feedback, reports.
func (r *receiver) flush(now int64, out *udp.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rtcpIn = 0
	if r.ctx == nil {
		return
	}
	r.sendTransport(out)
	r.asking = r.streams.ask(&r.p.tx, now, out)
	if now >= r.reports {
		r.reports = now + reportRecv
		r.sendReports(now, out)
	}
}
