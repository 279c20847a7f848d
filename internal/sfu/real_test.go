package sfu

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	"github.com/pion/rtp"

	"veche.example/internal/media"
)

// receiver is a subscriber: what it gets by the number that its packets have, and what it lost and asked for again.
type receiver struct {
	got    map[int64]sent
	low    int64
	high   int64
	broken string
}

func (r *receiver) WriteRTP(h *rtp.Header, payload []byte, way Way) error {
	s := sent{Header: h.Clone(), payload: slices.Clone(payload), dd: slices.Clone(h.GetExtension(binding().DDExt))}
	if old, ok := r.got[way.Index]; ok {
		if old.Timestamp != s.Timestamp || old.Marker != s.Marker || !slices.Equal(old.payload, s.payload) || !slices.Equal(old.dd, s.dd) {
			r.broken = fmt.Sprintf("number %d is given to two contents: %v %x %x, then %v %x %x",
				way.Index, old.Header, old.dd, old.payload[:min(8, len(old.payload))], s.Header, s.dd, s.payload[:min(8, len(s.payload))])
		}
		return nil
	}
	if len(r.got) == 0 {
		r.low = way.Index
	}
	r.got[way.Index] = s
	r.high = max(r.high, way.Index)
	return nil
}

// stage is one slot and the films that it may show, over bad networks.
type stage struct {
	t        *testing.T
	rand     *rand.Rand
	films    []*film
	tracks   []*Track
	late     [][]*media.Packet // lost on the way to the server, and to come again
	slot     *Slot
	receiver *receiver
	now      int64
	keysCome bool // in order and at once: what AV1 sends before it says what its layers are counts as the lowest
}

func newStage(t *testing.T, seed uint64, films ...*film) *stage {
	x := &stage{t: t, rand: rand.New(rand.NewPCG(seed, 1)), films: films, late: make([][]*media.Packet, len(films)), now: 1e9}
	x.receiver = &receiver{got: map[int64]sent{}}
	x.slot = NewSlot(media.Video, x.receiver)
	x.slot.now = func() int64 { return x.now }
	b := binding()
	for c := range b.Payload {
		b.Payload[c].RTX = 0 // sent again under their own numbers: the receiver compares
	}
	x.slot.Bind(b)
	for n, f := range films {
		f.began = x.now + int64(n)*7*ms
		tr := NewTrack(TrackConfig{ID: f.name, Codec: f.codec})
		tr.now = x.slot.now
		x.tracks = append(x.tracks, tr)
	}
	return x
}

// step carries the next packet of all, over a network that loses, repeats and reorders.
func (x *stage) step() {
	n := 0
	for i, f := range x.films {
		if f.due() < x.films[n].due() {
			n = i
		}
	}
	x.now = x.films[n].due()
	f := x.films[n]
	safe := x.keysCome && (f.shots[f.next].info.Rank != 0 || f.shots[(f.next+1)%len(f.shots)].info.Rank != 0)
	p := f.play()
	again := *p
	again.Retransmit = true
	chance := x.rand.IntN(30)
	if safe {
		chance = -1
	}
	switch chance {
	case 0:
		x.late[n] = append(x.late[n], &again)
	case 1:
		x.tracks[n].Write(p)
		x.late[n] = append(x.late[n], &again)
	case 2: // changes places with the next
		q := x.films[n].play()
		x.tracks[n].Write(q)
		x.tracks[n].Write(p)
	default:
		x.tracks[n].Write(p)
	}
	if l := x.late[n]; len(l) > 0 && x.rand.IntN(4) == 0 {
		q := l[0]
		x.late[n] = l[1:]
		q.Arrival = x.now
		x.tracks[n].Write(q)
	}
	x.slot.Tick(x.now)
	if x.rand.IntN(10) == 0 { // the subscriber has lost something
		seq := x.slot.high.Load() - int64(x.rand.IntN(20))
		x.slot.HandleRTCP(nack(binding().SSRC, uint16(seq)))
	}
}

func (x *stage) run(pictures int) {
	for until := x.now + int64(pictures)*83*ms; x.now < until; {
		x.step()
	}
}

// change is one random switch: to any film at any level.
func (x *stage) change() {
	n := x.rand.IntN(len(x.tracks))
	l := levelAt(x.rand.IntN(levels))
	if x.rand.IntN(3) == 0 {
		l = Top
	}
	must(x.t, x.slot.ShowAt(x.tracks[n], l))
}

