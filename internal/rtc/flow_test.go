package rtc

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

// TestFlow: one publishes sound and picture, another sees it in a seat, with every codec.
func TestFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, video := range media.Codecs(media.Video) {
		t.Run(video.String(), func(t *testing.T) {
			pub := r.client(t, clientConfig{})
			a, v := pub.source(media.Opus), pub.source(video)
			sub := r.client(t, clientConfig{})
			sub.seat()
			pub.connect()
			sub.connect()
			eventually(t, "tracks", func() bool {
				a.send(t, keyPayload(media.Opus))
				v.send(t, keyPayload(video))
				return pub.h.track("0") != nil && pub.h.track("1") != nil
			})
			if got := pub.h.track("1").Codec(); got != video {
				t.Fatal("codec", got)
			}
			must(t, sub.peer.Slot("0").Show(pub.h.track("0")))
			must(t, sub.peer.Slot("1").Show(pub.h.track("1")))
			stop := pump(t, a, v)
			got := sub.expect("video", func(p received) bool { return p.mid == "1" })
			if !bytes.Equal(got.Payload, keyPayload(video)) {
				t.Errorf("payload % x", got.Payload)
			}
			sound := sub.expect("audio", func(p received) bool { return p.mid == "0" })
			if !bytes.Equal(sound.Payload, keyPayload(media.Opus)) {
				t.Errorf("payload % x", sound.Payload)
			}
			if got.stream != sound.stream {
				t.Errorf("streams %q and %q", got.stream, sound.stream)
			}
			stop()
			if s := sub.peer.Slot("1").Status(); s != sfu.Live {
				t.Error(s)
			}
		})
	}
}

// pump sends until it is stopped.
func pump(t testing.TB, sources ...*source) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				for _, s := range sources {
					s.send(t, keyPayload(s.codec))
				}
			}
		}
	}()
	return func() { close(quit); <-done }
}

// TestSwitch: one seat shows tracks of all codecs in turn, without SDP.
func TestSwitch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sub := r.client(t, clientConfig{})
	sub.seat()
	sub.connect()
	for _, codec := range append(media.Codecs(media.Video), media.Codecs(media.Audio)...) {
		pub := r.client(t, clientConfig{})
		s := pub.source(codec)
		pub.connect()
		stop := pump(t, s)
		eventually(t, "track", func() bool { return pub.h.track("0") != nil })
		mid := "1"
		if codec.Kind() == media.Audio {
			mid = "0"
		}
		must(t, sub.peer.Slot(mid).Show(pub.h.track("0")))
		sub.expect(codec.String(), func(p received) bool { return p.mid == mid && bytes.Equal(p.Payload, keyPayload(codec)) })
		stop()
		pub.peer.Close()
		if st := sub.peer.Slot(mid).Status(); st != sfu.Empty {
			t.Error("after the publisher left:", st)
		}
	}
}

// TestCodecChange: a publisher goes on with another codec in the same section.
func TestCodecChange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pub := r.client(t, clientConfig{})
	first := pub.source(media.VP8)
	pub.connect()
	stop := pump(t, first)
	eventually(t, "VP8", func() bool { return pub.h.track("0") != nil })
	stop()
	vp8 := pub.h.track("0")
	sub := r.client(t, clientConfig{})
	sub.seat(webrtc.RTPCodecTypeVideo)
	sub.connect()
	must(t, sub.peer.Slot("0").Show(vp8))

	second, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000}, "v", "stream")
	must(t, err)
	must(t, first.tr.Sender().ReplaceTrack(second))
	next := &source{TrackLocalStaticRTP: second, codec: media.H264, seq: first.seq, ts: first.ts}
	stop = pump(t, next)
	defer stop()
	eventually(t, "H264", func() bool { tr := pub.h.track("0"); return tr != nil && tr.Codec() == media.H264 })
	if sub.peer.Slot("0").Status() != sfu.Empty || len(pub.h.endings()) != 0 {
		t.Error("the old track goes on", pub.h.endings())
	}
	must(t, sub.peer.Slot("0").Show(pub.h.track("0")))
	sub.expect("H264", func(p received) bool { return bytes.Equal(p.Payload, keyPayload(media.H264)) })
}

