package sfu

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"veche.example/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = int64(1e6)

// bodySize is the length of what body writes.
const bodySize = 12

// body is what the test publishers put behind the payload descriptor: who sent it and what it is.
type body struct {
	src   byte
	key   bool // belongs to a key frame
	first bool // first packet of its frame
	frame uint32
	index uint32 // counts the publisher's media packets, lost ones included
}

func (b body) put(p []byte) []byte {
	flags := byte(0)
	if b.key {
		flags |= 1
	}
	if b.first {
		flags |= 2
	}
	p = append(p, 0xAA, b.src, flags, 0)
	p = binary.BigEndian.AppendUint32(p, b.frame)
	return binary.BigEndian.AppendUint32(p, b.index)
}

func readBody(p []byte) (body, bool) {
	if len(p) < bodySize || p[len(p)-bodySize] != 0xAA {
		return body{}, false
	}
	p = p[len(p)-bodySize:]
	return body{src: p[1], key: p[2]&1 != 0, first: p[2]&2 != 0,
		frame: binary.BigEndian.Uint32(p[4:]), index: binary.BigEndian.Uint32(p[8:])}, true
}

// source makes the packets of one publisher's track.
type source struct {
	id    byte
	codec media.Codec
	ssrc  uint32
	seq   uint16
	ts    uint32
	pid   uint16
	bits  int // of the picture id: 0, 7 or 15
	tl0   uint8
	fn    uint16 // AV1 frame number
	dd    bool
	frame uint32
	index uint32
	at    int64 // arrival of the next frame
	step  int64 // between frames, ns
}

func newSource(id byte, c media.Codec) *source {
	s := &source{id: id, codec: c, ssrc: 1000 + uint32(id), seq: uint16(id) * 7919, ts: uint32(id) * 0x11111111,
		pid: uint16(id) * 4000, bits: 15, tl0: id * 40, fn: uint16(id) * 9000, dd: true, at: 1000 * ms, step: 33 * ms}
	if c.Kind() == media.Audio {
		s.step = 20 * ms
	}
	return s
}

// next makes the n packets of the next frame and moves on.
func (s *source) next(key bool, n int) []*media.Packet {
	var list []*media.Packet
	for i := range n {
		p := &media.Packet{SSRC: s.ssrc, Seq: s.seq, Timestamp: s.ts, PT: 120, Marker: i == n-1, Level: -1, Arrival: s.at}
		b := body{src: s.id, key: key, first: i == 0, frame: s.frame, index: s.index}
		p.Payload = b.put(s.descriptor(key, i == 0))
		if s.codec == media.AV1 && s.dd {
			p.DD = []byte{0x80, byte(s.fn >> 8), byte(s.fn)}
			if key {
				p.DD = append(p.DD, make([]byte, 20)...)
			}
		}
		if s.codec.Kind() == media.Audio {
			p.Marker, p.Level = false, 30
		}
		s.seq++
		s.index++
		list = append(list, p)
	}
	s.frame++
	s.pid++
	s.tl0++
	s.fn++
	s.at += s.step
	s.ts += uint32(ticks(s.step, s.codec.ClockRate()))
	return list
}

// descriptor makes what the payload format puts before the frame's bytes.
func (s *source) descriptor(key, first bool) []byte {
	pid := func(p []byte) []byte {
		switch s.bits {
		case 7:
			return append(p, byte(s.pid&0x7f))
		case 15:
			return append(p, 0x80|byte(s.pid>>8), byte(s.pid))
		}
		return p
	}
	bit := func(on bool, b byte) byte {
		if on {
			return b
		}
		return 0
	}
	switch s.codec {
	case media.VP8:
		p := []byte{0x80 | bit(first, 0x10), bit(s.bits > 0, 0x80) | 0x40}
		return append(pid(p), s.tl0, bit(!key, 1))
	case media.VP9:
		p := []byte{bit(s.bits > 0, 0x80) | bit(!key, 0x40) | bit(first, 0x08)}
		return pid(p)
	case media.AV1:
		if key && first {
			return []byte{0x08 | 0x20, 2, 1 << 3, 0, 6 << 3} // W=2: a sequence header, then a frame
		}
		return []byte{bit(!first, 0x80) | 0x10, 6 << 3}
	case media.H264:
		switch {
		case key && first:
			return []byte{24, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce}
		case key:
			return []byte{0x7c, 0x05, 0x11}
		}
		return []byte{0x61, 0xe0}
	case media.H265:
		if key && first {
			return []byte{48 << 1, 1, 0, 3, 32 << 1, 1, 9, 0, 3, 33 << 1, 1, 9}
		}
		return []byte{1 << 1, 1, 0xd0}
	}
	return nil
}