// pictures puts together what the receiver has, by codec. Pictures with holes are allowed only where a run ends: what is
// lost there is asked for in vain, as the slot shows something else now.
func (x *stage) pictures() map[media.Codec][][]picture {
	r := x.receiver
	byType := map[uint8]media.Codec{}
	for c, p := range binding().Payload {
		byType[p.Type] = media.Codec(c)
	}
	var (
		out     = map[media.Codec][][]picture{}
		current []sent
		broken  bool
		holes   int
		cut     int
	)
	for n := r.low; n <= r.high; n++ {
		s, ok := r.got[n]
		if !ok {
			broken = true
			holes++
			continue
		}
		if len(s.payload) == 0 {
			continue
		}
		c := byType[s.PayloadType]
		if len(current) > 0 && current[0].Timestamp != s.Timestamp {
			switch {
			case broken:
			case beginsKey(c, s.payload):
				cut++ // a switch while the picture was under way
			default:
				x.t.Errorf("number %d: a picture has no marker at its end", n)
			}
			current = nil
		}
		if broken && len(current) == 0 && !beginsKey(c, s.payload) {
			continue
		}
		if len(current) == 0 {
			broken = false
		}
		current = append(current, s)
		if s.Marker {
			if !broken {
				out[c] = append(out[c], unpack(x.t, c, current))
			}
			current = nil
		}
	}
	if r.broken != "" {
		x.t.Error(r.broken)
	}
	st := x.slot.Stats()
	x.t.Logf("%d packets, %d holes, %d pictures cut by %d switches, %d changes of level", len(r.got), holes, cut, st.Switches, st.LevelSwitches)
	if holes > int(st.Switches)/4 || cut > int(st.Switches)/5 {
		x.t.Errorf("%d holes, %d cut", holes, cut)
	}
	return out
}

func beginsKey(c media.Codec, p []byte) bool {
	var tr Track
	tr.cfg.Codec = c
	k := packet{payload: p}
	tr.x = newScratch()
	return tr.parse(&k, &media.Packet{Payload: p, Level: -1}) && k.info.Rank > 0
}

// TestRealStreams: whatever is switched and lost, what a subscriber gets is decoded without an error, and each picture
// to the same pixels as in the whole recording: nothing that a picture refers to is ever missing.
func TestRealStreams(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg")
	}
	sets := map[string]func() []*film{
		"vp8 simulcast": func() []*film {
			return []*film{loadFilm(t, "vp8-l", media.VP8, 1), loadFilm(t, "vp8-m", media.VP8, 2), loadFilm(t, "vp8-h", media.VP8, 3)}
		},
		"vp8 with dependency descriptor": func() []*film {
			return []*film{loadFilm(t, "vp8dd-h", media.VP8, 1), loadFilm(t, "vp8-l", media.VP8, 2)}
		},
		"vp9": func() []*film { return []*film{loadFilm(t, "vp9", media.VP9, 1), loadFilm(t, "vp9", media.VP9, 2)} },
		"av1": func() []*film { return []*film{loadFilm(t, "av1", media.AV1, 1), loadFilm(t, "av1", media.AV1, 2)} },
		"h264": func() []*film {
			return []*film{loadFilm(t, "h264-m", media.H264, 1), loadFilm(t, "h264-h", media.H264, 2)}
		},
		"all": func() []*film {
			return []*film{loadFilm(t, "vp8-h", media.VP8, 1), loadFilm(t, "vp9", media.VP9, 2), loadFilm(t, "av1", media.AV1, 3), loadFilm(t, "h264-h", media.H264, 4)}
		},
	}
	for name, films := range sets {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is spent in ffmpeg
			realStreams(t, films())
		})
	}
}

func realStreams(t *testing.T, films []*film) {
	x := newStage(t, uint64(len(films)), films...)
	want := map[string]string{} // decoded layer by what is decoded
	for _, f := range films {
		f.learn(t, want)
	}
	must(t, x.slot.Show(x.tracks[0]))
	x.run(3)
	for st := x.slot.Stats(); st.Switches+st.LevelSwitches < 200; st = x.slot.Stats() {
		x.change()
		x.run(1 + x.rand.IntN(3))
	}
	x.run(20)
	for c, pictures := range x.pictures() {
		got := decode(t, c, pictures)
		n := 0
		for i, p := range pictures {
			for _, l := range p {
				if n == len(got) {
					t.Fatalf("%v: %d layers decoded, picture %d is one more", c, n, i)
				}
				if w, ok := want[string(l.data)]; !ok || w != got[n] {
					t.Fatalf("%v: picture %d, spatial layer %d is decoded to %s, want %s", c, i, l.spatial, got[n], w)
				}
				n++
			}
		}
		equal(t, "layers decoded", len(got), n)
		t.Logf("%v: %d pictures", c, len(pictures))
	}
}

// learn decodes the whole film.
func (f *film) learn(t *testing.T, want map[string]string) {
	t.Helper()
	var (
		pictures [][]picture
		current  []sent
	)
	for _, s := range f.shots {
		current = append(current, sent{payload: s.p.Payload})
		if s.p.Marker {
			pictures = append(pictures, unpack(t, f.codec, current))
			current = nil
		}
	}
	got := decode(t, f.codec, pictures)
	n := 0
	for _, p := range pictures {
		for _, l := range p {
			if n < len(got) {
				want[string(l.data)] = got[n]
			}
			n++
		}
	}
	equal(t, f.name+": layers decoded", len(got), n)
}
