// Program record writes down what Chromium sends, see README.md one folder up. It needs root for the network of its own
// that test/lab/box.sh makes.
//
//	test/lab/box.sh go run ./internal/sfu/testdata/record [-dd] OUT CODEC WIDTH HEIGHT ENCODINGS
//	... -dd vp9 vp9 960 540 '[{"scalabilityMode":"L3T3_KEY","maxBitrate":900000}]'
//	... -dd av1 av1 960 540 '[{"scalabilityMode":"L3T3_KEY","maxBitrate":700000}]'
//	... vp8 vp8 320 180 '[{"rid":"l","scaleResolutionDownBy":4,"maxBitrate":25000,"scalabilityMode":"L1T3"},
//	    {"rid":"m","scaleResolutionDownBy":2,"maxBitrate":40000,"scalabilityMode":"L1T3"},{"rid":"h","maxBitrate":80000,"scalabilityMode":"L1T3"}]'
//	... h264 h264 320 180 '[{"rid":"m","scaleResolutionDownBy":2,"maxBitrate":40000},{"rid":"h","maxBitrate":80000}]'
//
// -dd negotiates the dependency descriptor. OUT is a prefix: "-rid.rtp" or ".rtp" is added.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	warm   = 4 * time.Second // until the sender has its bit rate
	length = 2600 * time.Millisecond
	keys   = 700 * time.Millisecond
	ddURI  = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

const page = `<!doctype html><canvas id=c></canvas><script>
(async () => {
  const q = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const c = document.getElementById('c'); c.width = q.w; c.height = q.h;
  const g = c.getContext('2d'); let n = 0;
  setInterval(() => {
    n++; g.fillStyle = '#357'; g.fillRect(0, 0, q.w, q.h);
    g.fillStyle = '#fc3'; g.fillRect((n * 4) % q.w, q.h / 3, q.w / 8, q.h / 5);
    g.fillStyle = '#fff'; g.fillRect(10, q.h * 0.8, (n % 20) * q.w / 25, q.h / 12);
  }, 1000 / 12);
  const pc = new RTCPeerConnection();
  const tr = pc.addTransceiver(c.captureStream(12).getVideoTracks()[0], { direction: 'sendonly', sendEncodings: q.enc });
  tr.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter((x) => x.mimeType.toLowerCase() === 'video/' + q.codec));
  await pc.setLocalDescription();
  await new Promise((r) => { const f = () => pc.iceGatheringState === 'complete' && r(); f(); pc.onicegatheringstatechange = f; });
  const a = await fetch('/offer', { method: 'POST', body: JSON.stringify(pc.localDescription) });
  await pc.setRemoteDescription(await a.json());
})().catch((e) => fetch('/error', { method: 'POST', body: String(e) }));
</script>`

type wish struct {
	Codec  string          `json:"codec"`
	Width  json.Number     `json:"w"`
	Height json.Number     `json:"h"`
	Enc    json.RawMessage `json:"enc"`
}

type recorder struct {
	out   string
	pc    *webrtc.PeerConnection
	mu    sync.Mutex
	start time.Time
	files map[string][]byte
	done  chan struct{}
}

func main() {
	dd := flag.Bool("dd", false, "negotiate the dependency descriptor")
	flag.Parse()
	a := flag.Args()
	if len(a) != 5 {
		log.Fatal("OUT CODEC WIDTH HEIGHT ENCODINGS")
	}
	r := &recorder{out: a[0], pc: connection(a[1], *dd), files: map[string][]byte{}, done: make(chan struct{})}
	r.pc.OnTrack(r.track)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("/error", func(_ http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		log.Fatalf("the page says: %s", text)
	})
	mux.HandleFunc("/offer", r.offer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() { _ = http.Serve(l, mux) }()
	q, err := json.Marshal(wish{a[1], json.Number(a[2]), json.Number(a[3]), json.RawMessage(a[4])})
	must(err)
	dir, err := os.MkdirTemp("", "record")
	must(err)
	defer os.RemoveAll(dir)
	browser := exec.Command("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-features=WebRtcHideLocalIpsWithMdns", "--user-data-dir="+dir,
		"--force-fieldtrials=WebRTC-LegacySimulcastLayerLimit/Disabled/", fmt.Sprintf("http://%s/#%s", l.Addr(), url.PathEscape(string(q))))
	must(browser.Start())
	select {
	case <-r.done:
	case <-time.After(time.Minute):
		log.Print("nothing came")
	}
	_ = browser.Process.Kill()
	_ = browser.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, b := range r.files {
		must(os.WriteFile(name, b, 0o644))
		fmt.Println(name, len(b))
	}
}

func connection(codec string, dd bool) *webrtc.PeerConnection {
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	feedback := []webrtc.RTCPFeedback{{Type: "nack", Parameter: "pli"}, {Type: "transport-cc"}}
	fmtp := map[string]string{"vp9": "profile-id=0", "h264": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}[codec]
	must(engine.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 98, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: "video/" + codec, ClockRate: 90000, SDPFmtpLine: fmtp, RTCPFeedback: feedback}}, webrtc.RTPCodecTypeVideo))
	exts := []string{"urn:ietf:params:rtp-hdrext:sdes:mid", "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
		"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"}
	if dd {
		exts = append(exts, ddURI)
	}
	for _, uri := range exts {
		must(engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo))
	}
	must(webrtc.ConfigureTWCCSender(engine, registry))
	must(webrtc.ConfigureRTCPReports(registry))
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry)).NewPeerConnection(webrtc.Configuration{})
	must(err)
	return pc
}

func (r *recorder) offer(w http.ResponseWriter, q *http.Request) {
	var offer webrtc.SessionDescription
	must(json.NewDecoder(q.Body).Decode(&offer))
	must(r.pc.SetRemoteDescription(offer))
	answer, err := r.pc.CreateAnswer(nil)
	must(err)
	gathered := webrtc.GatheringCompletePromise(r.pc)
	must(r.pc.SetLocalDescription(answer))
	<-gathered
	_ = json.NewEncoder(w).Encode(r.pc.LocalDescription())
}

func (r *recorder) track(t *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	r.mu.Lock()
	if r.start.IsZero() {
		r.start = time.Now()
		time.AfterFunc(warm+length+500*time.Millisecond, func() { close(r.done) })
	}
	r.mu.Unlock()
	var dd uint8
	for _, e := range receiver.GetParameters().HeaderExtensions {
		if e.URI == ddURI {
			dd = uint8(e.ID)
		}
	}
	go func() {
		for range time.Tick(keys) {
			if r.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}}) != nil {
				return
			}
		}
	}()
	name := r.out + ".rtp"
	if t.RID() != "" {
		name = r.out + "-" + t.RID() + ".rtp"
	}
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		if at := time.Since(r.start) - warm; at >= 0 && at < length && len(p.Payload) > 0 {
			r.mu.Lock()
			r.files[name] = record(r.files[name], at, p, p.GetExtension(dd))
			r.mu.Unlock()
		}
	}
}

func record(b []byte, at time.Duration, p *rtp.Packet, dd []byte) []byte {
	marker := byte(0)
	if p.Marker {
		marker = 1
	}
	b = binary.BigEndian.AppendUint16(b, uint16(at.Milliseconds()))
	b = binary.BigEndian.AppendUint16(b, p.SequenceNumber)
	b = binary.BigEndian.AppendUint32(b, p.Timestamp)
	b = append(b, marker, byte(len(dd)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Payload)))
	return append(append(b, dd...), p.Payload...)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
