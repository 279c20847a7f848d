package lab

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
	"veche.example/internal/rtc"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
	"veche.example/test/lab/plot"
)

// band is what a child is told, and what it has seen in the last 100 ms: the sender of what it sends, the viewer of what it
// gets.
type band struct {
	SDP      string
	Estimate int
	Layer    int // that is sent
	Bytes    uint64
	Lost     int           // packets of sound
	Freeze   time.Duration // longest time without a packet of the picture
}

// layers are the rates of the encodings that the sender chooses from, in bit/s.
var layers = [...]int{100_000, 300_000, 1_700_000}

// bandSender is a media server with one publisher in it, whose picture comes in three encodings; of these it sends to its
// one client the best that the estimate allows.
func bandSender(in *json.Decoder, out *json.Encoder) error {
	var offer band
	if err := in.Decode(&offer); err != nil {
		return ignoreEOF(err)
	}
	log := slog.New(slog.DiscardHandler)
	port, err := udp.Listen(":7788", log)
	if err != nil {
		return err
	}
	defer port.Close()
	engine, err := rtc.NewEngine(rtc.Config{UDP: port.Mux(netip.MustParseAddr(hubIP)), Learn: port.Learn, Log: log})
	if err != nil {
		return err
	}
	defer engine.Close()
	peer, err := engine.NewPeer(rtc.PeerConfig{Audio: []media.Codec{media.Opus}, Video: []media.Codec{media.VP8}, Handler: nobody{}})
	if err != nil {
		return err
	}
	defer peer.Close()
	answer, err := peer.Offer(context.Background(), rtc.Offer{SDP: offer.SDP, Receive: []string{"0", "1"}})
	if err != nil {
		return err
	}
	if err := out.Encode(band{SDP: answer}); err != nil {
		return err
	}
	for peer.Stats().State != rtc.Connected {
		time.Sleep(10 * time.Millisecond)
	}
	studio := newStudio()
	defer studio.close()
	end := make(chan error, 1)
	go func() { var m band; end <- in.Decode(&m) }()
	if err := peer.Slot("0").Show(studio.sound); err != nil {
		return err
	}
	peer.Demand(layers[2]*115/100 + 60_000)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	layer, changed, last := -1, time.Now(), peer.Stats()
	for {
		select {
		case <-tick.C:
		case err := <-end:
			return ignoreEOF(err)
		}
		e := peer.Estimate()
		best := 0
		for k, rate := range layers {
			need := rate + 60_000
			if k > layer {
				need += rate / 7
			}
			if e.Bitrate >= need {
				best = k
			}
		}
		if best < layer || best > layer && (layer < 0 || time.Since(changed) > 2*time.Second) {
			layer, changed = best, time.Now()
			if err := peer.Slot("1").Show(studio.picture[layer]); err != nil {
				return err
			}
		}
		is := peer.Stats()
		sent := is.BytesOut - last.BytesOut + 28*(is.PacketsOut-last.PacketsOut)
		last = is
		if err := out.Encode(band{Estimate: e.Bitrate, Layer: layer, Bytes: sent}); err != nil {
			return err
		}
	}
}

// nobody is a handler of a client that publishes nothing.
type nobody struct{}

func (nobody) Track(string, string, *sfu.Track) {}
func (nobody) Ended(string, string, *sfu.Track) {}
func (nobody) State(rtc.State)                  {}

// studio is a publisher.
type studio struct {
	sound   *sfu.Track
	picture [len(layers)]*sfu.Track
	wanted  [len(layers)]key
	stop    chan struct{}
	wg      sync.WaitGroup
}

// key counts requests for a key frame.
type key struct{ atomic.Int64 }

func (k *key) RequestKeyFrame() { k.Add(1) }

