package sfu

import (
	"fmt"
	"testing"

	"github.com/pion/rtp"
	"pgregory.net/rapid"

	"veche.example/internal/media"
)

// validator is a Writer that checks what every subscriber relies on. It has no lock on purpose: that two
// goroutines never send first transmissions of one slot at once is what the race detector then proves.
// Retransmissions come by the RTX SSRC and are only counted.
type validator struct {
	ssrc  uint32
	video bool
	fail  func(string)

	n       int
	seen    map[int64]bool // outgoing numbers, unwrapped
	high    int64
	cur     byte   // source of the run
	off     int64  // outgoing number - source's index, constant in a run
	ts      uint32 // highest
	frame   int64  // frame with the highest timestamp
	runs    int
	lastPID uint16
	pidOff  uint16
	pidAt   int
}

func newValidator(ssrc uint32, video bool, fail func(string)) *validator {
	return &validator{ssrc: ssrc, video: video, fail: fail, seen: map[int64]bool{}}
}

func (v *validator) errorf(format string, args ...any) {
	v.fail(fmt.Sprintf("packet %d: ", v.n) + fmt.Sprintf(format, args...))
}

func (v *validator) WriteRTP(h *rtp.Header, payload []byte, way Way) error {
	if uint16(way.Index) != h.SequenceNumber || way.Index < 0 {
		v.errorf("index %d of sequence number %d", way.Index, h.SequenceNumber)
	}
	if h.SSRC != v.ssrc {
		return nil
	}
	v.n++
	if v.n == 1 {
		v.high = int64(h.SequenceNumber) - 1
		v.ts = h.Timestamp - 1
		v.frame = -1
	}
	out := v.high + int64(int16(h.SequenceNumber-uint16(v.high)))
	if v.seen[out] {
		v.errorf("seq %d twice", h.SequenceNumber)
	}
	v.seen[out] = true
	b, ok := readBody(payload)
	if !ok {
		if len(payload) > 0 {
			v.errorf("payload garbled: %x", payload)
		}
		v.high = max(v.high, out)
		return nil
	}
	off := out - int64(b.index)
	if v.runs == 0 || b.src != v.cur || off != v.off {
		v.begin(h, b, out, off)
	}
	v.advance(h, b, out)
	v.counters(b, payload)
	return nil
}

// begin checks the first packet of a run, an uninterrupted line from one source.
func (v *validator) begin(h *rtp.Header, b body, out, off int64) {
	v.runs++
	switch {
	case out != v.high+1:
		v.errorf("run %d of source %d begins with seq %d after %d", v.runs, b.src, out, v.high)
	case v.video && !(b.key && b.first):
		v.errorf("run %d of source %d begins with no key frame (frame %d)", v.runs, b.src, b.frame)
	case int32(h.Timestamp-v.ts) <= 0:
		v.errorf("timestamp falls from %d to %d over a switch", v.ts, h.Timestamp)
	}
	v.cur, v.off, v.frame = b.src, off, int64(b.frame)-1
}

// advance checks order within a run.
func (v *validator) advance(h *rtp.Header, b body, out int64) {
	if out > v.high {
		if int64(b.frame) < v.frame {
			v.errorf("frame %d after %d with a higher seq", b.frame, v.frame)
		}
		v.high = out
	}
	d := int32(h.Timestamp - v.ts)
	switch f := int64(b.frame); {
	case f > v.frame && d <= 0, f == v.frame && d != 0, f < v.frame && d >= 0:
		v.errorf("frame %d after frame %d moves the timestamp by %d", f, v.frame, d)
	case f > v.frame:
		v.frame, v.ts = f, h.Timestamp
	}
}

// counters checks that the picture id is the frame number plus a constant of the run.
func (v *validator) counters(b body, payload []byte) {
	if v.pidAt == 0 {
		return
	}
	id := (uint16(payload[v.pidAt])<<8 | uint16(payload[v.pidAt+1])) & 0x7fff
	off := (id - uint16(b.frame)) & 0x7fff
	if b.key && b.first && off != v.pidOff {
		if v.n > 1 && id != (v.lastPID+1)&0x7fff {
			v.errorf("picture id %d after %d over a switch", id, v.lastPID)
		}
		v.pidOff = off
	}
	if off != v.pidOff {
		v.errorf("picture id %d of frame %d, offset %d is not %d", id, b.frame, off, v.pidOff)
	}
	if int16((id-v.lastPID)<<1) > 0 || v.n == 1 {
		v.lastPID = id
	}
}

// network carries packets from a source to a track: it loses, repeats and reorders some.
type network struct {
	t       *Track
	waiting []*media.Packet
	begun   bool            // the track has a packet of the present sequence
	pick    func(n int) int // a number below n
	hold    bool            // packets of a picture wait for each other
}

