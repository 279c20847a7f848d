package sfu

import (
	"testing"

	"github.com/pion/rtcp"

	"veche.example/internal/media"
)

// ntpAt is an NTP time in nanoseconds since 1900.
func ntpAt(ns int64) uint64 { return uint64(ns/1e9)<<32 | uint64(ns%1e9)<<32/1e9 }

func receiverReport(ssrc, lsr, dlsr uint32) []rtcp.Packet {
	return []rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
		{SSRC: ssrc + 1}, // about somebody else
		{SSRC: ssrc, FractionLost: 64, TotalLost: 0xfffffe, Jitter: 12, LastSenderReport: lsr, Delay: dlsr},
	}}}
}

func nack(ssrc uint32, seqs ...uint16) []rtcp.Packet {
	return []rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)}}
}

// live is a slot that has sent a key frame and ten frames of two packets.
func live(t *testing.T, c media.Codec, edit ...func(*Binding)) (*rig, *Track, *source, []sent) {
	t.Helper()
	src := newSource(1, c)
	tr := newTrack(src, nil)
	r := newRig(c.Kind(), edit...)
	must(t, r.Show(tr))
	for i := range 11 {
		write(tr, src.next(i == 0, 2)...)
	}
	r.time = src.at
	return r, tr, src, r.sink.take()
}

func TestNackRTX(t *testing.T) {
	for _, c := range videoCodecs {
		t.Run(c.Name(), func(t *testing.T) {
			r, _, _, got := live(t, c, func(b *Binding) { b.MIDExt, b.MID = 3, "m" })
			b := r.sink.b
			r.HandleRTCP(nack(b.SSRC, got[3].SequenceNumber, got[7].SequenceNumber))
			again := r.sink.take()
			equal(t, "packets", len(again), 2)
			for i, was := range []sent{got[3], got[7]} {
				p := again[i]
				equal(t, "ssrc", p.SSRC, b.RTXSSRC)
				equal(t, "pt", p.PayloadType, b.Payload[c].RTX)
				equal(t, "timestamp", p.Timestamp, was.Timestamp)
				equal(t, "marker", p.Marker, was.Marker)
				equal(t, "original number", uint16(p.payload[0])<<8|uint16(p.payload[1]), was.SequenceNumber)
				equal(t, "payload", string(p.payload[2:]), string(was.payload))
				equal(t, "descriptor", string(p.dd), string(was.dd))
				equal(t, "mid", p.mid, was.mid)
			}
			equal(t, "own numbers", again[1].SequenceNumber, again[0].SequenceNumber+1)
			equal(t, "counted", r.Stats().Retransmitted, 2)
			equal(t, "not as first transmissions", r.Stats().Packets, uint64(len(got)))
		})
	}
}

func TestNackPlain(t *testing.T) {
	for _, c := range append([]media.Codec{media.Opus}, videoCodecs...) {
		t.Run(c.Name(), func(t *testing.T) {
			r, _, _, got := live(t, c, func(b *Binding) { b.RTXSSRC, b.MIDExt, b.MID = 0, 3, "m" })
			// Neither a new binding nor the end of the mid changes what was sent.
			r.HandleRTCP(receiverReport(r.sink.b.SSRC, 0, 0))
			b := r.sink.b
			b.Payload[c].Type = 77
			r.Bind(b)
			for _, i := range []int{0, 3, len(got) - 1} {
				r.HandleRTCP(nack(b.SSRC, got[i].SequenceNumber))
				again := r.sink.take()
				equal(t, "packets", len(again), 1)
				was, _ := got[i].Marshal()
				is, _ := again[0].Marshal()
				equal(t, "header", string(is), string(was))
				equal(t, "payload", string(again[0].payload), string(got[i].payload))
			}
		})
	}
}