// TestSeats: 25 seats are negotiated at once and each gets its own track, in pairs of one stream.
func TestSeats(t *testing.T) {
	t.Parallel()
	const seats = 25
	r := newRig(t)
	pub := r.client(t, clientConfig{})
	a, v := pub.source(media.Opus), pub.source(media.VP8)
	pub.connect()
	stop := pump(t, a, v)
	defer stop()
	eventually(t, "tracks", func() bool { return pub.h.track("0") != nil && pub.h.track("1") != nil })

	sub := r.client(t, clientConfig{})
	for range seats {
		sub.seat()
	}
	sub.fill()
	text := sub.offer()
	start := time.Now()
	answer, err := sub.peer.Offer(context.Background(), Offer{SDP: text, Receive: sub.receive})
	must(t, err)
	t.Logf("answered %d bytes with %d in %v", len(text), len(answer), time.Since(start))
	must(t, sub.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	eventually(t, "connected", func() bool { return sub.h.state() == Connected })
	for _, mid := range sub.receive {
		track := pub.h.track("0")
		if sub.peer.Slot(mid).Kind() == media.Video {
			track = pub.h.track("1")
		}
		must(t, sub.peer.Slot(mid).Show(track))
	}
	streams := make(map[string][]string)
	seen := make(map[string]bool)
	for len(seen) < 2*seats {
		p := sub.expect("all seats", func(p received) bool { return !seen[p.mid] })
		seen[p.mid] = true
		streams[p.stream] = append(streams[p.stream], p.mid)
	}
	if len(streams) != seats {
		t.Errorf("%d streams: %v", len(streams), streams)
	}
	// Growing does not disturb what plays.
	sub.seat()
	sub.fill()
	sub.negotiate()
	if sub.peer.Slot("50") == nil || sub.peer.Slot("51") == nil {
		t.Fatal("no slots for the new seat")
	}
	for len(sub.in) > 0 {
		<-sub.in
	}
	sub.expect("old seat", func(p received) bool { return p.mid == "1" })
	must(t, sub.peer.Slot("51").Show(pub.h.track("1")))
	sub.expect("new seat", func(p received) bool { return p.mid == "51" })
}

// TestJoinLatency: what a join takes on the server's side: the answer, and from ICE, which waits 200 ms for a timer of the
// Pion client, to the first packet.
func TestJoinLatency(t *testing.T) {
	const quick = 100 * time.Millisecond
	r := newRig(t)
	pub := r.client(t, clientConfig{})
	v := pub.source(media.VP8)
	pub.connect()
	stop := pump(t, v)
	defer stop()
	eventually(t, "track", func() bool { return pub.h.track("0") != nil })
	best := time.Hour
	for try := 0; try < 5 || try < 50 && best > quick; try++ {
		sub := r.client(t, clientConfig{})
		sub.seat(webrtc.RTPCodecTypeVideo)
		sub.fill()
		text := sub.offer()
		checked := make(chan time.Time, 1)
		sub.pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
			if s == webrtc.ICEConnectionStateConnected {
				checked <- time.Now()
			}
		})
		start := time.Now()
		answer, err := sub.peer.Offer(context.Background(), Offer{SDP: text, Receive: sub.receive})
		must(t, err)
		took := time.Since(start)
		must(t, sub.peer.Slot("0").Show(pub.h.track("0")))
		must(t, sub.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
		sub.expect("packet", func(received) bool { return true })
		took += time.Since(<-checked)
		t.Log(took)
		best = min(best, took)
		sub.peer.Close()
	}
	if best > quick {
		t.Errorf("a join takes %v", best)
	}
}

// TestSharedSocket: several clients behind one socket, as programs that publish and play many things use.
func TestSharedSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	port, err := udp.Listen("127.0.0.1:0", slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { _ = port.Close() })
	shared := clientConfig{setting: func(se *webrtc.SettingEngine) { se.SetICEUDPMux(port.Mux()) }}
	var pubs, subs []*client
	for range 4 {
		pub, sub := r.client(t, shared), r.client(t, shared)
		v := pub.source(media.VP8)
		sub.seat(webrtc.RTPCodecTypeVideo)
		pub.connect() // one after the other: with several handshakes at once, the client's side cannot tell them apart
		sub.connect()
		stop := pump(t, v)
		t.Cleanup(stop)
		pubs, subs = append(pubs, pub), append(subs, sub)
	}
	for i := range pubs {
		eventually(t, "track", func() bool { return pubs[i].h.track("0") != nil })
		must(t, subs[i].peer.Slot("0").Show(pubs[i].h.track("0")))
		subs[i].expect("video", func(received) bool { return true })
	}
	remotes := make(map[netip.AddrPort]int)
	for i := range pubs {
		remotes[pubs[i].peer.Stats().Remote]++
		remotes[subs[i].peer.Stats().Remote]++
	}
	if len(remotes) != 1 {
		t.Error(remotes)
	}
}
