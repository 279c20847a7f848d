package live

import (
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"veche.example/internal/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		in   string
		want path
		ok   bool
	}{
		{"/hls/r/index.m3u8", path{key{"r", session.Speaker}, fileMaster, "", 0}, true},
		{"/dash/r/manifest.mpd", path{key{"r", session.Speaker}, fileMPD, "", 0}, true},
		{"/hls/a%2Fb/first/index.m3u8", path{key{"a/b", "first"}, fileMaster, "", 0}, true},
		{"/hls/r/m/video.m3u8", path{key{"r", "m"}, fileMedia, "video", 0}, true},
		{"/dash/r/opus-i7.mp4", path{key{"r", session.Speaker}, fileInit, "opus", 7}, true},
		{"/hls/r/aac-s70.m4s", path{key{"r", session.Speaker}, fileSegment, "aac", 70}, true},
		{"/hls/r/video-p700.m4s", path{key{"r", session.Speaker}, filePart, "video", 700}, true},
		{"/hls/r", path{}, false},
		{"/hls//index.m3u8", path{}, false},
		{"/hls/r/manifest.mpd", path{}, false},
		{"/dash/r/index.m3u8", path{}, false},
		{"/hls/r/%00/index.m3u8", path{}, true}, // nobody has this id
		{"/hls/%00/index.m3u8", path{}, false},
		{"/hls/r/m/x/index.m3u8", path{}, false},
		{"/hls/r/video-p-1.m4s", path{}, false},
		{"/hls/r/video-p+1.m4s", path{}, false},
		{"/hls/r/video-p99999999999999999999.m4s", path{}, false},
		{"/hls/r/video-p1.mp4", path{}, false},
		{"/hls/r/screen-p1.m4s", path{}, false},
		{"/hls/r/../x.m3u8", path{}, false},
		{"/hls/r/loud/index.m3u8", path{}, false},
	} {
		got, ok := parsePath(c.in)
		if ok != c.ok || ok && c.want.kind != 0 && got != c.want {
			t.Errorf("%s: %+v %v", c.in, got, ok)
		}
	}
}

// FuzzParsePath: whatever is asked for is one of the files there can be, of a room that there can be.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/hls/r/index.m3u8", "/dash/r/m/manifest.mpd", "/hls/a%2fb/video-s1.m4s", "/hls/r/video-p.m4s", "//", "/hls/%zz/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := parsePath(s)
		if !ok {
			return
		}
		if !validRoom(p.room) || p.member == "" || len(p.member) > maxMember || p.kind == 0 || p.number < 0 {
			t.Errorf("%q: %+v", s, p)
		}
		if (p.kind == fileMaster || p.kind == fileMPD) != (p.track == "") {
			t.Errorf("%q: %+v", s, p)
		}
	})
}

func TestTokenOf(t *testing.T) {
	for _, c := range []struct{ query, header, value, token, onward string }{
		{"", "", "", "", ""},
		{"?token=a.b%2B", "", "", "a.b+", "?token=a.b%2B"},
		{"", "Authorization", "bearer x", "x", ""},
		{"?token=q", "Authorization", "Bearer x", "x", ""},
		{"", "Authorization", "Basic x", "", ""},
		{"", "Cookie", "veche-token=c", "c", ""},
		{"?token=%22%3E%0A%23EXT", "", "", "\">\n#EXT", "?token=%22%3E%0A%23EXT"},
	} {
		r := httptest.NewRequest("GET", "/hls/r/index.m3u8"+c.query, nil)
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if token, onward := tokenOf(r); token != c.token || onward != c.onward {
			t.Errorf("%+v: %q %q", c, token, onward)
		}
	}
}
