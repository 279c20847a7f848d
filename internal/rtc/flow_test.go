package rtc

import (
	"bytes"
	"testing"
	"time"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
)

// TestFlow: one publishes sound and picture, another sees it in a seat, with every codec.
func TestFlow(t *testing.T) {
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
