package rtc

import (
	"testing"

	"github.com/pion/rtp"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
)

// BenchmarkReceive opens a packet of 1100 bytes and parses it; nobody watches.
func BenchmarkReceive(b *testing.B) { benchmark(b, 0, 0) }

// BenchmarkForward does the same and sends it to ten, sealed ten times, but for the socket.
func BenchmarkForward(b *testing.B) { benchmark(b, 10, 0) }

// BenchmarkForwardNumbered does the same to clients that report transport-wide.
func BenchmarkForwardNumbered(b *testing.B) { benchmark(b, 10, 3) }

func benchmark(b *testing.B, watchers int, ext uint8) {
	o := newOffline(b)
	o.keep.Store(false)
	o.video(1)
	track := o.track("v")
	for range watchers {
		out := newOutbound(o.Peer, "", media.Video, "s")
		out.open.Store(true)
		binding := sfu.Binding{SSRC: out.ssrc, TransportExt: ext}
		o.tx.pace.Enable(3, false)
		binding.Payload[media.VP8] = sfu.Payload{Negotiated: true, Type: 96}
		out.slot.Bind(binding)
		must(b, out.slot.Show(track))
		b.Cleanup(out.slot.Close)
	}
	const lot = 1 << 12
	payload := append(keyPayload(media.VP8), make([]byte, 1090)...)
	list := make([][]byte, lot)
	seq := uint16(2)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%lot == 0 {
			b.StopTimer()
			for j := range list {
				list[j] = o.seal(rtp.Header{SSRC: 2222, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(seq), Marker: true}, payload)
				seq++
			}
			b.StartTimer()
		}
		o.rx.take(list[i%lot], media.Now(), nil)
	}
	b.StopTimer()
	if n := track.Stats().Packets; n < uint64(b.N) {
		b.Fatal(n, "packets of", b.N)
	}
}