func TestNackAcrossSwitches(t *testing.T) {
	a, b := newSource(1, media.VP8), newSource(2, media.VP8)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Video)
	for i := range 4 {
		src, tr := a, ta
		if i%2 == 1 {
			src, tr = b, tb
		}
		r.time = src.at
		must(t, r.Show(tr))
		write(tr, src.next(true, 3)...)
	}
	got := r.sink.take()
	equal(t, "packets", len(got), 12)
	for _, was := range got {
		r.HandleRTCP(nack(r.sink.b.SSRC, was.SequenceNumber))
		again := r.sink.take()
		equal(t, "packets", len(again), 1)
		equal(t, "payload", string(again[0].payload[2:]), string(was.payload))
		equal(t, "timestamp", again[0].Timestamp, was.Timestamp)
	}
	ta.Close()
	r.time += 100 * ms
	for _, was := range got {
		r.HandleRTCP(nack(r.sink.b.SSRC, was.SequenceNumber))
	}
	for _, p := range r.sink.take() {
		equal(t, "nothing of a closed track", p.src, 2)
	}
	equal(t, "unknown", r.Stats().NackUnknown, 6)
}

func TestNackOfCaughtUpPackets(t *testing.T) {
	src := newSource(1, media.VP9)
	tr := newTrack(src, nil)
	for i := range 10 {
		write(tr, src.next(i == 0, 2)...)
	}
	r := newRig(media.Video)
	r.time = src.at
	must(t, r.Show(tr))
	write(tr, src.next(false, 1)...)
	got := r.sink.take()
	equal(t, "packets", len(got), 21)
	for _, was := range got {
		r.HandleRTCP(nack(r.sink.b.SSRC, was.SequenceNumber))
		again := r.sink.take()
		equal(t, "timestamp", again[0].Timestamp, was.Timestamp)
		equal(t, "payload", string(again[0].payload[2:]), string(was.payload))
	}
}

func TestNackOfPacketThatNeverCameThenDoes(t *testing.T) {
	a, b := newSource(1, media.VP8), newSource(2, media.VP8)
	ta, tb := newTrack(a, nil), newTrack(b, nil)
	r := newRig(media.Video)
	must(t, r.Show(ta))
	write(ta, a.next(true, 1)...)
	f := a.next(false, 3)
	write(ta, f[0], f[2]) // f[1] is lost on its way to the server
	must(t, r.Show(tb))
	write(tb, b.next(true, 1)...)
	got := r.sink.take()
	missing := got[1].SequenceNumber + 1
	r.HandleRTCP(nack(r.sink.b.SSRC, missing))
	equal(t, "not there", r.Stats().NackUnknown, 1)
	write(ta, f[1])
	equal(t, "the slot has turned away", len(r.sink.take()), 0)
	r.HandleRTCP(nack(r.sink.b.SSRC, missing))
	again := r.sink.take()
	equal(t, "but it is in the ring", len(again), 1)
	equal(t, "index", again[0].index, key1(f[1]))
}

func TestNackLimits(t *testing.T) {
	r, tr, src, got := live(t, media.VP8)
	ssrc := r.sink.b.SSRC
	last := got[len(got)-1].SequenceNumber
	r.HandleRTCP(nack(ssrc+9, last))
	equal(t, "of another stream", r.Stats().Nacked, 0)
	r.HandleRTCP(nack(ssrc, last+1))
	r.HandleRTCP(nack(ssrc, got[0].SequenceNumber-1))
	equal(t, "never sent", r.Stats().NackUnknown, 2)

	r.HandleRTCP(nack(ssrc, last))
	r.HandleRTCP(nack(ssrc, last))
	equal(t, "sent once", len(r.sink.take()), 1)
	equal(t, "recent", r.Stats().NackRecent, 1)
	r.time += 21 * ms
	r.HandleRTCP(nack(ssrc, last))
	equal(t, "again after 20 ms", len(r.sink.take()), 1)

	r.time += 1100 * ms
	r.HandleRTCP(nack(ssrc, last))
	equal(t, "old", r.Stats().NackOld, 1)
	equal(t, "nothing sent", len(r.sink.take()), 0)

	src.at = r.time
	var seqs []uint16
	for range 700 {
		write(tr, src.next(false, 1)...)
	}
	for _, p := range r.sink.take() {
		seqs = append(seqs, p.SequenceNumber)
	}
	src.at -= 700 * 33 * ms
	r.time = src.at
	r.HandleRTCP(nack(ssrc, seqs...))
	equal(t, "bounded", r.Stats().NackExcess, 700-512)
}

