package codec

import (
	"bytes"
	"testing"

	"veche.example/internal/media"
)

func TestLayers(t *testing.T) {
	tests := []struct {
		name              string
		codec             media.Codec
		in                []byte
		spatial, temporal uint8
		flags             Flags
		open              uint8
	}{
		// RFC 7741 §4.2: TID and Y are valid with T only.
		{"vp8 without layers", media.VP8, []byte{0x10, 0x01}, 0, 0, First, 0},
		{"vp8 not the first packet", media.VP8, []byte{0x00, 0x01}, 0, 0, 0, 0},
		{"vp8 T2", media.VP8, []byte{0x90, 0x20, 0x80, 0x01}, 0, 2, First, 0},
		{"vp8 T1 with Y", media.VP8, []byte{0x90, 0xe0, 0x05, 1, 0x60, 0x01}, 0, 1, First | Sync, 0},
		{"vp8 key index only", media.VP8, []byte{0x90, 0x10, 0xe1, 0x01}, 0, 0, First, 0},
		// RFC 9628 §4.2.
		{"vp9 without layers", media.VP9, []byte{0x4c, 1}, 0, 0, First | Last, 0},
		{"vp9 S1T2, middle", media.VP9, []byte{0x60, 0x42, 5, 1}, 1, 2, 0, 0},
		{"vp9 S1T0, first packet of its layer", media.VP9, []byte{0x68, 0x02, 5, 1}, 1, 0, 0, 0},
		{"vp9 S2T1, end", media.VP9, []byte{0x64, 0x24, 5, 1}, 2, 1, Last, 0},
		{"vp9 S0T1 with U", media.VP9, []byte{0x68, 0x30, 5, 1}, 0, 1, First, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Parse(tt.codec, tt.in)
			want := got
			want.Spatial, want.Temporal, want.Flags, want.Open = tt.spatial, tt.temporal, tt.flags, tt.open
			if !ok || got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		})
	}
}

// bitsOf packs numbers: pairs of width and value.
func bitsOf(pairs ...int) []byte {
	var (
		out []byte
		at  int
	)
	for i := 0; i < len(pairs); i += 2 {
		for n := pairs[i] - 1; n >= 0; n-- {
			if at%8 == 0 {
				out = append(out, 0)
			}
			out[at/8] |= byte(pairs[i+1]>>n&1) << (7 - at%8)
			at++
		}
	}
	return out
}

// l2t2 is a descriptor with the structure of two spatial and two temporal layers; frame is its number, offset that of its
// templates. Templates: S0T0, S0T1, S1T0, S1T1; decode targets: S0T0, S0T1, S1T0, S1T1.
func l2t2(frame, offset int) []byte {
	return bitsOf(
		1, 1, 1, 0, 6, offset, 16, frame, // first packet of a frame of template 0
		1, 1, 1, 0, 3, 0, // with a structure
		6, offset, 5, 3,
		2, 1, 2, 2, 2, 1, 2, 3,
		8, 0b10_10_10_10, // S0T0: switch for all
		8, 0b00_01_00_01, // S0T1
		8, 0b00_00_10_10, // S1T0
		8, 0b00_00_00_10, // S1T1
		1, 1, 4, 0, 1, 0, 1, 0, 1, 0, 1, 0, // frame differences
		2, 0, // no chains: ns(5) in 2 bits
		1, 1, 16, 319, 16, 179, 16, 639, 16, 359)
}

