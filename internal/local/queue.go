package local

import (
	"context"
	"sync/atomic"

	"github.com/pion/rtp"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
)

// Packet is one RTP packet on its way out. Seq and Timestamp are those of the slot: one line over all switches.
type Packet struct {
	Codec     media.Codec
	Seq       uint16
	Timestamp uint32
	Marker    bool
	Arrival   int64 // media.Now when it was queued
	Payload   []byte
}

// Queue is an sfu.Writer that keeps packets for a goroutine of its own. It is bounded: when its reader is slow, packets are
// dropped and counted, and the reader is told by Lost.
type Queue struct {
	ch   chan Packet
	lost atomic.Uint64
}

// NewQueue makes a queue for this many packets.
func NewQueue(size int) *Queue { return &Queue{ch: make(chan Packet, size)} }

// WriteRTP implements sfu.Writer. It never waits.
func (q *Queue) WriteRTP(h *rtp.Header, payload []byte, _ sfu.Way) error {
	c, ok := CodecOf(h.PayloadType)
	if !ok || len(payload) == 0 { // padding
		return nil
	}
	p := Packet{
		Codec: c, Seq: h.SequenceNumber, Timestamp: h.Timestamp, Marker: h.Marker, Arrival: media.Now(),
		Payload: append([]byte(nil), payload...),
	}
	select {
	case q.ch <- p:
	default:
		q.lost.Add(1)
	}
	return nil
}

// Read waits for the next packet; the error is that of ctx.
func (q *Queue) Read(ctx context.Context) (Packet, error) {
	select {
	case p := <-q.ch:
		return p, nil
	case <-ctx.Done():
		return Packet{}, ctx.Err()
	}
}

// Chan is what Read reads from, for a select.
func (q *Queue) Chan() <-chan Packet { return q.ch }

// Lost is how many packets were dropped so far because nobody read them in time.
func (q *Queue) Lost() uint64 { return q.lost.Load() }
