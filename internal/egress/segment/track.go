package segment

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"veche.example/internal/media"
)

// How tracks are cut.
const (
	// Part is how long the parts of low-latency playlists are at most, where the frames are shorter.
	Part = 400 * time.Millisecond
	// Target is how long a segment is, to the nearest second; none is longer than Most.
	Target = 2 * time.Second
	Most   = 2480 * time.Millisecond
	// least is when a key frame begins a new segment.
	least = time.Second
	// soon is when a key frame is wanted: an encoder takes a while.
	soon = 1600 * time.Millisecond
)

// Bounds of what is kept.
const (
	keptSegments = 10
	keptInits    = 4
	maxBytes     = 48 << 20 // of one track; what is older goes earlier
)

// Frame is one sample of a track.
type Frame struct {
	PTS      time.Duration // on the output's line
	Duration time.Duration // sound only: that of pictures follows from the next one
	Key      bool
	Data     []byte
}

// Track is one rendition: its newest segments, cut as frames come. Add, Flush and Begin are for one goroutine, the rest is
// safe for concurrent use.
type Track struct {
	name string
	kind media.Kind
	rate int64
	base int

	// The following belongs to the goroutine that adds.
	pending *Frame
	samples []*fmp4.Sample
	part    Chunk
	number  uint32 // of the last fragment
	end     int64  // of the last sample, in ticks

	mu       sync.Mutex // guards the following
	segments []*Segment // the last may be open
	inits    []Init
	epoch    int
	next     int // number of the next segment
	parts    int // number of the next part
	bytes    int
	changed  chan struct{} // closed at the next change
	version  uint64
	closed   bool
}

// Chunk is what a low-latency playlist lists between segments: one CMAF chunk. It is immutable.
type Chunk struct {
	Number          int
	Start, Duration int64 // ticks
	Independent     bool  // decoding can begin with it
	Data            []byte
}

// Segment is a run of parts. A copy of one that is done is immutable.
type Segment struct {
	Number          int
	Epoch           int
	First           bool  // of its epoch
	Start, Duration int64 // ticks
	Done            bool
	Parts           []*Chunk
}

// Init is the beginning of an epoch: a time in which the description of all tracks stays the same.
type Init struct {
	Epoch int
	*Config
	Start time.Duration
	Data  []byte
}

// View is the state of a track at one moment. It must not be changed.
type View struct {
	Name     string
	Rate     int64 // ticks per second
	Base     int   // where numbers begin
	Segments []Segment
	Inits    []Init
	NextPart int // number of the part to come
	Version  uint64
}

// NewTrack makes a track without content; numbers of segments, parts and epochs begin at base, so that those of a later
// track of the same name are greater.
func NewTrack(name string, kind media.Kind, rate int64, base int) *Track {
	return &Track{name: name, kind: kind, rate: rate, base: base, next: base, parts: base * 10, epoch: base, changed: make(chan struct{})}
}

// Name is the name given at creation.
func (t *Track) Name() string { return t.name }

// End is the end of what has been added.
func (t *Track) End() time.Duration { return Time(t.end, t.rate) }

// Ticks converts a time to units of a clock, rounded to the nearest.
func Ticks(d time.Duration, rate int64) int64 {
	return int64(d/time.Second)*rate + (int64(d%time.Second)*rate+int64(time.Second)/2)/int64(time.Second)
}

// Time is the inverse of Ticks.
func Time(ticks, rate int64) time.Duration {
	return time.Duration(ticks/rate)*time.Second + time.Duration(ticks%rate)*time.Second/time.Duration(rate)
}

// Begin begins an epoch: what is added from now on is as described here. All tracks of an output begin their epochs at the
// same time, whatever they have of it.
func (t *Track) Begin(epoch int, at time.Duration, c *Config) error {
	i := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: uint32(t.rate), Codec: c.Codec}}}
	var b seekablebuffer.Buffer
	if err := i.Marshal(&b); err != nil {
		return fmt.Errorf("segment: %s: %w", c.Name, err)
	}
	t.cut()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch = epoch
	t.inits = append(t.inits, Init{Epoch: epoch, Config: c, Start: at, Data: bytes.Clone(b.Bytes())})
	t.inits = t.inits[max(len(t.inits)-keptInits, 0):]
	return nil
}

// Add adds a frame. Pictures wait for the next one, which tells how long they are shown. Frames of a time that has been
// filled already are left out: false.
func (t *Track) Add(f Frame) bool {
	if Ticks(f.PTS, t.rate) < t.end {
		return false
	}
	if t.kind == media.Audio {
		t.emit(f, Ticks(f.Duration, t.rate))
		return true
	}
	if t.pending != nil {
		if f.PTS <= t.pending.PTS {
			return false
		}
		t.Flush(f.PTS)
	}
	if f.Key && (t.age() >= least || !t.keyed()) {
		t.cut()
	}
	t.pending = &f
	return true
}

// Flush ends the picture that waits, as there is no other one before this time.
func (t *Track) Flush(until time.Duration) {
	if p := t.pending; p != nil && until > p.PTS {
		t.pending = nil
		t.emit(*p, Ticks(until, t.rate)-Ticks(p.PTS, t.rate))
	}
}

// Waits tells since when a picture waits for the next one; false if none does.
func (t *Track) Waits() (time.Duration, bool) {
	if t.pending == nil {
		return 0, false
	}
	return t.pending.PTS, true
}

