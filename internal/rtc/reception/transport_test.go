package reception

import (
	"testing"

	"github.com/pion/rtcp"
)

// TestTransport: a client's estimator hears every 50 ms of all packets, sooner when there are many.
func TestTransport(t *testing.T) {
	const ms = int64(1e6)
	var tr Transport
	tr.Init(7)
	if tr.Reports() != nil {
		t.Error("a report of nothing")
	}
	reports, packets, last := 0, 0, int64(0)
	take := func(now int64) {
		for _, p := range tr.Reports() {
			cc := p.(*rtcp.TransportLayerCC)
			reports++
			packets += int(cc.PacketStatusCount)
			if cc.SenderSSRC != 7 || now-last > 60*ms {
				t.Errorf("from %d, %d ms after the last", cc.SenderSSRC, (now-last)/ms)
			}
			last = now
		}
	}
	for i := range int64(500) { // 5 s of sound and picture
		if now := i * 10 * ms; tr.Note(1+uint32(i%2), uint16(i+65000), now) {
			take(now)
		}
	}
	take(5000 * ms)
	if packets != 500 || reports < 80 || reports > 101 {
		t.Errorf("%d packets in %d reports", packets, reports)
	}
	for i := range int64(transportMost) {
		if due := tr.Note(1, uint16(i+65500), 5000*ms+i); due != (i == transportMost-1) {
			t.Errorf("after %d packets at once: %v", i+1, due)
		}
	}
}
