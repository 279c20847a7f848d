package veche_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"veche.example"
	"veche.example/internal/vtest"
)

// freeUDP is a port that nobody has at the moment.
func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// fast is video that needs no conversion.
var fast = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-pix_fmt", "yuv420p"}

// comes waits for a stream with these tracks, and plays it.
func (l *streamLab) comes(room string, want ...string) {
	l.t.Helper()
	c := l.watcher(room)
	l.until(c, "not all tracks come", func(s vtest.State) bool {
		codecs, _ := tracks(s, "stream")
		return slices.Equal(codecs, want)
	})
	kinds := []string{"video", "audio"}
	l.plays(room, kinds[:len(want)]...)
}

// TestSRT: with the right passphrase only.
func TestSRT(t *testing.T) {
	address := freeUDP(t)
	l := newStreamLab(t, func(c *veche.Config) { c.Streams.SRT, c.Streams.Passphrase = address, "correct-horse-battery" })
	push := func(query, room string) {
		args := slices.Concat(picture, tone, fast, []string{"-c:a", "aac", "-f", "mpegts", "srt://" + address + "?pkt_size=1316&streamid=publish:" + room + query})
		l.push(args...)
	}
	push("", "none")
	push("&passphrase=another-passphrase", "wrong")
	push("&passphrase=correct-horse-battery", "right")
	l.comes("right", "camera h264", "mic opus")
	for _, room := range []string{"none", "wrong"} {
		if s := l.watcher(room).State(); len(s.Members) != 0 {
			t.Error(room, s.Members)
		}
	}
}

func TestRTSPPush(t *testing.T) {
	l := newStreamLab(t, func(c *veche.Config) { c.Streams.RTSP = "127.0.0.1:0" })
	push := func(room string, args ...string) {
		l.push(slices.Concat(args, []string{"-f", "rtsp", "rtsp://" + l.ports["streams.rtsp"] + "/live/" + room})...)
	}
	push("one", slices.Concat(picture, tone, fast, []string{"-c:a", "aac"})...)
	push("two", slices.Concat(picture, tone, []string{"-c:v", "libvpx", "-deadline", "realtime", "-g", "30", "-c:a", "libopus"})...)
	l.comes("one", "camera h264", "mic opus")
	l.comes("two", "camera vp8", "mic opus")
}

// camera is an RTSP server that shows what is pushed to it.
type camera struct {
	server *gortsplib.Server
	mu     sync.Mutex // guards the following
	stream *gortsplib.ServerStream
}

func (c *camera) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnAnnounce(a *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: a.Description}
	return &base.Response{StatusCode: base.StatusOK}, c.stream.Initialize()
}

func (c *camera) OnSetup(s *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if s.Session.State() == gortsplib.ServerSessionStatePreRecord {
		return &base.Response{StatusCode: base.StatusOK}, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *camera) OnRecord(r *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	c.mu.Lock()
	stream := c.stream
	c.mu.Unlock()
	r.Session.OnPacketRTPAny(func(m *description.Media, _ format.Format, p *rtp.Packet) { _ = stream.WritePacketRTP(m, p) })
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// TestPull: the server calls a camera and an SRT listener until they answer.
func TestPull(t *testing.T) {
	cam := &camera{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cam.server = &gortsplib.Server{Handler: cam, RTSPAddress: "x", Listen: func(string, string) (net.Listener, error) { return listener, nil }}
	if err := cam.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cam.server.Close)
	rtsp, srt := listener.Addr().String(), freeUDP(t)
	l := newStreamLab(t, func(c *veche.Config) {
		c.Auth.OpenRooms = true
		c.Streams.Pull = []string{"yard rtsp://" + rtsp + "/cam Yard", "gate srt://" + srt + "?streamid=gate"}
		c.Streams.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	l.push(slices.Concat(picture, tone, fast, []string{"-c:a", "aac", "-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://" + rtsp + "/cam"})...)
	l.push(slices.Concat(picture, fast, []string{"-an", "-f", "mpegts", fmt.Sprintf("srt://%s?mode=listener", srt)})...)
	l.comes("yard", "camera h264", "mic opus")
	l.comes("gate", "camera h264")
}

func TestPullIsChecked(t *testing.T) {
	c := veche.DefaultConfig()
	c.Media.UDP, c.Media.TCP, c.Auth.OpenRooms = "127.0.0.1:0", "", true
	c.Streams.Pull = []string{"yard ftp://host/"}
	if _, err := veche.New(c); err == nil || !strings.Contains(err.Error(), "streams.pull") {
		t.Error(err)
	}
}

// TestStreamingPage runs what docs/streaming.md tells people to type, with the ports of the test.
func TestStreamingPage(t *testing.T) {
	page, err := os.ReadFile("docs/streaming.md")
	if err != nil {
		t.Fatal(err)
	}
	srt := freeUDP(t)
	l := newStreamLab(t, func(c *veche.Config) { c.Streams.SRT, c.Streams.RTSP = srt, "127.0.0.1:0" })
	film := t.TempDir() + "/film.mp4"
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15:d=2", "-f", "lavfi", "-i", "sine=d=2",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", film).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	commands := regexp.MustCompile("(?s)```ffmpeg\nffmpeg (.*?)\n```").FindAllStringSubmatch(string(page), -1)
	if len(commands) < 4 {
		t.Fatal(len(commands), "commands")
	}
	for i, c := range commands {
		room := fmt.Sprintf("page-%d", i)
		line := strings.NewReplacer("studio", room, "localhost:8890", srt, "localhost:8554", l.ports["streams.rtsp"],
			"rtmp://localhost", "rtmp://"+l.ports["streams.rtmp"], "film.mp4", film, `"`, "").Replace(c[1])
		stop := l.push(strings.Fields(line)...)
		want := []string{"camera h264", "mic opus"}
		if strings.Contains(line, "libvpx") {
			want[0] = "camera vp8"
		}
		l.comes(room, want...)
		stop()
	}
}