func TestStructure(t *testing.T) {
	var s Structure
	read := func(dd []byte) Info {
		var i Info
		s.Read(&i, dd)
		return i
	}
	if got := read([]byte{0x82, 0, 9}); got != (Info{}) {
		t.Fatalf("before a structure: %+v", got)
	}
	if got, want := read(l2t2(10, 60)), (Info{Flags: First, Open: 1}); got != want {
		t.Fatalf("with it: %+v", got)
	}
	for _, tt := range []struct {
		dd   []byte
		want Info
	}{
		{[]byte{0x40 | 61, 0, 11}, Info{Temporal: 1, Flags: Last, Open: 1}},
		{[]byte{0x80 | 62, 0, 12}, Info{Spatial: 1, Open: 1}},
		{[]byte{0xc0 | 63, 0, 13}, Info{Spatial: 1, Temporal: 1, Flags: Last, Open: 1}},
		{[]byte{0xc0, 0, 14}, Info{}},                                                                                              // a template that it does not have
		{append([]byte{0x80 | 60, 0, 15}, bitsOf(2, 0, 1, 1, 2, 0, 8, 0b10_11_10_11)...), Info{Flags: First}},                      // indications of its own
		{append([]byte{0x80 | 60, 0, 15}, bitsOf(1, 0, 1, 1, 1, 1, 2, 0, 4, 3, 8, 0b10_10_10_11)...), Info{Flags: First, Open: 1}}, // and active targets
		{l2t2(20, 60)[:12], Info{Flags: First, Open: 1}},                                                                           // cut short: the old one stays
	} {
		if got := read(tt.dd); got != tt.want {
			t.Errorf("%x: got %+v, want %+v", tt.dd, got, tt.want)
		}
	}
	d, ok := s.Picture(Description{})
	if !ok || d != (Description{640, 360, 2}) {
		t.Fatalf("described as %+v, %v", d, ok)
	}
	read(l2t2(8, 5)) // an older one that comes late
	if got := read([]byte{0x40 | 61, 0, 16}); got.Temporal != 1 {
		t.Fatal("an old structure has replaced a newer one")
	}
	s.Reset()
	if got := read([]byte{0x40 | 61, 0, 16}); got != (Info{}) {
		t.Fatal("not forgotten")
	}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		name  string
		codec media.Codec
		in    []byte
		want  Description
	}{
		{"vp8", media.VP8, []byte{0x90, 0xc0, 0x81, 0x45, 7, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x40}, Description{320, 180, 0}},
		{"vp8 cut", media.VP8, []byte{0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40}, Description{}},
		{"vp9", media.VP9, []byte{0x0a, 0x18, 2, 0x80, 1, 0x68, 1}, Description{640, 360, 1}},
		{"vp9 three layers", media.VP9, []byte{0xaa, 0x12, 0, 5, 0x50, 0, 160, 0, 90, 1, 64, 0, 180, 2, 128, 1, 104, 1}, Description{640, 360, 3}},
		{"vp9 without sizes", media.VP9, []byte{0x0a, 0x20, 1}, Description{0, 0, 2}},
		{"vp9 without structure", media.VP9, []byte{0x08, 0x20, 1}, Description{}},
		{"h264 high 1280x720", media.H264, []byte{0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10}, Description{1280, 720, 0}},
		{"h264 constrained baseline in an aggregate", media.H264, append([]byte{24, 0, 2, 0x68, 0, 0, 10}, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd), Description{1280, 720, 0}},
		{"h264 without", media.H264, []byte{0x65, 0x88}, Description{}},
		{"av1 reduced", media.AV1, append([]byte{0x18, 0x08}, bitsOf(3, 0, 1, 1, 1, 1, 5, 0, 4, 9, 4, 8, 10, 639, 9, 359)...), Description{640, 360, 0}},
		{"av1 with a model and points", media.AV1, append([]byte{0x28, 1, 0x10, 0x0a, 20}, bitsOf(3, 0, 1, 0, 1, 0, 1, 1, 32, 1, 32, 30, 1, 0, 1, 0, 1, 1, 5, 0, 12, 0, 5, 9, 1, 1, 1, 1, 4, 3, 4, 9, 4, 8, 10, 319, 9, 239)...), Description{320, 240, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := Describe(tt.codec, tt.in); got != tt.want {
				t.Fatalf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestRED(t *testing.T) {
	block := []byte{0x80 | 111, 0x0f, 0x00, 2, 111, 'a', 'b', 'c'}
	i, ok := ParseRED(block)
	if !ok || string(block[i.RED:]) != "c" {
		t.Fatalf("%+v %v", i, ok)
	}
	PutRED(block, 96)
	if !bytes.Equal(block, []byte{0x80 | 96, 0x0f, 0x00, 2, 96, 'a', 'b', 'c'}) {
		t.Fatalf("%x", block)
	}
	for _, bad := range [][]byte{nil, {111}, {0x80 | 111, 0, 0}, {0x80 | 111, 0, 0, 2, 111, 'a', 'b'}, {0x80 | 111, 0, 0, 0}} {
		if _, ok := ParseRED(bad); ok {
			t.Errorf("%x was accepted", bad)
		}
	}
}

func FuzzRED(f *testing.F) {
	f.Add([]byte{0x80 | 111, 0x0f, 0x00, 2, 111, 'a', 'b', 'c'})
	f.Fuzz(func(t *testing.T, in []byte) {
		i, ok := ParseRED(in)
		if !ok {
			return
		}
		primary := bytes.Clone(in[i.RED:])
		PutRED(in, 100)
		if again, ok := ParseRED(in); !ok || again != i || !bytes.Equal(in[i.RED:], primary) {
			t.Fatalf("%x reads as %+v, was %+v", in, again, i)
		}
	})
}

func FuzzStructure(f *testing.F) {
	f.Add(l2t2(10, 60), []byte{0x40 | 61, 0, 11})
	f.Add(l2t2(10, 0), append([]byte{0x80, 0, 15}, bitsOf(2, 0, 1, 1, 2, 0, 8, 0b10_11_10_11)...))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var s Structure
		for _, dd := range [][]byte{first, second} {
			var i Info
			s.Read(&i, dd)
			if i.Spatial >= maxTemplates || i.Temporal >= maxTemplates || i.Open < i.Temporal && i.Open != 0 {
				t.Fatalf("%x reads as %+v", dd, i)
			}
		}
		if d, ok := s.Picture(Description{}); ok && (d.Width > 1<<16 || d.Height > 1<<16 || d.Spatial < 1 || d.Spatial > maxTemplates) {
			t.Fatalf("described as %+v", d)
		}
	})
}

func TestStructureDoesNotAllocate(t *testing.T) {
	var s Structure
	dd := l2t2(10, 60)
	if n := testing.AllocsPerRun(100, func() {
		var i Info
		s.Read(&i, dd)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
