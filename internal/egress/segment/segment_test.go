package segment

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"veche.example/internal/media"
)

func TestOrder(t *testing.T) {
	var o Order
	var got []uint16
	push := func(seq uint16, at time.Duration) {
		for _, p := range o.Push(Packet{Seq: seq, Arrival: int64(at)}) {
			got = append(got, p.Seq)
		}
	}
	for i, seq := range []uint16{65534, 65535, 1, 2, 0, 0, 3, 5, 6} {
		push(seq, time.Duration(i)*time.Millisecond)
	}
	push(7, 200*time.Millisecond) // 4 does not come
	push(4, 201*time.Millisecond)
	want := []uint16{65534, 65535, 0, 1, 2, 3, 5, 6, 7}
	if len(got) != len(want) {
		t.Fatal(got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatal(got)
		}
	}
	if len(o.Push(Packet{Seq: 9, Arrival: int64(time.Second)})) != 0 || len(o.Expire(int64(2*time.Second))) != 1 {
		t.Error("what waits alone does not expire")
	}
}

// TestAssemblerLoss: a picture of which a packet is missing is not given, and it is told.
func TestAssemblerLoss(t *testing.T) {
	a, err := NewAssembler(media.H264)
	if err != nil {
		t.Fatal(err)
	}
	push := func(seq uint16, ts uint32, marker bool, payload ...byte) (bool, bool) {
		_, ok, lost := a.Push(Packet{Seq: seq, Timestamp: ts, Marker: marker, Payload: payload})
		return ok, lost
	}
	if ok, lost := push(1, 0, true, 0x65, 1); !ok || lost {
		t.Error(ok, lost)
	}
	push(2, 3000, false, 0x7c, 0x85, 1) // FU-A, the beginning
	if ok, lost := push(4, 3000, true, 0x7c, 0x45, 3); ok || !lost {
		t.Error("torn:", ok, lost)
	}
	if ok, _ := push(5, 6000, true, 0x65, 1); !ok {
		t.Error("the next is lost too")
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add(uint8(media.H264), []byte{0x7c, 0x85, 1}, []byte{0x7c, 0x45, 2})
	f.Add(uint8(media.VP9), []byte{0x88, 1, 2}, []byte{0x84})
	f.Add(uint8(media.AV1), []byte{0x10, 0x0a, 1}, []byte{0x90})
	f.Fuzz(func(t *testing.T, c uint8, first, second []byte) {
		codec := media.Codec(c)
		a, err := NewAssembler(codec)
		if err != nil || codec.Kind() != media.Video {
			return
		}
		for i, b := range [][]byte{first, second, first} {
			u, ok, _ := a.Push(Packet{Seq: uint16(i), Timestamp: uint32(i / 2), Marker: i > 0, Payload: b})
			if !ok {
				continue
			}
			if len(u.Data) == 0 {
				t.Error("a unit of nothing")
			}
			if data, key, _, err := Describe(u); err == nil && key && len(data) == 0 {
				t.Error("a key frame of nothing")
			}
		}
	})
}

// TestClock: reports move the line only when it is far off; without them the least delayed arrival counts.
func TestClock(t *testing.T) {
	c := Clock{Rate: 90000}
	ms := int64(time.Millisecond)
	for _, step := range []struct {
		ts                uint32
		arrival, captured int64
		reported          bool
		want              time.Duration
	}{
		{1<<32 - 9000, 1000 * ms, 0, false, 1000 * time.Millisecond},
		{0, 1150 * ms, 0, false, 1100 * time.Millisecond}, // 50 ms late
		{9000, 1190 * ms, 0, false, 1190 * time.Millisecond},
		{18000, 1300 * ms, 1270 * ms, true, 1290*time.Millisecond - 312500},
		{27000, 9000 * ms, 5000 * ms, true, 5000 * time.Millisecond},
	} {
		if got := c.Place(step.ts, step.arrival, step.captured, step.reported); got != step.want {
			t.Errorf("%+v: %v", step, got)
		}
	}
}

func newVideo(t *testing.T) *Track {
	t.Helper()
	_, c, err := Black()
	if err != nil {
		t.Fatal(err)
	}
	v := NewTrack("video", media.Video, 90000, 100)
	if err := v.Begin(100, 0, c); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestCut: segments begin with key frames if those come in time, and are never too long; parts hold together.
func TestCut(t *testing.T) {
	for name, c := range map[string]struct {
		every, gop time.Duration
		keyed      bool // every segment begins with a key frame
	}{
		"a key frame each two seconds":  {40 * time.Millisecond, 2 * time.Second, true},
		"a key frame each half second":  {33 * time.Millisecond, 495 * time.Millisecond, true},
		"a key frame each ten seconds":  {40 * time.Millisecond, 10 * time.Second, false},
		"a picture each half second":    {500 * time.Millisecond, 2 * time.Second, true},
		"a key frame each 1.3 seconds":  {50 * time.Millisecond, 1300 * time.Millisecond, true},
		"only key frames, very quickly": {10 * time.Millisecond, 10 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVideo(t)
			for at := time.Duration(0); at < 30*time.Second; at += c.every {
				if !v.Add(Frame{PTS: at, Key: at%c.gop == 0, Data: []byte{1}}) {
					t.Fatal("refused at", at)
				}
			}
			list := v.View().Segments
			if len(list) != keptSegments {
				t.Fatal(len(list), "segments")
			}
			next := list[0].Start
			for _, s := range list {
				if s.Start != next || Time(s.Duration, 90000) > Most {
					t.Errorf("segment %d at %d of %v, %d expected", s.Number, s.Start, Time(s.Duration, 90000), next)
				}
				if c.keyed && !s.Parts[0].Independent {
					t.Error("segment", s.Number, "begins with no key frame")
				}
				for _, p := range s.Parts {
					if p.Start != next || p.Duration > Ticks(max(Part, c.every), 90000) {
						t.Errorf("part %d at %d of %d, %d expected", p.Number, p.Start, p.Duration, next)
					}
					next += p.Duration
				}
			}
		})
	}
}

// TestFiles: what a track gives is CMAF: each part is a fragment with its time, the init describes the codec.
func TestFiles(t *testing.T) {
	v := newVideo(t)
	for i := range 120 {
		v.Add(Frame{PTS: time.Duration(i) * 40 * time.Millisecond, Key: i%50 == 0, Data: []byte{byte(i)}})
	}
	data, ok := v.Init(100)
	var head fmp4.Init
	if !ok || head.Unmarshal(bytes.NewReader(data)) != nil || len(head.Tracks) != 1 {
		t.Fatal("no init")
	}
	if c, is := head.Tracks[0].Codec.(*codecs.H264); !is || len(c.SPS) == 0 {
		t.Errorf("%+v", head.Tracks[0].Codec)
	}
	parts, ok := v.Segment(100)
	if !ok {
		t.Fatal("no segment")
	}
	want := byte(0)
	for _, c := range parts {
		var p fmp4.Parts
		if err := p.Unmarshal(c.Data); err != nil || len(p) != 1 {
			t.Fatal(err)
		}
		if p[0].Tracks[0].BaseTime != uint64(c.Start) {
			t.Error(p[0].Tracks[0].BaseTime, c.Start)
		}
		for _, s := range p[0].Tracks[0].Samples {
			if s.Payload[0] != want || s.IsNonSyncSample == (want%50 == 0) || s.Duration != 3600 {
				t.Errorf("%d: %+v", want, s)
			}
			want++
		}
	}
	n := v.View().NextPart
	if _, ok, soon := v.PartData(n); ok || !soon {
		t.Error("the part to come is not awaited")
	}
	if _, ok, soon := v.PartData(n + 1); ok || soon {
		t.Error("a part in the far future is awaited")
	}
	if _, ok := v.Segment(102); ok {
		t.Error("a segment that is not done")
	}
	if v.Add(Frame{PTS: time.Second, Data: []byte{1}}) {
		t.Error("time runs backwards")
	}
}

// TestEpochs: whatever a track had, an epoch begins a segment with a description of its own.
func TestEpochs(t *testing.T) {
	a := NewTrack("opus", media.Audio, 48000, 7)
	at := time.Duration(0)
	for epoch := range 6 {
		if err := a.Begin(epoch+7, at, Opus()); err != nil {
			t.Fatal(err)
		}
		for range 10 * epoch {
			a.Add(Frame{PTS: at, Duration: 20 * time.Millisecond, Data: Silence()})
			at += 20 * time.Millisecond
		}
	}
	v := a.View()
	if len(v.Inits) != keptInits {
		t.Error(len(v.Inits), "inits")
	}
	for i, s := range v.Segments {
		if s.Epoch != 8+i || !s.First {
			t.Errorf("%+v", s)
		}
	}
	_, changed, closed := a.Watch()
	a.Close()
	<-changed
	if _, _, now := a.Watch(); closed || !now {
		t.Error("not closed")
	}
}