// padding makes a packet without payload.
func (s *source) padding() *media.Packet {
	p := &media.Packet{SSRC: s.ssrc, Seq: s.seq, Timestamp: s.ts, Level: -1, Arrival: s.at}
	s.seq++
	return p
}

func write(t *Track, list ...*media.Packet) {
	for _, p := range list {
		t.Write(p)
	}
}

// sent is one packet that a slot sent.
type sent struct {
	rtp.Header
	body
	payload []byte
	dd      []byte
	mid     string
}

// sink is a Writer that keeps copies.
type sink struct {
	b Binding

	mu   sync.Mutex
	all  []sent
	fail error
}

var errSink = errors.New("sink")

func (k *sink) WriteRTP(h *rtp.Header, payload []byte, _ Way) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := sent{Header: h.Clone(), payload: append([]byte(nil), payload...)}
	s.body, _ = readBody(payload)
	s.dd = append([]byte(nil), h.GetExtension(k.b.DDExt)...)
	s.mid = string(h.GetExtension(k.b.MIDExt))
	if _, err := h.Marshal(); err != nil {
		return err
	}
	k.all = append(k.all, s)
	return k.fail
}

// take returns what was sent since the last call.
func (k *sink) take() []sent {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.all
	k.all = nil
	return l
}

// binding negotiates everything.
func binding() Binding {
	b := Binding{SSRC: 0xABCD, RTXSSRC: 0xDCBA, DDExt: 5}
	for c := media.Opus; c <= media.H265; c++ {
		b.Payload[c] = Payload{Negotiated: true, Type: 90 + uint8(c)}
		if c.Kind() == media.Video {
			b.Payload[c].RTX = 110 + uint8(c)
		}
	}
	b.Payload[media.PCMU].Type = 0
	return b
}

// rig is a slot with its sink and a clock under the test's control.
type rig struct {
	*Slot
	sink     *sink
	time     int64
	switches []uint32
	shown    []*Track
}

func newRig(kind media.Kind, edit ...func(*Binding)) *rig {
	b := binding()
	for _, f := range edit {
		f(&b)
	}
	r := &rig{sink: &sink{b: b}, time: 1000 * ms}
	r.Slot = NewSlot(kind, r.sink)
	r.Slot.now = func() int64 { return r.time }
	r.OnSwitch(func(t *Track, first uint32) {
		r.shown, r.switches = append(r.shown, t), append(r.switches, first)
	})
	r.Bind(b)
	return r
}

// upstream counts requests for key frames.
type upstream struct {
	mu sync.Mutex
	n  int
	at []int64
	// now is read at each request if set.
	now *int64
}

func (u *upstream) RequestKeyFrame() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n++
	if u.now != nil {
		u.at = append(u.at, *u.now)
	}
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.n
}

// newTrack makes a track whose clock is that of the source.
func newTrack(s *source, up Upstream) *Track {
	t := NewTrack(TrackConfig{ID: string('a' + rune(s.id)), Codec: s.codec, Up: up})
	t.now = func() int64 { return s.at }
	return t
}

// contiguous checks that sequence numbers follow each other and timestamps do not fall.
func contiguous(t *testing.T, list []sent) {
	t.Helper()
	for i := 1; i < len(list); i++ {
		a, b := list[i-1], list[i]
		if b.SequenceNumber != a.SequenceNumber+1 {
			t.Fatalf("packet %d: seq %d follows %d", i, b.SequenceNumber, a.SequenceNumber)
		}
		if d := int32(b.Timestamp - a.Timestamp); d < 0 || d == 0 && b.frame != a.frame || d > 0 && b.frame == a.frame && b.src == a.src {
			t.Fatalf("packet %d: ts %d (frame %d) follows %d (frame %d)", i, b.Timestamp, b.frame, a.Timestamp, a.frame)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
