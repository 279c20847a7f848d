package codec

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"veche.example/internal/media"
)

// parseTests are payloads by hand, each from the section that it is named under.
var parseTests = []struct {
	name  string
	codec media.Codec
	in    []byte
	want  Info
	bad   bool
}{
	// RFC 7741 §4.2, §4.3.
	{"vp8 empty", media.VP8, nil, Info{}, true},
	{"vp8 descriptor only", media.VP8, []byte{0x10}, Info{}, true},
	{"vp8 key, no extension", media.VP8, []byte{0x10, 0x00, 1}, Info{Rank: Picture}, false},
	{"vp8 delta", media.VP8, []byte{0x10, 0x01}, Info{}, false},
	{"vp8 key, not its start", media.VP8, []byte{0x00, 0x00}, Info{}, false},
	{"vp8 key, second partition", media.VP8, []byte{0x11, 0x00}, Info{}, false},
	{"vp8 7-bit id", media.VP8, []byte{0x90, 0x80, 0x45, 0x00}, Info{Rank: Picture, PIDBits: 7, PIDAt: 2, PID: 0x45}, false},
	{"vp8 15-bit id", media.VP8, []byte{0x90, 0x80, 0x92, 0x34, 0x00}, Info{Rank: Picture, PIDBits: 15, PIDAt: 2, PID: 0x1234}, false},
	{"vp8 all", media.VP8, []byte{0x90, 0xf0, 0x92, 0x34, 7, 0x20, 0x01}, Info{PIDBits: 15, PIDAt: 2, PID: 0x1234, TL0At: 4, TL0: 7}, false},
	{"vp8 tl0 without id", media.VP8, []byte{0x90, 0x40, 9, 0x00}, Info{Rank: Picture, TL0At: 2, TL0: 9}, false},
	{"vp8 temporal id only", media.VP8, []byte{0x90, 0x20, 0x20, 0x00}, Info{Rank: Picture}, false},
	{"vp8 cut in id", media.VP8, []byte{0x90, 0x80, 0x92}, Info{}, true},
	{"vp8 cut before id", media.VP8, []byte{0x90, 0x80}, Info{}, true},
	{"vp8 cut before tl0", media.VP8, []byte{0x90, 0xc0, 0x12}, Info{}, true},
	{"vp8 cut before header", media.VP8, []byte{0x90, 0x30, 0x12}, Info{}, true},

	// RFC 9628 §4.2.
	{"vp9 empty", media.VP9, nil, Info{}, true},
	{"vp9 key", media.VP9, []byte{0x08, 1}, Info{Rank: Picture}, false},
	{"vp9 key, not its start", media.VP9, []byte{0x00, 1}, Info{}, false},
	{"vp9 predicted", media.VP9, []byte{0x48, 1}, Info{}, false},
	{"vp9 15-bit id", media.VP9, []byte{0x88, 0x92, 0x34, 1}, Info{Rank: Picture, PIDBits: 15, PIDAt: 1, PID: 0x1234}, false},
	{"vp9 7-bit id", media.VP9, []byte{0x88, 0x12, 1}, Info{Rank: Picture, PIDBits: 7, PIDAt: 1, PID: 0x12}, false},
	{"vp9 lowest layer", media.VP9, []byte{0xa8, 0x92, 0x34, 0x00, 5, 1}, Info{Rank: Picture, PIDBits: 15, PIDAt: 1, PID: 0x1234, TL0At: 4, TL0: 5}, false},
	{"vp9 upper layer of a key picture", media.VP9, []byte{0xa8, 0x92, 0x34, 0x03, 5, 1}, Info{PIDBits: 15, PIDAt: 1, PID: 0x1234, TL0At: 4, TL0: 5}, false},
	{"vp9 flexible has no tl0", media.VP9, []byte{0xb8, 0x92, 0x34, 0x00, 1}, Info{Rank: Picture, PIDBits: 15, PIDAt: 1, PID: 0x1234}, false},
	{"vp9 cut in id", media.VP9, []byte{0x88, 0x92}, Info{}, true},
	{"vp9 cut after id", media.VP9, []byte{0x88, 0x12}, Info{}, true},
	{"vp9 cut before layer", media.VP9, []byte{0xa8, 0x12}, Info{}, true},
	{"vp9 cut before tl0", media.VP9, []byte{0x28, 0x00}, Info{}, true},
	{"vp9 cut after tl0", media.VP9, []byte{0x28, 0x00, 3}, Info{}, true},

	// AV1 RTP payload format §4.4.
	{"av1 empty", media.AV1, nil, Info{}, true},
	{"av1 header only", media.AV1, []byte{0x08}, Info{}, false},
	{"av1 sequence header, W=2", media.AV1, []byte{0x28, 2, 1 << 3, 0, 6 << 3, 1}, Info{Rank: Picture}, false},
	{"av1 sequence header, W=1", media.AV1, []byte{0x18, 1 << 3, 0}, Info{Rank: Picture}, false},
	{"av1 sequence header, W=0", media.AV1, []byte{0x08, 2, 1 << 3, 0, 1, 6 << 3}, Info{Rank: Picture}, false},
	{"av1 without the N bit", media.AV1, []byte{0x20, 2, 1 << 3, 0, 6 << 3, 1}, Info{Rank: Picture}, false},
	{"av1 after a temporal delimiter", media.AV1, []byte{0x08, 1, 2 << 3, 2, 1 << 3, 0}, Info{Rank: Picture}, false},
	{"av1 after metadata and an empty element", media.AV1, []byte{0x08, 1, 5 << 3, 0, 2, 1 << 3, 0}, Info{Rank: Picture}, false},
	{"av1 N bit without sequence header", media.AV1, []byte{0x18, 6 << 3, 0}, Info{}, false},
	{"av1 continued", media.AV1, []byte{0x98, 1 << 3, 0}, Info{}, false},
	{"av1 frame", media.AV1, []byte{0x10, 6 << 3, 0}, Info{}, false},
	{"av1 length too long", media.AV1, []byte{0x08, 99, 1 << 3}, Info{}, false},
	{"av1 endless length", media.AV1, []byte{0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, Info{}, false},
	{"av1 huge length", media.AV1, []byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1 << 3}, Info{}, false},
	{"av1 delimiters only", media.AV1, []byte{0x08, 1, 2 << 3}, Info{}, false},

	// RFC 6184 §5.
	{"h264 empty", media.H264, nil, Info{}, true},
	{"h264 sps", media.H264, []byte{0x67, 0x42}, Info{Rank: Parameters}, false},
	{"h264 pps", media.H264, []byte{0x68, 0xce}, Info{}, false},
	{"h264 idr", media.H264, []byte{0x65, 0x88}, Info{Rank: Picture}, false},
	{"h264 second slice of an idr", media.H264, []byte{0x65, 0x48}, Info{}, false},
	{"h264 idr without body", media.H264, []byte{0x65}, Info{}, false},
	{"h264 slice", media.H264, []byte{0x61, 0xe0}, Info{}, false},
	{"h264 stap-a", media.H264, []byte{24, 0, 2, 0x68, 0, 0, 2, 0x67, 0}, Info{Rank: Parameters}, false},
	{"h264 stap-a with idr", media.H264, []byte{24, 0, 2, 0x06, 0, 0, 2, 0x65, 0x80}, Info{Rank: Picture}, false},
	{"h264 stap-a of delta", media.H264, []byte{24, 0, 2, 0x61, 0x80}, Info{}, false},
	{"h264 stap-a cut", media.H264, []byte{24, 0, 9, 0x67}, Info{}, false},
	{"h264 stap-a empty unit", media.H264, []byte{24, 0, 0, 0, 1, 0x67}, Info{Rank: Parameters}, false},
	{"h264 stap-b", media.H264, []byte{25, 0, 1, 0, 2, 0x67, 0}, Info{Rank: Parameters}, false},
	{"h264 stap-b cut", media.H264, []byte{25, 0}, Info{}, false},
	{"h264 fu-a start of idr", media.H264, []byte{0x7c, 0x85, 0x88}, Info{Rank: Picture}, false},
	{"h264 fu-a middle of idr", media.H264, []byte{0x7c, 0x05, 0x88}, Info{}, false},
	{"h264 fu-a start of sps", media.H264, []byte{0x7c, 0x87, 0x42}, Info{Rank: Parameters}, false},
	{"h264 fu-a cut", media.H264, []byte{0x7c, 0x85}, Info{}, false},
	{"h264 fu-b start of idr", media.H264, []byte{29, 0x85, 0, 1, 0x88}, Info{Rank: Picture}, false},
	{"h264 fu-b cut", media.H264, []byte{29, 0x85, 0, 1}, Info{}, false},

	// RFC 7798 §4.4.
	{"h265 cut", media.H265, []byte{0x40}, Info{}, true},
	{"h265 vps", media.H265, []byte{0x40, 1, 0x0c}, Info{Rank: VideoSet}, false},
	{"h265 sps", media.H265, []byte{0x42, 1, 1}, Info{Rank: Parameters}, false},
	{"h265 pps", media.H265, []byte{0x44, 1, 1}, Info{}, false},
	{"h265 idr", media.H265, []byte{19 << 1, 1, 0x80}, Info{Rank: Picture}, false},
	{"h265 cra", media.H265, []byte{21 << 1, 1, 0x80}, Info{Rank: Picture}, false},
	{"h265 second slice", media.H265, []byte{19 << 1, 1, 0x40}, Info{}, false},
	{"h265 trail", media.H265, []byte{1 << 1, 1, 0x80}, Info{}, false},
	{"h265 ap", media.H265, []byte{48 << 1, 1, 0, 3, 0x42, 1, 1, 0, 3, 0x40, 1, 1}, Info{Rank: VideoSet}, false},
	{"h265 ap with a stump", media.H265, []byte{48 << 1, 1, 0, 1, 0x42}, Info{}, false},
	{"h265 ap cut", media.H265, []byte{48 << 1, 1, 1, 0, 0x42, 1}, Info{}, false},
	{"h265 fu start of idr", media.H265, []byte{49 << 1, 1, 0x80 | 19, 0x80}, Info{Rank: Picture}, false},
	{"h265 fu middle", media.H265, []byte{49 << 1, 1, 19, 0x80}, Info{}, false},
	{"h265 fu cut", media.H265, []byte{49 << 1, 1, 0x80 | 19}, Info{}, false},

	{"opus", media.Opus, []byte{0xfc}, Info{Rank: Picture}, false},
	{"opus empty", media.Opus, nil, Info{Rank: Picture}, true},
	{"pcmu", media.PCMU, []byte{1}, Info{Rank: Picture}, false},
	{"pcma", media.PCMA, []byte{1}, Info{Rank: Picture}, false},
	{"g722", media.G722, []byte{1}, Info{Rank: Picture}, false},
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Parse(tt.codec, tt.in)
			if ok == tt.bad {
				t.Fatalf("ok = %v", ok)
			}
			got.Spatial, got.Temporal, got.Flags, got.Open = 0, 0, 0, 0 // see TestLayers
			if ok && got != tt.want {
				t.Fatalf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestCopyWidens(t *testing.T) {
	tests := []struct {
		name    string
		codec   media.Codec
		in, out []byte
	}{
		{"vp8 7 bit", media.VP8, []byte{0x90, 0xc0, 0x45, 7, 0x00, 9}, []byte{0x90, 0xc0, 0x80, 0x45, 7, 0x00, 9}},
		{"vp8 15 bit", media.VP8, []byte{0x90, 0xc0, 0x81, 0x45, 7, 0x00}, []byte{0x90, 0xc0, 0x81, 0x45, 7, 0x00}},
		{"vp8 none", media.VP8, []byte{0x10, 0x00}, []byte{0x10, 0x00}},
		{"vp9 7 bit", media.VP9, []byte{0xa8, 0x12, 0x00, 5, 1}, []byte{0xa8, 0x80, 0x12, 0x00, 5, 1}},
		{"opus", media.Opus, []byte{1, 2, 3}, []byte{1, 2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			info, _ := Parse(tt.codec, tt.in)
			dst := make([]byte, len(tt.in)+1)
			dst = dst[:info.Copy(dst, tt.in)]
			if !bytes.Equal(dst, tt.out) {
				t.Fatalf("got %x, want %x", dst, tt.out)
			}
			if again, ok := Parse(tt.codec, dst); !ok || again != info {
				t.Fatalf("the copy reads as %+v, described as %+v", again, info)
			}
		})
	}
}

// TestPutReadsBack: what Put writes is what Parse reads, and nothing else changes.
func TestPutReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom([]media.Codec{media.VP8, media.VP9}).Draw(t, "codec")
		in := rapid.SliceOfN(rapid.Byte(), 2, 20).Draw(t, "payload")
		info, ok := Parse(c, in)
		if !ok {
			return
		}
		dst := make([]byte, len(in)+1)
		dst = dst[:info.Copy(dst, in)]
		pid, tl0 := rapid.Uint16().Draw(t, "pid"), rapid.Byte().Draw(t, "tl0")
		before := bytes.Clone(dst)
		info.Put(dst, pid, tl0)
		got, ok := Parse(c, dst)
		if !ok || got.Rank != info.Rank || got.PIDBits != info.PIDBits || got.TL0At != info.TL0At {
			t.Fatalf("%x became %x", before, dst)
		}
		if info.PIDBits != 0 && got.PID != pid&0x7fff {
			t.Fatalf("picture id %d, want %d", got.PID, pid&0x7fff)
		}
		if info.TL0At != 0 && got.TL0 != tl0 {
			t.Fatalf("tl0 %d, want %d", got.TL0, tl0)
		}
		info.Put(dst, info.PID, info.TL0)
		if !bytes.Equal(dst, before) {
			t.Fatalf("%x did not come back, got %x", before, dst)
		}
	})
}