func newStudio() *studio {
	s := &studio{stop: make(chan struct{})}
	s.sound = sfu.NewTrack(sfu.TrackConfig{Codec: media.Opus})
	s.play(20*time.Millisecond, func(i int) {
		s.sound.Write(&media.Packet{SSRC: 9, Timestamp: uint32(i * 960), Seq: uint16(i), PT: 111, Level: 20, Payload: make([]byte, 100), Arrival: media.Now()})
	})
	for k := range s.picture {
		s.picture[k] = sfu.NewTrack(sfu.TrackConfig{Codec: media.VP8, Up: &s.wanted[k]})
		seq, answered := uint16(0), int64(0)
		s.play(33*time.Millisecond, func(i int) {
			n, first := layers[k]*33/8000, byte(0x10)
			kind := byte(1)
			if w := s.wanted[k].Load(); w != answered { // a key frame, four times as big
				kind, n, answered = 0, 4*n, w
			}
			for n > 0 {
				part := min(n, 1100)
				n -= part
				b := make([]byte, max(part, 20))
				copy(b, []byte{first, kind, 0, 0, 0x9d, 0x01, 0x2a, 1, 2, 3})
				s.picture[k].Write(&media.Packet{SSRC: uint32(k), Timestamp: uint32(i * 2970), Seq: seq, PT: 96, Marker: n == 0, Level: -1, Payload: b, Arrival: media.Now()})
				first = 0
				seq++
			}
		})
	}
	return s
}

func (s *studio) play(each time.Duration, f func(i int)) {
	s.wg.Go(func() {
		tick := time.NewTicker(each)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				f(i)
			case <-s.stop:
				return
			}
		}
	})
}

func (s *studio) close() {
	close(s.stop)
	s.wg.Wait()
}

// bandViewer is a client of Pion that receives sound and a picture.
func bandViewer(in *json.Decoder, out *json.Encoder) error {
	pc, err := newPeer(func(*webrtc.SettingEngine) {}, access{})
	if err != nil {
		return err
	}
	defer pc.GracefulClose()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var seen band
	picture := time.Time{}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		var last uint16
		for n := 0; ; n++ {
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			mu.Lock()
			seen.Bytes += uint64(p.MarshalSize() + 44)
			if t.Kind() == webrtc.RTPCodecTypeVideo {
				if now := time.Now(); n > 0 {
					seen.Freeze = max(seen.Freeze, now.Sub(picture))
				}
				picture = time.Now()
			} else if n > 0 {
				if lost := int(int16(p.SequenceNumber - last - 1)); lost > 0 {
					seen.Lost += lost
				}
			}
			last = p.SequenceNumber
			mu.Unlock()
		}
	})
	text, err := describe(pc, "")
	if err != nil {
		return err
	}
	if err := out.Encode(band{SDP: text}); err != nil {
		return err
	}
	var answer band
	if err := in.Decode(&answer); err != nil {
		return ignoreEOF(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		return err
	}
	for { // each question is answered with what was seen since the last
		var m band
		if err := in.Decode(&m); err != nil {
			return ignoreEOF(err)
		}
		mu.Lock()
		m, seen = seen, band{}
		mu.Unlock()
		if err := out.Encode(m); err != nil {
			return err
		}
	}
}

