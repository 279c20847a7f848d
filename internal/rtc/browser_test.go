//go:build browsers

package rtc

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

// page publishes VP8 in three sizes, and says what went wrong.
const page = `<!doctype html><script>
(async () => {
  const canvas = document.createElement('canvas');
  canvas.width = 640; canvas.height = 360;
  const draw = canvas.getContext('2d');
  let n = 0;
  setInterval(() => { for (let i = 0; i < 60; i++) { draw.fillStyle = 'hsl(' + (n++ * 7) % 360 + ' 90% 50%)'; draw.fillRect(Math.random() * 600, Math.random() * 330, 50, 50); } }, 33);
  const stream = canvas.captureStream(30);
  const pc = new RTCPeerConnection();
  const tr = pc.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream], sendEncodings: [
    { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 100000 },
    { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 300000 },
    { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 900000 }] });
  const vp8 = RTCRtpSender.getCapabilities('video').codecs.filter((c) => /VP8|rtx/i.test(c.mimeType));
  if (tr.setCodecPreferences) tr.setCodecPreferences(vp8);
  await pc.setLocalDescription();
  const answer = await (await fetch('/offer', { method: 'POST', body: pc.localDescription.sdp })).text();
  await pc.setRemoteDescription({ type: 'answer', sdp: answer });
})().catch((e) => fetch('/error', { method: 'POST', body: String(e) }));
</script>`

// browsers are how each is started on a page.
var browsers = map[string]func(dir, url string) []string{
	"chromium": func(dir, url string) []string {
		return []string{"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + dir,
			"--force-fieldtrials=WebRTC-LegacySimulcastLayerLimit/Disabled/", "--disable-background-timer-throttling", url}
	},
	"firefox": func(dir, url string) []string {
		return []string{"firefox", "--headless", "--no-remote", "--profile", dir, url}
	},
}

// TestBrowserSimulcast: real browsers publish three sizes. It needs them and a network of its own:
//
//	VECHE_BROWSERS="chromium firefox" test/lab/box.sh go test -tags browsers ./internal/rtc -run BrowserSimulcast -v
func TestBrowserSimulcast(t *testing.T) {
	names := strings.Fields(os.Getenv("VECHE_BROWSERS"))
	if len(names) == 0 {
		t.Fatal("VECHE_BROWSERS names none")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			command := browsers[name]
			if command == nil {
				t.Fatal("not known")
			}
			publishFrom(t, command)
		})
	}
}

func publishFrom(t *testing.T, command func(dir, url string) []string) {
	log := slog.New(slog.DiscardHandler)
	port, err := udp.Listen("0.0.0.0:0", log)
	must(t, err)
	t.Cleanup(func() { must(t, port.Close()) })
	e, err := NewEngine(Config{UDP: port.Mux(ownAddress(t)), Learn: port.Learn, Log: log})
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	h := &handler{}
	p, err := e.NewPeer(PeerConfig{ID: "browser", Video: media.Codecs(media.Video), Handler: h})
	must(t, err)
	var offer atomic.Pointer[string]
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		text := string(b)
		offer.Store(&text)
		answer, err := p.Offer(context.Background(), Offer{SDP: text, Publish: []string{"0"}})
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, answer)
	})
	mux.HandleFunc("POST /error", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		t.Errorf("the page: %s", b)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	dir, err := os.MkdirTemp("", "browser")
	must(t, err)
	defer func() { _ = os.RemoveAll(dir) }() // what the browser's other processes still write goes with the box
	must(t, os.WriteFile(filepath.Join(dir, "user.js"), []byte("user_pref(\"media.peerconnection.ice.obfuscate_host_addresses\", false);\nuser_pref(\"dom.min_background_timeout_value\", 4);\nuser_pref(\"browser.shell.checkDefaultBrowser\", false);\nuser_pref(\"browser.aboutwelcome.enabled\", false);\nuser_pref(\"datareporting.policy.dataSubmissionEnabled\", false);\n"), 0o600))
	args := command(dir, srv.URL)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	must(t, cmd.Start())
	defer func() { cancel(); _ = cmd.Wait() }()
	sizes := func() string {
		s := ""
		for _, rid := range []string{"l", "m", "h"} {
			if tr := h.track("0/" + rid); tr != nil {
				w, hh := tr.Size()
				s += fmt.Sprintf("%s %dx%d ", rid, w, hh)
			}
		}
		return s
	}
	const want = "l 160x90 m 320x180 h 640x360 "
	for end := time.Now().Add(40 * time.Second); sizes() != want; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q, want %q; %+v, offered: %v", sizes(), want, p.Stats(), offer.Load() != nil)
		}
	}
	time.Sleep(4 * time.Second) // rates are of the last second
	most := 0
	for _, rid := range []string{"l", "m", "h"} {
		tr := h.track("0/" + rid)
		tr.RequestKeyFrame()
		rate := tr.Rate(sfu.Top)
		t.Logf("%s: %d kbit/s, %+v", rid, rate/1000, tr.Stats())
		if rate <= most {
			t.Errorf("%s has %d bit/s, the smaller one %d", rid, rate, most)
		}
		most = rate
		keys := tr.Stats().KeyFrames
		eventually(t, rid+": a key frame", func() bool { return tr.Stats().KeyFrames > keys })
	}
	p.Close()
}

// ownAddress is an address of the machine that is not the loopback's.
func ownAddress(t *testing.T) netip.Addr {
	t.Helper()
	list, err := net.InterfaceAddrs()
	must(t, err)
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			addr, _ := netip.AddrFromSlice(n.IP.To4())
			return addr
		}
	}
	t.Fatal("no network")
	return netip.Addr{}
}