// WantsKey tells whether a key frame would be welcome, because the segment is about to end.
func (t *Track) WantsKey() bool { return t.age() >= soon }

// emit makes a sample of a frame.
func (t *Track) emit(f Frame, duration int64) {
	start := Ticks(f.PTS, t.rate)
	if t.segDuration()+duration > Ticks(Most, t.rate) {
		t.cut()
	} else if t.kind == media.Audio && t.segDuration() >= Ticks(Target, t.rate) {
		t.cut()
	}
	if len(t.samples) > 0 && (start != t.end || t.part.Duration+duration > Ticks(Part, t.rate)) {
		t.endPart()
	}
	if len(t.samples) == 0 {
		t.part = Chunk{Start: start, Independent: f.Key || t.kind == media.Audio}
	}
	t.samples = append(t.samples, &fmp4.Sample{
		Duration: uint32(duration), IsNonSyncSample: t.kind == media.Video && !f.Key, Payload: f.Data,
	})
	t.part.Duration += duration
	t.end = start + duration
	if t.part.Duration+duration > Ticks(Part, t.rate) {
		t.endPart()
	}
}

// endPart publishes the part under way.
func (t *Track) endPart() {
	if len(t.samples) == 0 {
		return
	}
	t.number++
	f := fmp4.Part{SequenceNumber: t.number, Tracks: []*fmp4.PartTrack{{ID: 1, BaseTime: uint64(t.part.Start), Samples: t.samples}}}
	t.samples = nil
	var b seekablebuffer.Buffer
	if f.Marshal(&b) != nil {
		return // a buffer in memory takes everything
	}
	p := t.part
	p.Data = bytes.Clone(b.Bytes())
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open()
	if s == nil {
		s = &Segment{Number: t.next, Epoch: t.epoch, Start: p.Start}
		s.First = len(t.segments) == 0 || t.segments[len(t.segments)-1].Epoch != s.Epoch
		t.next++
		t.segments = append(t.segments, s)
	}
	p.Number = t.parts
	t.parts++
	s.Parts = append(s.Parts, &p)
	s.Duration = p.Start + p.Duration - s.Start
	t.bytes += len(p.Data)
	t.trim()
	t.change()
}

// cut ends the segment under way.
func (t *Track) cut() {
	t.endPart()
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.open(); s != nil {
		s.Done = true
		t.change()
	}
}

// trim forgets what is old; mu is held.
func (t *Track) trim() {
	for len(t.segments) > 1 && (len(t.segments) > keptSegments || t.bytes > maxBytes) {
		for _, p := range t.segments[0].Parts {
			t.bytes -= len(p.Data)
		}
		t.segments = slices.Delete(t.segments, 0, 1)
	}
}

// open is the segment under way, nil if there is none; mu is held.
func (t *Track) open() *Segment {
	if n := len(t.segments); n > 0 && !t.segments[n-1].Done {
		return t.segments[n-1]
	}
	return nil
}

// change wakes who waits; mu is held.
func (t *Track) change() {
	t.version++
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *Track) segDuration() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.part.Duration
	if len(t.samples) == 0 {
		d = 0
	}
	if s := t.open(); s != nil {
		return s.Duration + d
	}
	return d
}

func (t *Track) age() time.Duration { return Time(t.segDuration(), t.rate) }

// keyed tells whether the segment under way begins with a key frame.
func (t *Track) keyed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.open(); s != nil {
		return s.Parts[0].Independent
	}
	return len(t.samples) == 0 || t.part.Independent
}

// Close wakes everybody who waits, for good.
func (t *Track) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.change()
	}
}

// Watch gives the version of the track, and a channel that is closed when there is another one; closed: there will be none.
func (t *Track) Watch() (version uint64, changed <-chan struct{}, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version, t.changed, t.closed
}

// Last is the number of the segment under way, or to come, and of the next part in it.
func (t *Track) Last() (segment, part int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.open(); s != nil {
		return s.Number, len(s.Parts)
	}
	return t.next, 0
}

// Whole tells whether there is a segment that is done.
func (t *Track) Whole() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.segments) > 0 && t.segments[0].Done
}

// View is the state of the track.
func (t *Track) View() View {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := View{Name: t.name, Rate: t.rate, Base: t.base, Inits: slices.Clone(t.inits), NextPart: t.parts, Version: t.version}
	for _, s := range t.segments {
		c := *s
		c.Parts = slices.Clone(s.Parts)
		v.Segments = append(v.Segments, c)
	}
	return v
}

// Init finds the description of an epoch.
func (t *Track) Init(epoch int) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range t.inits {
		if i.Epoch == epoch {
			return i.Data, true
		}
	}
	return nil, false
}

// Segment finds the content of a segment that is done.
func (t *Track) Segment(number int) ([]*Chunk, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.segments {
		if s.Number == number && s.Done {
			return s.Parts, true
		}
	}
	return nil, false
}

// PartData finds the content of a part; soon: it is the one to come.
func (t *Track) PartData(number int) (data []byte, ok, soon bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if number == t.parts {
		return nil, false, !t.closed
	}
	for _, s := range t.segments {
		for _, p := range s.Parts {
			if p.Number == number {
				return p.Data, true, false
			}
		}
	}
	return nil, false, false
}
