package rtc

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

var errNotReady = errors.New("rtc: not connected")

// tagRoom is what SRTP and SRTCP add at most: tag, index.
const tagRoom = 32

// transmitter seals what the peer sends. Tracks of several publishers use it at once, hence the lock; it is held
// for one packet.
type transmitter struct {
	p     *Peer
	ssrc  uint32 // of RTCP that belongs to no stream of ours
	rsize atomic.Bool

	mu  sync.Mutex // guards the following
	ctx *srtp.Context
	h   rtp.Header
	buf [bufferSize]byte
}

func (t *transmitter) init(p *Peer) { t.p, t.ssrc = p, rand.Uint32()|1 }

func (t *transmitter) open(ctx *srtp.Context) {
	t.mu.Lock()
	t.ctx = ctx
	t.mu.Unlock()
}

// rtp sends one packet.
func (t *transmitter) rtp(h *rtp.Header, payload []byte) error {
	pa := t.p.ice.selected.Load()
	if pa == nil {
		return errNotReady
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil {
		return errNotReady
	}
	n, err := h.MarshalTo(t.buf[:])
	if err != nil || n+len(payload)+tagRoom > len(t.buf) {
		return errors.Join(errTooLong, err)
	}
	n += copy(t.buf[n:], payload)
	out, err := t.ctx.EncryptRTP(t.buf[:], t.buf[:n], &t.h)
	if err != nil {
		return err
	}
	return t.write(pa, out)
}

var errTooLong = errors.New("rtc: packet too long")

func (t *transmitter) write(pa *path, b []byte) error {
	if err := pa.out.send(b, pa.remote); err != nil {
		t.p.drop(dropSend)
		return err
	}
	t.p.stats.out.Add(1)
	t.p.stats.bytesOut.Add(uint64(len(b)))
	return nil
}

// rtcp sends one compound packet.
func (t *transmitter) rtcp(packets ...rtcp.Packet) {
	pa := t.p.ice.selected.Load()
	if pa == nil || len(packets) == 0 {
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
	if err != nil || len(b)+tagRoom > bufferSize {
		t.p.log.Debug("RTCP not sent", "error", err, "size", len(b))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil {
		return
	}
	out, err := t.ctx.EncryptRTCP(t.buf[:], b, nil)
	if err != nil {
		t.p.log.Debug("RTCP not sent", "error", err)
		return
	}
	_ = t.write(pa, out)
}