func (n *network) carry(p *media.Packet) {
	switch n.pick(20) {
	case 0: // lost
	case 1: // lost, then retransmitted
		q := *p
		q.Retransmit = true
		n.waiting = append(n.waiting, &q)
	case 2: // a probe repeats it
		n.give(p)
		q := *p
		q.Retransmit = true
		n.waiting = append(n.waiting, &q)
	case 3: // the same twice
		n.give(p)
		n.give(p)
	default:
		n.give(p)
	}
}

func (n *network) give(p *media.Packet) {
	p.Hold = n.hold && !p.Marker
	n.t.Write(p)
	if n.hold && n.pick(4) == 0 { // the reader has dealt with all that was there
		n.t.Release(nil)
	}
	n.begun = n.begun || len(p.Payload) > 0
	if len(n.waiting) > 0 && n.pick(3) == 0 {
		i := n.pick(len(n.waiting))
		q := n.waiting[i]
		n.waiting = append(n.waiting[:i], n.waiting[i+1:]...)
		q.Arrival = p.Arrival
		n.t.Write(q)
	}
}

// TestSwitchesHold draws publishers with wrapping counters, a bad network and any order of switches; the
// validator judges what one slot sends.
func TestSwitchesHold(t *testing.T) {
	for _, c := range []media.Codec{media.VP8, media.VP9, media.AV1, media.H264, media.Opus} {
		t.Run(c.Name(), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { switchesHold(rt, c) })
		})
	}
}

func switchesHold(rt *rapid.T, c media.Codec) {
	v := newValidator(binding().SSRC, c.Kind() == media.Video, func(s string) { rt.Fatal(s) })
	v.pidAt = map[media.Codec]int{media.VP8: 2, media.VP9: 1}[c]
	s := NewSlot(c.Kind(), v)
	s.Bind(binding())
	s.high.Store(rapid.SampledFrom([]int64{10, 65530, 32760}).Draw(rt, "out seq"))
	s.missing.Store(s.high.Load())
	s.run.ts = rapid.SampledFrom([]uint32{0, 1<<32 - 9000, 1<<31 - 9000}).Draw(rt, "out ts")
	var (
		sources []*source
		nets    []*network
	)
	for i := range rapid.IntRange(1, 3).Draw(rt, "publishers") {
		src := newSource(byte(i+1), c)
		src.seq = rapid.SampledFrom([]uint16{0, 65500, 32700}).Draw(rt, "seq")
		src.ts = rapid.SampledFrom([]uint32{0, 1<<32 - 50000, 1<<31 - 50000}).Draw(rt, "ts")
		src.pid = rapid.SampledFrom([]uint16{0, 32750, 120}).Draw(rt, "pid")
		src.step += int64(i) * ms
		tr := newTrack(src, nil)
		sources = append(sources, src)
		nets = append(nets, &network{t: tr, hold: rapid.Bool().Draw(rt, "hold"), pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "net") }})
	}
	now := int64(0)
	s.now = func() int64 { return now }
	for range rapid.IntRange(1, 60).Draw(rt, "frames") {
		i := rapid.IntRange(0, len(sources)-1).Draw(rt, "who")
		src := sources[i]
		src.at = max(src.at, now) // time is common, a source may have been still
		now = src.at
		switch rapid.IntRange(0, 12).Draw(rt, "control") {
		case 0:
			s.Show(nets[rapid.IntRange(0, len(nets)-1).Draw(rt, "show")].t)
		case 1:
			s.Pause(rapid.Bool().Draw(rt, "pause"))
		case 2:
			s.Show(nil)
		case 3:
			if nets[i].begun { // padding that is lost or comes before all would be a hole that the index does not know
				nets[i].give(src.padding())
			}
		case 4:
			b := binding()
			b.MIDExt, b.MID = 3, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "mid")
			s.Bind(b)
		case 5:
			// a restart of the publisher; its index goes on so that a new run is seen as such
			src.ssrc++
			src.seq, src.index = rapid.Uint16().Draw(rt, "new seq"), src.index+1000
			nets[i].waiting, nets[i].begun = nil, false
		}
		key := rapid.IntRange(0, 4).Draw(rt, "key") == 0
		n := 1
		if c.Kind() == media.Video {
			n = rapid.IntRange(1, 4).Draw(rt, "packets")
		}
		for _, p := range src.next(key, n) {
			nets[i].carry(p)
		}
	}
	for _, n := range nets {
		n.t.Release(nil)
	}
	// More runs than switches would mean that sources alternated.
	allowed := s.Stats().Switches
	for _, n := range nets {
		allowed += n.t.Stats().Resets
	}
	if uint64(v.runs) > allowed {
		rt.Fatalf("%d runs, %d switches and resets", v.runs, allowed)
	}
	if got := s.Stats().Packets; got != uint64(v.n) {
		rt.Fatalf("counted %d of %d packets", got, v.n)
	}
}