func TestNackPauseFollowsRoundTrip(t *testing.T) {
	r, _, _, got := live(t, media.VP8)
	r.feedback.rtt = 200 * ms
	last := got[len(got)-1].SequenceNumber
	r.HandleRTCP(nack(r.sink.b.SSRC, last))
	r.time += 100 * ms
	r.HandleRTCP(nack(r.sink.b.SSRC, last))
	equal(t, "within the round trip", len(r.sink.take()), 1)
	r.time += 60 * ms
	r.HandleRTCP(nack(r.sink.b.SSRC, last))
	equal(t, "after three quarters of it", len(r.sink.take()), 1)
}

func TestNackAfterRingWrapped(t *testing.T) {
	r, tr, src, got := live(t, media.VP8)
	src.step = ms / 10
	for range videoRing {
		write(tr, src.next(false, 1)...)
	}
	r.time = src.at
	r.sink.take()
	r.HandleRTCP(nack(r.sink.b.SSRC, got[0].SequenceNumber))
	equal(t, "overwritten", r.Stats().NackUnknown, 1)
}

func TestNackAfterClose(t *testing.T) {
	r, _, _, got := live(t, media.VP8)
	r.Close()
	r.HandleRTCP(nack(r.sink.b.SSRC, got[3].SequenceNumber))
	r.HandleRTCP(nack(0, got[3].SequenceNumber))
	equal(t, "sent", len(r.sink.take()), 0)
}

func TestReportsAndRoundTrip(t *testing.T) {
	r, _, _, _ := live(t, media.VP8)
	now := media.Now()
	r.time = now
	lsr := uint32(ntpTime(media.Wall(now-150*ms)) >> 16)   // our report left 150 ms ago
	r.HandleRTCP(receiverReport(r.sink.b.SSRC, lsr, 6554)) // and lay there for 100 ms
	st := r.Stats()
	equal(t, "fraction", st.FractionLost, 0.25)
	equal(t, "lost is signed", st.Lost, -2)
	equal(t, "jitter", st.Jitter, 12)
	if st.RTT < 49*ms || st.RTT > 51*ms {
		t.Errorf("rtt %d ms, want 50", st.RTT/ms)
	}
	// Reports in a sender report count too; nonsense does not change the round trip.
	sr := &rtcp.SenderReport{Reports: []rtcp.ReceptionReport{{SSRC: r.sink.b.SSRC, LastSenderReport: lsr, Delay: 0x7fffffff}}}
	r.HandleRTCP([]rtcp.Packet{sr})
	equal(t, "rtt kept", r.Stats().RTT, st.RTT)
	equal(t, "at", r.Stats().ReportedAt, now)
}

func TestPictureLoss(t *testing.T) {
	src, up := newSource(1, media.VP8), &upstream{}
	tr := newTrack(src, up)
	r := newRig(media.Video)
	must(t, r.Show(tr))
	write(tr, src.next(true, 1)...)
	src.at += 2000 * ms
	r.time = src.at
	n := up.count()
	r.HandleRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: 1}})
	equal(t, "of another stream", up.count(), n)
	r.HandleRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: r.sink.b.SSRC}})
	equal(t, "PLI", up.count(), n+1)
	r.time += 1000 * ms
	fir := &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 3}, {SSRC: r.sink.b.SSRC}}}
	r.HandleRTCP([]rtcp.Packet{fir, &rtcp.Goodbye{}})
	equal(t, "FIR", up.count(), n+2)
	equal(t, "counted", r.Stats().KeyFrameRequests, 2)
	must(t, r.Show(nil))
	r.time += 1000 * ms
	r.HandleRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: r.sink.b.SSRC}})
	equal(t, "nothing shown", up.count(), n+2)
}

