package veche_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"veche.example"
	"veche.example/internal/auth"
	"veche.example/internal/signal/native/proto"
	"veche.example/internal/vtest"
)

// streamLab is a server with ports for streams.
type streamLab struct {
	t     *testing.T
	ctx   context.Context
	web   string
	ports map[string]string // by setting
}

func newStreamLab(t *testing.T, change func(*veche.Config)) *streamLab {
	t.Helper()
	c := veche.DefaultConfig()
	c.Media.UDP, c.Media.TCP, c.Media.Loopback = "127.0.0.1:0", "", true
	c.Auth.OpenRooms = true
	c.Streams.RTMP, c.Streams.RTMPS = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&c)
	}
	s, err := veche.New(c)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	l := &streamLab{t, ctx, web.URL + "/", map[string]string{}}
	for _, p := range s.StreamPorts() {
		listener, err := net.Listen("tcp", p.Listen)
		if err != nil {
			t.Fatal(err)
		}
		l.ports[p.Name] = listener.Addr().String()
		if p.TLS {
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}})
		}
		p.Serve(listener)
	}
	t.Cleanup(func() {
		cancel()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		web.Close()
	})
	return l
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Sources for ffmpeg.
var (
	picture = []string{"-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15"}
	tone    = []string{"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"}
)

// push runs ffmpeg until the test ends or the returned function is called.
func (l *streamLab) push(args ...string) (stop func()) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.ctx)
	var out strings.Builder
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-nostdin"}, args...)...)
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		<-done
	}
	l.t.Cleanup(func() {
		stop()
		if l.t.Failed() && out.Len() > 0 {
			l.t.Logf("ffmpeg: %s", out.String())
		}
	})
	return stop
}

// watcher joins a room to see who is there.
func (l *streamLab) watcher(room string) *vtest.Client {
	l.t.Helper()
	c, err := vtest.Bot{URL: l.web, Room: room, Name: "Watcher"}.Join(l.ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(c.Close)
	return c
}

// until waits for a state of the watcher.
func (l *streamLab) until(c *vtest.Client, what string, f func(vtest.State) bool) {
	l.t.Helper()
	if err := c.Until(l.ctx, f); err != nil {
		s := c.State()
		l.t.Fatalf("%s: %v; members %+v, seats %+v", what, err, s.Members, s.Seats)
	}
}

// tracks lists the codecs that a stream publishes.
func tracks(s vtest.State, agent string) (codecs []string, name string) {
	for _, m := range s.Members {
		if m.Agent != agent {
			continue
		}
		name = m.Name
		for _, t := range m.Tracks {
			codecs = append(codecs, t.Source+" "+t.Codec)
		}
	}
	slices.Sort(codecs)
	return codecs, name
}

// plays plays the room by WHEP until a few packets of each kind have come.
func (l *streamLab) plays(room string, kinds ...string) {
	l.t.Helper()
	p := (&whipLab{l.t, l.web, nil}).play(room)
	for _, kind := range kinds {
		for range 20 {
			select {
			case <-p.got[kind]:
			case <-l.ctx.Done():
				l.t.Fatal("no ", kind)
			}
		}
	}
}

// TestRTMP: what an encoder pushes is a member of the room, sound and picture, within 2 s.
func TestRTMP(t *testing.T) {
	l := newStreamLab(t, nil)
	for name, c := range map[string]struct {
		port, codec []string
		want        []string
	}{
		"H.264 and AAC": {[]string{"rtmp", "streams.rtmp"},
			[]string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac"}, []string{"camera h264", "mic opus"}},
		"B-frames": {[]string{"rtmp", "streams.rtmp"},
			[]string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "30", "-pix_fmt", "yuv420p", "-an"}, []string{"camera h264"}},
		"inside of TLS": {[]string{"rtmps", "streams.rtmps"},
			[]string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "libmp3lame"}, []string{"camera h264", "mic opus"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := *l
			l.t = t
			room := strings.ReplaceAll(name, " ", "-")
			c2 := l.watcher(room)
			args := append(slices.Clone(picture), tone...)
			args = append(append(args, c.codec...), "-f", "flv", fmt.Sprintf("%s://%s/live/%s?name=Studio", c.port[0], l.ports[c.port[1]], room))
			stop := l.push(args...)
			l.until(c2, "not all tracks come", func(s vtest.State) bool {
				codecs, title := tracks(s, "stream")
				return slices.Equal(codecs, c.want) && title == "Studio"
			})
			l.plays(room, []string{"video", "audio"}[:len(c.want)]...)
			stop()
			l.until(c2, "the stream stays", func(s vtest.State) bool { codecs, title := tracks(s, "stream"); return codecs == nil && title == "" })
		})
	}
}

// TestRTMPReplaced: an encoder that comes back before the server has noticed its end takes its own place.
func TestRTMPReplaced(t *testing.T) {
	l := newStreamLab(t, func(c *veche.Config) { c.Auth.OpenRooms, c.Auth.Secret = false, whipSecret })
	keys, err := auth.NewKeys([]byte(whipSecret))
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Mint(auth.Grant{Room: "studio", Role: "speaker", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	moderator, err := keys.Mint(auth.Grant{Room: "studio", Role: "moderator", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := vtest.Bot{URL: l.web, Room: "studio", Name: "Watcher", Token: moderator}.Join(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	codec := []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-pix_fmt", "yuv420p", "-an", "-f", "flv"}
	url := "rtmp://" + l.ports["streams.rtmp"] + "/live/studio/"
	begin := func(key string) { l.push(append(append(slices.Clone(picture), codec...), url+key)...) }
	id := func(s vtest.State) string {
		for _, m := range s.Members {
			if m.Agent == "stream" && len(m.Tracks) > 0 {
				return m.ID
			}
		}
		return ""
	}
	begin("not-a-token")
	begin(token)
	l.until(c, "the first does not come", func(s vtest.State) bool { return id(s) != "" })
	first := id(c.State())
	begin(token)
	l.until(c, "the second does not come", func(s vtest.State) bool { return id(s) != "" && id(s) != first })
	if n := len(c.State().Members); n != 1 {
		t.Error(n, "members")
	}
	if _, err := c.Ask(l.ctx, proto.Remove{Member: id(c.State())}); err != nil {
		t.Fatal(err)
	}
	l.until(c, "removed, and still there", func(s vtest.State) bool { return len(s.Members) == 0 })
}
