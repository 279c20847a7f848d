package veche_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"veche.example"
	"veche.example/internal/auth"
	"veche.example/internal/vtest"
)

// h264 is what the tests push: a key frame each second.
var h264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15", "-pix_fmt", "yuv420p", "-c:a", "aac"}

// studio pushes a picture and a tone into a room by RTMP.
func (l *streamLab) studio(room string) (stop func()) {
	l.t.Helper()
	args := append(append(slices.Clone(picture), tone...), h264...)
	return l.push(append(args, "-f", "flv", "rtmp://"+l.ports["streams.rtmp"]+"/live/"+room)...)
}

// get fetches a path of the server.
func (l *streamLab) get(path string, header ...string) (int, http.Header, string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.ctx, http.MethodGet, l.web+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// body is what a path gives; anything but 200 ends the test.
func (l *streamLab) body(path string) string {
	l.t.Helper()
	status, _, b := l.get(path)
	if status != http.StatusOK {
		l.t.Fatalf("%s: %d %s", path, status, b)
	}
	return b
}

// probe asks ffprobe for the streams at a URL, decoding five seconds of them: the picture may begin two seconds after the sound.
func (l *streamLab) probe(url string) map[string]int {
	l.t.Helper()
	out, err := exec.CommandContext(l.ctx, "ffprobe", "-v", "error", "-read_intervals", "%+5", "-count_frames",
		"-show_entries", "stream=codec_name,nb_read_frames", "-of", "json", url).Output()
	if err != nil {
		l.t.Fatalf("ffprobe: %v %s", err, out)
	}
	var found struct {
		Streams []struct {
			Codec  string `json:"codec_name"`
			Frames string `json:"nb_read_frames"`
		}
	}
	if err := json.Unmarshal(out, &found); err != nil {
		l.t.Fatal(err)
	}
	frames := map[string]int{}
	for _, s := range found.Streams {
		var n int
		_, _ = fmt.Sscan(s.Frames, &n)
		frames[s.Codec] += n
	}
	return frames
}

// TestHLS: a stream that is pushed plays as HLS, and as DASH by the same files, made when it is asked for, close to the live edge.
func TestHLS(t *testing.T) {
	t.Parallel()
	l := newStreamLab(t, func(c *veche.Config) { c.Outputs.Idle = 5 * time.Second })
	c := l.watcher("studio")
	l.studio("studio")
	l.until(c, "no stream", func(s vtest.State) bool { codecs, _ := tracks(s, "stream"); return len(codecs) == 2 })
	if codecs, name := tracks(c.State(), "output"); name != "" {
		t.Fatal("an output before anybody asks:", name, codecs)
	}
	master := l.body("hls/studio/index.m3u8")
	if !strings.Contains(master, `CODECS="avc1.`) || !strings.Contains(master, `opus"`) || !strings.Contains(master, "RESOLUTION=320x180") {
		t.Error(master)
	}
	l.until(c, "no member for the output", func(s vtest.State) bool { _, name := tracks(s, "output"); return name == "HLS" })
	for path, want := range map[string]string{"hls/studio/index.m3u8": "h264 opus", "hls/studio/aac.m3u8": "aac", "dash/studio/manifest.mpd": "h264 opus"} {
		got := l.probe(l.web + path)
		for _, codec := range strings.Fields(want) {
			if got[codec] < 15 {
				t.Error(path, got)
			}
		}
	}
	mpd := l.body("dash/studio/manifest.mpd")
	for _, want := range []string{`type="dynamic"`, `codecs="avc1.`, `codecs="opus"`, "<SegmentTimeline><S t="} {
		if !strings.Contains(mpd, want) {
			t.Errorf("no %s in %s", want, mpd)
		}
	}
	delay := l.edge("hls/studio/video.m3u8")
	t.Log("live edge", delay)
	if delay > 3*time.Second {
		t.Error("the live edge is", delay, "behind")
	}
	l.until(c, "the output stays", func(s vtest.State) bool { _, name := tracks(s, "output"); return name == "" })
}

var date = regexp.MustCompile(`#EXT-X-PROGRAM-DATE-TIME:(\S+)`)
var part = regexp.MustCompile(`#EXT-X-PART:DURATION=([0-9.]+)`)

// edge is how far behind a player with low latency is that keeps the distance that the playlist asks for: the newest part
// ends at the last segment's date and the parts after that.
func (l *streamLab) edge(path string) time.Duration {
	l.t.Helper()
	text := l.body(path)
	i := strings.LastIndex(text, "#EXT-X-PROGRAM-DATE-TIME")
	begin, err := time.Parse(time.RFC3339, date.FindStringSubmatch(text[i:])[1])
	if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range part.FindAllStringSubmatch(text[i:], -1) {
		d, err := time.ParseDuration(m[1] + "s")
		if err != nil {
			l.t.Fatal(err)
		}
		begin = begin.Add(d)
	}
	hold := regexp.MustCompile(`PART-HOLD-BACK=([0-9.]+)`).FindStringSubmatch(text)
	d, err := time.ParseDuration(hold[1] + "s")
	if err != nil {
		l.t.Fatal(err)
	}
	return time.Since(begin) + d
}

// TestHLSGap: an encoder that goes and comes back is a discontinuity in a playlist that never stands still.
func TestHLSGap(t *testing.T) {
	t.Parallel()
	l := newStreamLab(t, nil)
	c := l.watcher("gap")
	stop := l.studio("gap")
	l.until(c, "no stream", func(s vtest.State) bool { codecs, _ := tracks(s, "stream"); return len(codecs) == 2 })
	l.body("hls/gap/index.m3u8")
	stop()
	l.until(c, "the stream stays", func(s vtest.State) bool { codecs, _ := tracks(s, "stream"); return codecs == nil })
	// Segments go on to come in their time, although nobody publishes.
	l.follow("hls/gap/video.m3u8")
	l.follow("hls/gap/opus.m3u8")
	l.studio("gap")
	l.until(c, "no stream", func(s vtest.State) bool { codecs, _ := tracks(s, "stream"); return len(codecs) == 2 })
	for i := 0; ; i++ {
		text := l.follow("hls/gap/video.m3u8")
		if strings.Contains(text[strings.Index(text, "#EXTINF"):], "#EXT-X-DISCONTINUITY\n") && i > 2 {
			break
		}
		if i > 8 {
			t.Fatal(text)
		}
	}
	if got := l.probe(l.web + "hls/gap/video.m3u8"); got["h264"] == 0 {
		t.Error(got)
	}
}

// follow waits for the next segment of a playlist by blocking.
func (l *streamLab) follow(path string) string {
	l.t.Helper()
	text := l.body(path)
	var first int
	if _, err := fmt.Sscanf(text[strings.Index(text, "#EXT-X-MEDIA-SEQUENCE:"):], "#EXT-X-MEDIA-SEQUENCE:%d", &first); err != nil {
		l.t.Fatal(err)
	}
	next := first + strings.Count(text, "#EXTINF")
	return l.body(fmt.Sprintf("%s?_HLS_msn=%d", path, next))
}

// TestHLSVP8: what a browser publishes as VP8 plays as H.264.
func TestHLSVP8(t *testing.T) {
	t.Parallel()
	l := newStreamLab(t, nil)
	b, err := vtest.Bot{URL: l.web, Room: "bots", Name: "Film", Publish: true}.Join(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	l.body("hls/bots/index.m3u8")
	if got := l.probe(l.web + "hls/bots/video.m3u8"); got["h264"] == 0 {
		t.Error(got)
	}
	if got := l.probe(l.web + "hls/bots/opus.m3u8"); got["opus"] == 0 {
		t.Error(got)
	}
}

// TestHLSTokens: who may not join as a viewer gets no file either, and nothing is made for strangers.
func TestHLSTokens(t *testing.T) {
	t.Parallel()
	l := newStreamLab(t, func(c *veche.Config) { c.Auth.OpenRooms, c.Auth.Secret = false, whipSecret })
	keys, err := auth.NewKeys([]byte(whipSecret))
	if err != nil {
		t.Fatal(err)
	}
	mint := func(role string) string {
		t.Helper()
		token, err := keys.Mint(auth.Grant{Room: "studio", Role: role, Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	viewer := mint("viewer")
	if status, _, b := l.get("hls/studio/index.m3u8?token=" + viewer); status != http.StatusNotFound {
		t.Error("nobody there:", status, b)
	}
	l.studio("studio/" + mint("speaker"))
	c, err := vtest.Bot{URL: l.web, Room: "studio", Name: "Watcher", Token: mint("moderator")}.Join(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	l.until(c, "no stream", func(s vtest.State) bool { codecs, _ := tracks(s, "stream"); return len(codecs) == 2 })
	for _, path := range []string{"hls/studio/index.m3u8", "hls/studio/video.m3u8?token=x", "dash/studio/manifest.mpd", "hls/studio/video-s1.m4s"} {
		status, h, b := l.get(path)
		if status != http.StatusUnauthorized || h.Get("WWW-Authenticate") == "" || h.Get("Content-Type") != "application/problem+json" {
			t.Error(path, status, b)
		}
	}
	master := l.body("hls/studio/index.m3u8?token=" + viewer)
	if !strings.Contains(master, "video.m3u8?token="+viewer) {
		t.Error(master)
	}
	media := l.body("hls/studio/video.m3u8?token=" + viewer)
	file := regexp.MustCompile(`(?m)^video-s\S+$`).FindString(media)
	status, h, _ := l.get("hls/studio/" + file)
	if status != http.StatusOK || h.Get("Cache-Control") != "private, max-age=3600, immutable" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Error(file, status, h)
	}
	name, _, _ := strings.Cut(file, "?")
	for _, header := range [][]string{{"Authorization", "Bearer " + viewer}, {"Cookie", "veche-token=" + viewer}} {
		if status, _, b := l.get("hls/studio/"+name, header...); status != http.StatusOK {
			t.Error(header[0], status, b)
		}
	}
	if status, _, b := l.get("hls/studio/nobody/index.m3u8?token=" + viewer); status != http.StatusNotFound {
		t.Error("a member who is not there:", status, b)
	}
}

// TestHLSWithoutFFmpeg: what cannot be made says what is missing.
func TestHLSWithoutFFmpeg(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	l := newStreamLab(t, nil)
	b, err := vtest.Bot{URL: l.web, Room: "bots", Name: "Film", Publish: true}.Join(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	for _, path := range []string{"hls/bots/index.m3u8", "dash/bots/manifest.mpd", "hls/bots/aac.m3u8"} {
		status, _, text := l.get(path)
		if status != http.StatusNotImplemented || !strings.Contains(text, "apt install ffmpeg") {
			t.Error(path, status, text)
		}
	}
}