func TestSenderReports(t *testing.T) {
	clock := new(Clock)
	a, v := newSource(1, media.Opus), newSource(2, media.VP8)
	ta := NewTrack(TrackConfig{Codec: media.Opus, Clock: clock})
	tv := NewTrack(TrackConfig{Codec: media.VP8, Clock: clock})
	ra, rv := newRig(media.Audio), newRig(media.Video)
	if _, ok := rv.SenderReport(v.at); ok {
		t.Fatal("a report of nothing")
	}
	must(t, ra.Show(ta))
	must(t, rv.Show(tv))
	write(ta, a.next(true, 1)...)
	write(tv, v.next(true, 1)...)
	if _, ok := rv.SenderReport(v.at); ok {
		t.Fatal("a report before the publisher's")
	}
	// The same instant of capture: audio ts 5000, video ts 7000; reports arrive with different delays.
	ntp := int64(3_900_000_000) * 1e9
	tv.SenderReport(0, 1, 1) // no clock: ignored
	ta.SenderReport(ntpAt(ntp), 5000, 1000*ms)
	tv.SenderReport(ntpAt(ntp), 7000, 1080*ms)
	sa, ok1 := ra.SenderReport(3000 * ms)
	sv, ok2 := rv.SenderReport(3000 * ms)
	if !ok1 || !ok2 {
		t.Fatal("no report")
	}
	equal(t, "same clock", sa.NTPTime, sv.NTPTime)
	equal(t, "audio 2 s later", near(sa.RTPTime, 5000+96000+ra.run.ep.tsOff, 10), true)
	equal(t, "video 2 s later", near(sv.RTPTime, 7000+180000+rv.run.ep.tsOff, 20), true)
	equal(t, "ssrc", sv.SSRC, rv.sink.b.SSRC)
	equal(t, "packets", sv.PacketCount, 1)
	equal(t, "octets", sv.OctetCount, uint32(rv.Stats().Bytes))
	must(t, rv.Show(nil))
	if _, ok := rv.SenderReport(3000 * ms); ok {
		t.Fatal("a report while nothing flows")
	}
}

func near(a, b, tolerance uint32) bool {
	d := int32(a - b)
	return d >= -int32(tolerance) && d <= int32(tolerance)
}

func TestNackWriteError(t *testing.T) {
	r, _, _, got := live(t, media.VP8)
	r.sink.fail = errSink
	r.HandleRTCP(nack(r.sink.b.SSRC))
	r.HandleRTCP(nack(r.sink.b.SSRC, got[2].SequenceNumber))
	equal(t, "errors", r.Stats().WriteErrors, 1)
}

// TestNackOverLongWay: where the round trip is long, a packet may be lost twice before it is too old.
func TestNackOverLongWay(t *testing.T) {
	for _, c := range []struct{ rtt, age, sent int64 }{
		{0, 999 * ms, 1}, {0, 1001 * ms, 0}, {300 * ms, 1001 * ms, 0},
		{600 * ms, 1799 * ms, 1}, {600 * ms, 1801 * ms, 0}, {9000 * ms, 2999 * ms, 1}, {9000 * ms, 3001 * ms, 0},
	} {
		src := newSource(1, media.VP8)
		tr, r := newTrack(src, nil), newRig(media.Video)
		must(t, r.Show(tr))
		write(tr, src.next(true, 1)...)
		got := r.sink.take()
		r.feedback.rtt = c.rtt
		arrived := tr.ring.at(tr.high).arrival
		r.time = arrived + c.age
		r.HandleRTCP(nack(r.sink.b.SSRC, got[0].SequenceNumber))
		equal(t, "sent again", int64(len(r.sink.take())), c.sent)
		equal(t, "too old", int64(r.Stats().NackOld), 1-c.sent)
	}
}
