package rtc

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"veche.example/internal/rtc/pace"
	"veche.example/internal/rtc/seal"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

var (
	errNotReady = errors.New("rtc: not connected")
	errTooLong  = errors.New("rtc: packet too long")
)

// transmitter seals and sends what the peer sends. Any number of goroutines use it at once, without a lock.
type transmitter struct {
	p     *Peer
	ssrc  uint32 // of RTCP that belongs to no stream of ours
	rsize atomic.Bool
	keys  atomic.Pointer[seal.Sealer]
	pace  pace.Pacer
}

// buffers are for what is not sent in a batch.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// overhead is what IPv4 and UDP add to a packet.
const overhead = 28

func (t *transmitter) init(p *Peer) {
	t.p, t.ssrc = p, rand.Uint32()|1
	t.pace.Init(t, p.engine.clock)
}

// rtp sends one packet, now or, if the link is too slow for it, later or never.
func (t *transmitter) rtp(h *rtp.Header, payload []byte, way sfu.Way, c pace.Class) error {
	if t.pace.Slow() && !t.pace.Pass(h, payload, way, c) {
		return nil
	}
	return t.send(h, payload, way)
}

// send seals and sends one packet; by the batch that it came with if there is one.
func (t *transmitter) send(h *rtp.Header, payload []byte, way sfu.Way) error {
	pa, keys := t.p.ice.selected.Load(), t.keys.Load()
	if pa == nil || keys == nil {
		return errNotReady
	}
	size := h.MarshalSize() + len(payload) + seal.Room
	if size > bufferSize {
		return errTooLong
	}
	if way.Number != nil {
		t.pace.Number(way.Number, size+overhead, way.Now)
	}
	if out, ok := way.Out.(*udp.Batch); ok && out != nil && pa.target != nil {
		n, err := keys.RTP(out.Reserve(size), h, payload, way.Index)
		if err != nil {
			return err
		}
		out.Send(pa.target, n)
		t.count(n)
		return nil
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	n, err := keys.RTP(buf[:], h, payload, way.Index)
	if err != nil {
		return err
	}
	return t.write(pa, buf[:n])
}

// Emit implements pace.Link.
func (t *transmitter) Emit(h *rtp.Header, payload []byte, way sfu.Way) error {
	return t.send(h, payload, way)
}

// Pad implements pace.Link.
func (t *transmitter) Pad(bytes int, now int64) {
	for _, o := range t.p.outbounds() {
		if bytes > 0 && o.open.Load() {
			bytes -= sfu.Pad(o.slot, bytes, now)
		}
	}
}

// Sent implements pace.Link.
func (t *transmitter) Sent() uint64 { return t.p.stats.bytesOut.Load() + overhead*t.p.stats.out.Load() }

// Lost implements pace.Link.
func (t *transmitter) Lost(c pace.Class) {
	if c == pace.Repeat {
		t.p.drop(dropRepeat)
	} else {
		t.p.drop(dropSlow)
	}
}

func (t *transmitter) count(n int) {
	t.p.stats.out.Add(1)
	t.p.stats.bytesOut.Add(uint64(n))
}

func (t *transmitter) write(pa *path, b []byte) error {
	if err := pa.out.Send(b, pa.remote); err != nil {
		t.p.drop(dropSend)
		return err
	}
	t.count(len(b))
	return nil
}

// rtcp sends one compound packet at once.
func (t *transmitter) rtcp(packets ...rtcp.Packet) { t.rtcpBy(nil, packets...) }

// rtcpBy sends one compound packet, by a batch unless that is nil.
func (t *transmitter) rtcpBy(out *udp.Batch, packets ...rtcp.Packet) {
	pa, keys := t.p.ice.selected.Load(), t.keys.Load()
	if pa == nil || keys == nil || len(packets) == 0 {
		return
	}
	if !t.rsize.Load() { // RFC 3550 §6.1: a compound packet begins with a report
		switch packets[0].(type) {
		case *rtcp.SenderReport, *rtcp.ReceiverReport:
		default:
			packets = append([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: t.ssrc}}, packets...)
		}
	}
	b, err := rtcp.Marshal(packets)
	if err != nil || len(b)+seal.Room > bufferSize {
		t.p.log.Debug("RTCP not sent", "error", err, "size", len(b))
		return
	}
	if out != nil && pa.target != nil {
		if n, err := keys.RTCP(out.Reserve(len(b)+seal.Room), b); err == nil {
			out.Send(pa.target, n)
			t.count(n)
		}
		return
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	n, err := keys.RTCP(buf[:], b)
	if err != nil {
		t.p.log.Debug("RTCP not sent", "error", err)
		return
	}
	_ = t.write(pa, buf[:n])
}
