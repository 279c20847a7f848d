package ts

import (
	"bytes"
	"os/exec"
	"testing"
	"time"

	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
)

func TestUnwrap(t *testing.T) {
	const wrap = 1 << 33
	var u unwrap
	for i, c := range []struct{ ts, want int64 }{
		{wrap - 90000, wrap - 90000}, {wrap - 3600, wrap - 3600}, {0, wrap}, {wrap - 1800, wrap - 1800}, {90000, wrap + 90000},
		{90000 + 200*rate, wrap + 90000 + 200*rate}, {90000, wrap + 90000}, {90001, wrap + 90001},
	} {
		if got := u.next(c.ts); got != span(c.want) {
			t.Errorf("%d: %v, want %v", i, got, span(c.want))
		}
	}
}

func TestDuration(t *testing.T) {
	for b, want := range map[string]time.Duration{
		"": 0, "\xfc": 20 * time.Millisecond, "\x78": 20 * time.Millisecond, "\x70": 10 * time.Millisecond, "\x18": 60 * time.Millisecond,
		"\xe1": 5 * time.Millisecond, "\xff": 0, "\xff\x03": 60 * time.Millisecond,
	} {
		if got := duration([]byte(b)); got != want {
			t.Errorf("%x: %v, want %v", b, got, want)
		}
	}
}

// FuzzRead: whatever comes ends the stream at most.
func FuzzRead(f *testing.F) {
	clip, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:d=0.5", "-f", "lavfi", "-i", "sine=d=0.5",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "libopus", "-f", "mpegts", "-").Output()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(clip)
	f.Add(clip[:1000])
	f.Add(bytes.Repeat([]byte{0x47}, 400))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, track := range r.r.Tracks() {
			switch track.Codec.(type) {
			case *tscodecs.H264:
				r.r.OnDataH264(track, r.picture(func(_, _ time.Duration, _ [][]byte) {}))
			case *tscodecs.H265:
				r.r.OnDataH265(track, r.picture(func(_, _ time.Duration, _ [][]byte) {}))
			case *tscodecs.Opus:
				r.r.OnDataOpus(track, r.opus(func(_, _ time.Duration, _ [][]byte) {}))
			case *tscodecs.MPEG4Audio:
				r.r.OnDataMPEG4Audio(track, r.sound(func(_, _ time.Duration, _ [][]byte) {}))
			}
		}
		r.r.OnDecodeError(func(error) {})
		for r.r.Read() == nil {
		}
	})
}