// TestBand is a subscriber whose link goes from 4 Mbit/s to 500 kbit/s and back (tbf): the picture goes down within 2 s and
// is back on top within 15 s, it never stands for longer than 1 s, sound is kept, and the link is never overrun by a tenth
// for longer than 2 s.
func TestBand(t *testing.T) {
	t.Parallel()
	s := NewStar(t, 1)
	s.Do("downrate", "1", "4")
	sender, viewer := s.Start("h", "band-sender"), s.Start("1", "band-viewer")
	var m band
	viewer.Receive(&m, 10*time.Second)
	sender.Send(m)
	sender.Receive(&m, 10*time.Second)
	viewer.Send(m)
	over, longest := time.Duration(0), time.Duration(0)
	var trace trace
	defer trace.draw(t)
	var window [10]uint64 // of 100 ms: what is sent is averaged over a second
	// phase runs until the layer is there for half a second, and gives how long that took.
	phase := func(name string, link float64, want int, most, hold time.Duration) time.Duration {
		t.Helper()
		reached, since := time.Duration(-1), time.Duration(0)
		for now := time.Duration(0); now < hold || reached < 0; now += 100 * time.Millisecond {
			if reached < 0 && now > most+10*time.Second {
				t.Fatalf("%s: layer %d is not reached, estimate %d", name, want, m.Estimate)
			}
			sender.Receive(&m, 10*time.Second)
			copy(window[:], window[1:])
			window[9] = m.Bytes
			sum := uint64(0)
			for _, n := range window {
				sum += n
			}
			if over += 100 * time.Millisecond; float64(sum)*8 <= 1.1*link {
				over = 0
			}
			longest = max(longest, over)
			trace.note(link, float64(m.Estimate), float64(sum*8))
			if since += 100 * time.Millisecond; m.Layer != want {
				since = 0
			}
			if reached < 0 && since >= 500*time.Millisecond {
				reached = now - since + 100*time.Millisecond
			}
			if int(now/time.Millisecond)%1000 == 0 {
				t.Logf("%s %4.1f s: layer %d, estimate %d k, sent %d k", name, now.Seconds(), m.Layer, m.Estimate/1000, sum*8/1000)
			}
		}
		if reached > most {
			t.Errorf("%s: layer %d after %v", name, want, reached)
		}
		t.Logf("%s: layer %d after %v", name, want, reached)
		return reached
	}
	seen := func(name string, freeze time.Duration, lost int) {
		t.Helper()
		viewer.Send(band{})
		var v band
		viewer.Receive(&v, 10*time.Second)
		if v.Freeze > freeze || v.Lost > lost {
			t.Errorf("%s: the picture stood for %v, %d packets of sound lost", name, v.Freeze, v.Lost)
		}
		t.Logf("%s: freeze %v, %d packets of sound lost", name, v.Freeze, v.Lost)
	}
	phase("4M", 4e6, 2, 6*time.Second, 4*time.Second)
	seen("4M", time.Second, 0)
	s.Do("downrate", "1", "0.5")
	phase("500k", 5e5, 0, 2*time.Second, 2*time.Second) // it may go lower than it must for a moment
	phase("500k", 5e5, 1, 10*time.Second, 8*time.Second)
	seen("500k", time.Second, 25)
	s.Do("downrate", "1", "4")
	phase("4M again", 4e6, 2, 15*time.Second, 0)
	seen("4M again", time.Second, 5)
	if longest > 2*time.Second {
		t.Errorf("more than a tenth over the link for %v", longest)
	}
	t.Logf("longest time over the link: %v", longest)
}

// trace is what the call over a link was like, each 100 ms.
type trace struct{ x, link, estimate, sent []float64 }

func (tr *trace) note(link, estimate, sent float64) {
	tr.x = append(tr.x, float64(len(tr.x))/10)
	tr.link, tr.estimate, tr.sent = append(tr.link, link/1e6), append(tr.estimate, min(estimate, 6e6)/1e6), append(tr.sent, sent/1e6)
}

// draw writes the trace to where VECHE_PLOT says, as docs/plots/lab.svg was.
func (tr *trace) draw(t *testing.T) {
	file := os.Getenv("VECHE_PLOT")
	if file == "" {
		return
	}
	svg := plot.SVG("A call behind tbf: 4, 0.5 and again 4 Mbit/s; encodings of 0.1, 0.3 and 1.7 Mbit/s", "Mbit/s",
		plot.Line{Name: "link", Color: "#999", X: tr.x, Y: tr.link, Step: true}, plot.Line{Name: "sent, 1 s", Color: "#e07b39", X: tr.x, Y: tr.sent},
		plot.Line{Name: "estimate", Color: "#1f6fb2", X: tr.x, Y: tr.estimate})
	if err := os.WriteFile(file, []byte(svg), 0o644); err != nil {
		t.Error(err)
	}
}
