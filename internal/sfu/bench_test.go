package sfu

import (
	"fmt"
	"testing"

	"github.com/pion/rtp"

	"veche.example/internal/media"
)

// copier is the cheapest honest Writer: it serialises the packet into a buffer of its own.
type copier struct {
	buf [1600]byte
	n   int
}

func (c *copier) WriteRTP(h *rtp.Header, payload []byte, _ Way) error {
	n, err := h.MarshalTo(c.buf[:])
	if err != nil {
		return err
	}
	c.n = n + copy(c.buf[n:], payload)
	return nil
}

// discard is a Writer that does nothing: what remains is the cost of this package.
type discard struct{}

func (discard) WriteRTP(*rtp.Header, []byte, Way) error { return nil }

// fan is a track with slots that all flow, and a source of packets of the usual size.
func fan(tb testing.TB, c media.Codec, slots int, w func() Writer) (*Track, func() *media.Packet) {
	src := newSource(1, c)
	tr := NewTrack(TrackConfig{Codec: c})
	for range slots {
		s := NewSlot(c.Kind(), w())
		b := binding()
		b.MIDExt, b.MID = 3, "1"
		s.Bind(b)
		if err := s.Show(tr); err != nil {
			tb.Fatal(err)
		}
		s.HandleRTCP(receiverReport(b.SSRC, 0, 0))
	}
	size := 1100
	if c.Kind() == media.Audio {
		size = 100
	}
	first := src.next(true, 1)[0]
	tr.Write(first)
	p := src.next(false, 1)[0]
	p.Payload = append(p.Payload, make([]byte, size-len(p.Payload))...)
	return tr, func() *media.Packet {
		p.Seq++
		p.Timestamp += 3000
		p.Arrival += 33 * ms
		return p
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	for _, c := range append(media.Codecs(media.Audio), videoCodecs...) {
		t.Run(c.Name(), func(t *testing.T) {
			tr, next := fan(t, c, 10, func() Writer { return new(copier) })
			for range 2 * videoRing { // every place of the ring has its buffer
				tr.Write(next())
			}
			if n := testing.AllocsPerRun(1000, func() { tr.Write(next()) }); n != 0 {
				t.Errorf("%v allocations per packet", n)
			}
		})
	}
}

func TestRetransmitDoesNotAllocate(t *testing.T) {
	tr, next := fan(t, media.VP8, 1, func() Writer { return new(copier) })
	for range 2 * videoRing {
		tr.Write(next())
	}
	s := (*tr.slots.Load())[0].slot
	last := next()
	tr.Write(last)
	now := last.Arrival
	s.now = func() int64 { return now }
	ask := nack(binding().SSRC, uint16(s.high.Load()))
	sent := s.Stats().Retransmitted
	n := testing.AllocsPerRun(100, func() {
		now += 21 * ms
		if now-last.Arrival > 900*ms {
			now = last.Arrival
			s.feedback.recent[s.high.Load()&(recents-1)] = resent{}
		}
		s.HandleRTCP(ask)
	})
	if n != 0 {
		t.Errorf("%v allocations per retransmission", n)
	}
	if got := s.Stats().Retransmitted - sent; got != 101 {
		t.Errorf("sent %d again", got)
	}
}

// BenchmarkFanout gives the cost of one packet to all slots; ns/slot is per subscriber.
func BenchmarkFanout(b *testing.B) {
	writers := []struct {
		name string
		make func() Writer
	}{{"discard", func() Writer { return discard{} }}, {"copy", func() Writer { return new(copier) }}}
	for _, w := range writers {
		for _, c := range []media.Codec{media.VP8, media.AV1, media.H264, media.Opus} {
			for _, n := range []int{1, 50, 300} {
				b.Run(fmt.Sprintf("%s/%v/%d", w.name, c, n), func(b *testing.B) {
					tr, next := fan(b, c, n, w.make)
					for range 2 * videoRing {
						tr.Write(next())
					}
					b.ReportAllocs()
					b.ResetTimer()
					for range b.N {
						tr.Write(next())
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/slot")
				})
			}
		}
	}
}

// BenchmarkDuplicate is the cost of a bandwidth probe's packet.
func BenchmarkDuplicate(b *testing.B) {
	tr, next := fan(b, media.VP8, 50, func() Writer { return discard{} })
	p := next()
	tr.Write(p)
	b.ReportAllocs()
	for range b.N {
		tr.Write(p)
	}
}
