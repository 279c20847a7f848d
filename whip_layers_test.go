package veche_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"veche.example"
	"veche.example/internal/auth"
)

const (
	extMID = "urn:ietf:params:rtp-hdrext:sdes:mid"
	extRID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
)

// sized is VP8 in one packet: a key frame of this size (RFC 7741 §4.2, RFC 6386 §9.1).
func sized(n uint32, width, height int) []byte {
	return []byte{
		0x90, 0x80, byte(n & 0x7f), 0x10, 0, 0, 0x9d, 1, 0x2a,
		byte(width), byte(width >> 8), byte(height), byte(height >> 8), 7, 7, 7,
	}
}

// layered publishes one picture in three sizes, as OBS does (a=rid, a=simulcast).
func (l *whipLab) layered(path string) *whipPeer {
	l.t.Helper()
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		l.t.Fatal(err)
	}
	for _, uri := range []string{extMID, extRID} {
		if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			l.t.Fatal(err)
		}
	}
	p, ctx := l.with(media)
	var tr *webrtc.RTPTransceiver
	for i, rid := range []string{"0", "1", "2"} { // the largest first, by names of which the order does not tell
		t, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "camera", "obs", webrtc.WithRTPStreamID(rid))
		if err == nil && tr == nil {
			tr, err = p.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		} else if err == nil {
			err = tr.Sender().AddEncoding(t)
		}
		if err != nil {
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
				packet := &rtp.Packet{
					Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(n), Timestamp: n * 1800},
					Payload: sized(n, 1280>>i, 720>>i),
				}
				for _, e := range tr.Sender().GetParameters().HeaderExtensions {
					if value := map[string]string{extMID: tr.Mid(), extRID: rid}[e.URI]; value != "" {
						_ = packet.SetExtension(uint8(e.ID), []byte(value))
					}
				}
				_ = t.WriteRTP(packet)
			}
		})
	}
	return p.begin("whip/" + path)
}

// wide waits until a player is shown pictures of this width.
func (p *whipPeer) wide(width int) {
	p.l.t.Helper()
	deadline := time.After(whipPatience)
	for got := -1; ; {
		select {
		case packet := <-p.got["video"]:
			_, size, ok := bytes.Cut(packet.Payload, []byte{0x9d, 1, 0x2a})
			if got = int(binary.LittleEndian.Uint16(size)); ok && got == width {
				return
			}
		case <-deadline:
			p.l.t.Fatalf("the picture is %d wide, want %d", got, width)
		}
	}
}

// link is the URL of a link with this relation.
func link(t *testing.T, h http.Header, relation string) string {
	t.Helper()
	for _, l := range h.Values("Link") {
		if target, rest, ok := strings.Cut(l, ">"); ok && strings.Contains(rest, relation) {
			return target[1:]
		}
	}
	t.Fatalf("no link %s in %v", relation, h.Values("Link"))
	return ""
}

// TestWHEPLayers: an encoder sends three sizes; players get the largest, or what they choose, and are told what there is.
func TestWHEPLayers(t *testing.T) {
	l := newWHIPLab(t, nil)
	encoder := l.layered("tea")
	for _, want := range []string{"a=simulcast:recv 0;1;2", "a=rid:1 recv"} {
		if !strings.Contains(encoder.answer, want) {
			t.Errorf("the answer lacks %s:\n%s", want, encoder.answer)
		}
	}
	first, second := l.play("tea"), l.play("tea")
	first.wide(1280)
	second.wide(1280)
	layer := strings.TrimSuffix(l.base, "/") + link(t, first.header, "ext:core:layer")
	choose := func(body string, want int) {
		t.Helper()
		if status, _, text := l.request("POST", layer, body, "Content-Type: application/json"); status != want {
			t.Fatalf("%s: %d %s, want %d", body, status, text, want)
		}
	}
	for _, c := range []struct {
		body  string
		width int
	}{{`{"encodingId":"2"}`, 320}, {`{"encodingId":"1"}`, 640}, {`{}`, 1280}, {`{"maxWidth":320,"maxHeight":180}`, 320}} {
		choose(c.body, http.StatusOK)
		first.wide(c.width)
	}
	choose(`{"encodingId":"9"}`, http.StatusBadRequest)
	second.wide(1280)

	events := bufio.NewScanner(l.open(strings.TrimSuffix(l.base, "/") + link(t, second.header, "server-sent-events")))
	told := ""
	for !strings.Contains(told, `"viewercount":2`) || !strings.Contains(told, `"simulcastIdx":2`) || !strings.Contains(told, "event: active") {
		if !events.Scan() {
			t.Fatalf("the events end: %v\n%s", events.Err(), told)
		}
		told += events.Text() + "\n"
	}
	l.wantStatus("DELETE", encoder.resource, http.StatusOK)
	for !strings.Contains(told, "event: inactive") {
		if !events.Scan() {
			t.Fatalf("the events end: %v\n%s", events.Err(), told)
		}
		told += events.Text() + "\n"
	}
}

