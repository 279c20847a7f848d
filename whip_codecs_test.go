package veche_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// codecSamples are a payload of each codec; those of video begin a picture that needs no other.
var codecSamples = []struct {
	mime    string
	payload []byte
}{
	{webrtc.MimeTypeOpus, []byte{0x78, 1, 2, 3}}, // RFC 6716 §3.1: 20 ms
	{webrtc.MimeTypeG722, bytes.Repeat([]byte{0xfa}, 160)},
	{webrtc.MimeTypePCMU, bytes.Repeat([]byte{0x7f}, 160)},
	{webrtc.MimeTypePCMA, bytes.Repeat([]byte{0xd5}, 160)},
	{webrtc.MimeTypeVP8, []byte{0x10, 0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1, 7, 7}},                       // RFC 7741 §4.2, RFC 6386 §9.1
	{webrtc.MimeTypeVP9, []byte{0x08, 0x82, 0x49, 0x83, 0x42, 0, 0x27, 0xf0, 0x16, 0x70}},                       // RFC 9628 §4.2
	{webrtc.MimeTypeAV1, []byte{0x28, 2, 1 << 3, 0, 6 << 3, 1, 2, 3}},                                           // AV1 RTP §4.4: N, W = 2, sequence header
	{webrtc.MimeTypeH264, []byte{24, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce, 0, 3, 0x65, 0x88, 2}},                  // RFC 6184 §5.7.1: SPS, PPS, IDR
	{webrtc.MimeTypeH265, []byte{48 << 1, 1, 0, 3, 32 << 1, 1, 9, 0, 3, 33 << 1, 1, 9, 0, 4, 19 << 1, 1, 7, 7}}, // RFC 7798 §4.4.2: VPS, SPS, IDR
}

// TestWHIPCodecs: each codec comes from an encoder through a server that was told nothing of codecs to a player with its
// payload untouched, and what the player has negotiated is what was published.
func TestWHIPCodecs(t *testing.T) {
	l := newWHIPLab(t, nil)
	for _, sample := range codecSamples {
		t.Run(sample.mime, func(t *testing.T) {
			l := &whipLab{t, l.base, nil}
			kind, name, _ := strings.Cut(strings.ToLower(sample.mime), "/")
			p := l.encoder(sample.mime, sample.payload).begin("whip/" + name)
			if !strings.Contains(strings.ToLower(p.answer), " "+name+"/") {
				t.Errorf("the answer does not name it:\n%s", p.answer)
			}
			player := l.play(name)
			select {
			case packet := <-player.got[kind]:
				if !bytes.Equal(packet.Payload, sample.payload) {
					t.Errorf("payload % x, want % x", packet.Payload, sample.payload)
				}
				var codec string
				for _, r := range player.pc.GetReceivers() {
					if track := r.Track(); track != nil && track.Kind().String() == kind && track.PayloadType() == webrtc.PayloadType(packet.PayloadType) {
						codec = track.Codec().MimeType
					}
				}
				if !strings.EqualFold(codec, sample.mime) {
					t.Errorf("payload type %d is %q", packet.PayloadType, codec)
				}
			case <-time.After(whipPatience):
				t.Fatal("nothing came")
			}
			l.wantStatus("DELETE", p.resource, http.StatusOK)
		})
	}
}

// encoder sends one payload again and again, as a track of its own codec.
func (l *whipLab) encoder(mime string, payload []byte) *whipPeer {
	l.t.Helper()
	p, ctx := l.bare()
	capability, step := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 8000}, uint32(160)
	switch {
	case mime == webrtc.MimeTypeOpus:
		capability.ClockRate, capability.Channels, step = 48000, 2, 960
	case strings.HasPrefix(mime, "video"):
		capability.ClockRate, step = 90000, 1800
	}
	track, err := webrtc.NewTrackLocalStaticRTP(capability, "one", "whip")
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		l.t.Fatal(err)
	}
	p.sending.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := uint32(1); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(n), Timestamp: n * step}, Payload: payload})
		}
	})
	return p
}