func TestFrameNumber(t *testing.T) {
	dd := []byte{0xc1, 0x12, 0x34, 0xff}
	if n := FrameNumber(dd); n != 0x1234 {
		t.Fatalf("got %x", n)
	}
	PutFrameNumber(dd, 0xfffe)
	if !bytes.Equal(dd, []byte{0xc1, 0xff, 0xfe, 0xff}) {
		t.Fatalf("got %x", dd)
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	in := []byte{0x90, 0xf0, 0x92, 0x34, 7, 0x20, 0x01}
	dst := make([]byte, len(in)+1)
	if n := testing.AllocsPerRun(100, func() {
		for c := media.Opus; c <= media.H265; c++ {
			if info, ok := Parse(c, in); ok {
				info.Copy(dst, in)
				info.Put(dst, 1, 2)
			}
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// fuzz checks what holds for any payload of a codec.
func fuzz(f *testing.F, c media.Codec, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		keep := bytes.Clone(in)
		info, ok := Parse(c, in)
		if !ok {
			return
		}
		if d, ok := Describe(c, in); ok && (d.Width < 0 || d.Height < 0 || d.Spatial < 0 || d.Spatial > 8) {
			t.Fatalf("%x is described as %+v", in, d)
		}
		dst := make([]byte, len(in)+1)
		dst = dst[:info.Copy(dst, in)]
		info.Put(dst, 0x7abc, 0x55)
		if !bytes.Equal(in, keep) {
			t.Fatal("the input was written to")
		}
		if again, ok := Parse(c, dst); !ok || again.Rank != info.Rank {
			t.Fatalf("rewriting %x to %x changed its meaning", in, dst)
		}
		if !info.Rewritten() && !bytes.Equal(in, dst) {
			t.Fatal("a payload without counters was changed")
		}
	})
}

func FuzzVP8(f *testing.F) {
	fuzz(f, media.VP8, []byte{0x90, 0xf0, 0x92, 0x34, 7, 0x20, 0x01}, []byte{0x90, 0x80, 0x45, 0x00}, []byte{0x10, 0})
}

func FuzzVP9(f *testing.F) {
	fuzz(f, media.VP9, []byte{0xa8, 0x92, 0x34, 0x00, 5, 1}, []byte{0x88, 0x12, 1}, []byte{0xb8, 0x92, 0x34, 0x00, 1})
}

func FuzzAV1(f *testing.F) {
	fuzz(f, media.AV1, []byte{0x28, 2, 1 << 3, 0, 6 << 3, 1}, []byte{0x08, 1, 2 << 3, 2, 1 << 3, 0}, []byte{0x08, 0xff, 0xff, 0x7f})
}

func FuzzH264(f *testing.F) {
	fuzz(f, media.H264, []byte{24, 0, 2, 0x68, 0, 0, 2, 0x67, 0}, []byte{0x7c, 0x85, 0x88}, []byte{25, 0, 1, 0, 2, 0x67, 0}, []byte{29, 0x85, 0, 1, 0x88})
}

func FuzzH265(f *testing.F) {
	fuzz(f, media.H265, []byte{48 << 1, 1, 0, 3, 0x42, 1, 1, 0, 3, 0x40, 1, 1}, []byte{49 << 1, 1, 0x80 | 19, 0x80})
}