// TestWHIPComesAgain: an encoder that crashed gets in while the server still believes in the former connection.
func TestWHIPComesAgain(t *testing.T) {
	for _, policy := range []string{"replace", "refuse"} {
		t.Run(policy, func(t *testing.T) {
			l := newWHIPLab(t, func(c *veche.Config) { c.WHIP.Encoders = policy })
			player, old := l.play("tea"), l.publish("tea")
			player.watch("the first")
			if policy == "refuse" {
				status, h, body := l.request("POST", l.base+"whip/tea", l.newPeer(webrtc.RTPTransceiverDirectionSendonly).offer(nil), "Content-Type: application/sdp")
				if status != http.StatusConflict || h.Get("Retry-After") == "" || !strings.Contains(body, `"busy"`) {
					t.Errorf("%d %s", status, body)
				}
			}
			old.stop() // says nothing more, and does not say that
			old.sending.Wait()
			l.publish("tea")
			l.wantStatus("GET", old.resource, http.StatusNotFound)
			player.watch("the second")
		})
	}
}

// TestOutputs: how many watch, by what, and who may know.
func TestOutputs(t *testing.T) {
	l := newWHIPLab(t, func(c *veche.Config) { c.Auth.Secret = whipSecret })
	l.publish("tea")
	player := l.play("tea")
	player.watch("the player")
	l.play("tea").watch("the other player")
	l.play("coffee")
	keys, err := auth.NewKeys([]byte(whipSecret))
	if err != nil {
		t.Fatal(err)
	}
	grant := func(room, role string, good time.Duration) string {
		token, err := keys.Mint(auth.Grant{Room: room, Role: role, Name: "Ann", Expires: time.Now().Add(good)})
		if err != nil {
			t.Fatal(err)
		}
		return "Authorization: Bearer " + token
	}
	target := l.base + "api/rooms/tea/outputs"
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"none":      {"X-None: 1", 401},
		"basic":     {"Authorization: Basic eDp5", 401},
		"garbage":   {"Authorization: Bearer x.y.z", 401},
		"expired":   {grant("tea", auth.Moderator, -time.Hour), 401},
		"other":     {grant("coffee", auth.Moderator, time.Hour), 401},
		"viewer":    {grant("tea", auth.Viewer, time.Hour), 403},
		"speaker":   {grant("tea", auth.Speaker, time.Hour), 200},
		"moderator": {grant("tea", auth.Moderator, time.Hour), 200},
	} {
		if status, _, body := l.request("GET", target, "", c.token); status != c.want {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.want)
		}
	}
	deadline := time.Now().Add(whipPatience)
	for {
		_, _, body := l.request("GET", target, "", grant("tea", auth.Speaker, time.Hour))
		var got struct {
			Room    string
			Viewers int
			Outputs []veche.Output
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got.Room == "tea" && got.Viewers == 2 && len(got.Outputs) == 3 && got.Outputs[2].Kind == "hls" && got.Outputs[0].Kind == "webrtc" && got.Outputs[0].Viewers == 0 {
			if o := got.Outputs[1]; o.Kind == "whep" && o.Viewers == 2 && o.Bitrate > 0 && o.Delay != nil {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal(body)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// open returns the body of an endless answer.
func (l *whipLab) open(target string) interface{ Read([]byte) (int, error) } {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*whipPatience)
	l.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		l.t.Fatalf("%s: %d", target, res.StatusCode)
	}
	return res.Body
}
