package media

import (
	"strings"
	"testing"
	"time"
)

func TestCodecs(t *testing.T) {
	rates := map[Codec]uint32{Opus: 48000, G722: 8000, PCMU: 8000, PCMA: 8000, VP8: 90000, VP9: 90000, AV1: 90000, H264: 90000, H265: 90000}
	if len(rates) != CodecCount-1 {
		t.Fatalf("%d codecs, %d tested", CodecCount-1, len(rates))
	}
	for c := Opus; c <= H265; c++ {
		if !c.Valid() || c.ClockRate() != rates[c] {
			t.Errorf("%v: valid %v, rate %d", c, c.Valid(), c.ClockRate())
		}
		kind, _, _ := strings.Cut(c.MIME(), "/")
		if kind != c.Kind().String() {
			t.Errorf("%v: kind %v, type %s", c, c.Kind(), c.MIME())
		}
		for _, s := range []string{c.Name(), c.MIME(), strings.ToUpper(c.Name()), strings.ToLower(c.MIME()), c.String()} {
			if got, ok := ParseCodec(s); !ok || got != c {
				t.Errorf("ParseCodec(%q) = %v, %v", s, got, ok)
			}
		}
	}
}

func TestUnknownCodecs(t *testing.T) {
	for _, s := range []string{"", "vp", "video/rtx", "audio/vp8", "video/", "opus ", "h266"} {
		if c, ok := ParseCodec(s); ok {
			t.Errorf("ParseCodec(%q) = %v", s, c)
		}
	}
	for _, c := range []Codec{0, H265 + 1, 255} {
		if c.Valid() || c.Name() != "" || c.MIME() != "" || c.Kind() != 0 || c.ClockRate() != 0 || c.String() != "unknown" {
			t.Errorf("codec %d has properties", uint8(c))
		}
	}
}

func TestKinds(t *testing.T) {
	for k, want := range map[Kind]string{Audio: "audio", Video: "video", 0: "unknown", 3: "unknown"} {
		if k.String() != want {
			t.Errorf("%d: %s", k, k)
		}
	}
	if a, v := Codecs(Audio), Codecs(Video); len(a) != 4 || len(v) != 5 || a[0] != Opus || v[0] != VP8 {
		t.Errorf("%v %v", a, v)
	}
}

func TestTime(t *testing.T) {
	a := Now()
	b := Now()
	if a < 0 || b < a {
		t.Errorf("time line runs %d, %d", a, b)
	}
	if d := Wall(b + int64(time.Second)).Sub(Wall(b)); d != time.Second {
		t.Errorf("a second is %v", d)
	}
	if d := time.Since(Wall(Now())); d > time.Minute || d < -time.Minute {
		t.Errorf("wall clock is off by %v", d)
	}
}
