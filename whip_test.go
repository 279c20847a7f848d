package veche_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"veche.example"
	"veche.example/internal/auth"
)

// These tests speak WHIP and WHEP with a whole server, as an encoder and a player made of Pion.

const whipPatience = 15 * time.Second

const whipSecret = "0123456789abcdef0123456789abcdef"

// whipLab is a server on loopback.
type whipLab struct {
	t      *testing.T
	base   string // ends with a slash
	server *veche.Server
}

func newWHIPLab(t *testing.T, change func(*veche.Config)) *whipLab {
	t.Helper()
	c := veche.DefaultConfig()
	c.Media.UDP, c.Media.TCP, c.Media.Loopback = "127.0.0.1:0", "", true
	c.Auth.OpenRooms = true
	if change != nil {
		change(&c)
	}
	s, err := veche.New(c)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), whipPatience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		web.Close()
	})
	return &whipLab{t, web.URL + strings.TrimSuffix(c.HTTP.Prefix, "/") + "/", s}
}

// request returns status, header and body.
func (l *whipLab) request(method, target, body string, header ...string) (int, http.Header, string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), whipPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(data)
}

// whipPeer is an encoder or a player.
type whipPeer struct {
	l             *whipLab
	pc            *webrtc.PeerConnection
	resource, tag string
	answer        string
	header        http.Header // of the answer
	sending       sync.WaitGroup
	stop          context.CancelFunc
	got           map[string]chan rtp.Packet // of a player, by kind
}

// bare makes a client without sections, and the context of what it sends.
func (l *whipLab) bare() (*whipPeer, context.Context) {
	l.t.Helper()
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		l.t.Fatal(err)
	}
	return l.with(media)
}

// with is bare with other codecs and header extensions.
func (l *whipLab) with(media *webrtc.MediaEngine) (*whipPeer, context.Context) {
	l.t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &whipPeer{l: l, pc: pc, stop: stop, got: map[string]chan rtp.Packet{"audio": make(chan rtp.Packet, 1000), "video": make(chan rtp.Packet, 1000)}}
	l.t.Cleanup(p.close)
	return p, ctx
}

// newPeer makes a client whose sections go this way.
func (l *whipLab) newPeer(direction webrtc.RTPTransceiverDirection) *whipPeer {
	l.t.Helper()
	p, ctx := l.bare()
	if direction == webrtc.RTPTransceiverDirectionSendonly {
		p.send(ctx)
		return p
	}
	p.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			select {
			case p.got[t.Kind().String()] <- *packet:
			default: // the test has seen enough
			}
		}
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: direction}); err != nil {
			l.t.Fatal(err)
		}
	}
	return p
}

// send sends Opus and VP8 of key frames only, until the end.
func (p *whipPeer) send(ctx context.Context) {
	p.l.t.Helper()
	for kind, mime := range map[string]string{"audio": webrtc.MimeTypeOpus, "video": webrtc.MimeTypeVP8} {
		t, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, kind, "whip")
		if err != nil {
			p.l.t.Fatal(err)
		}
		if _, err := p.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			p.l.t.Fatal(err)
		}
		payload := []byte{0x78, 1, 2, 3} // Opus, 20 ms
		step := uint32(960)
		if kind == "video" { // RFC 7741; RFC 6386 §9.1: a key frame of 640 × 360
			payload, step = []byte{0x90, 0x80, 0, 0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1, 7, 7, 7}, 1800
		}
		p.sending.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for n := uint32(0); ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				b := append([]byte(nil), payload...)
				if kind == "video" {
					b[2] = byte(n & 0x7f)
				}
				_ = t.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: kind == "video", SequenceNumber: uint16(n), Timestamp: n * step}, Payload: b})
			}
		})
	}
}

func (p *whipPeer) close() {
	p.stop()
	p.sending.Wait()
	_ = p.pc.GracefulClose()
}

// offer is the local description with all candidates.
func (p *whipPeer) offer(o *webrtc.OfferOptions) string {
	p.l.t.Helper()
	d, err := p.pc.CreateOffer(o)
	if err != nil {
		p.l.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(d); err != nil {
		p.l.t.Fatal(err)
	}
	<-gathered
	return p.pc.LocalDescription().SDP
}

func (p *whipPeer) apply(answer string) {
	p.l.t.Helper()
	p.answer = answer
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		p.l.t.Fatalf("%v\n%s", err, answer)
	}
}

// begin does the POST.
func (p *whipPeer) begin(path string, header ...string) *whipPeer {
	p.l.t.Helper()
	status, h, answer := p.l.request("POST", p.l.base+path, p.offer(nil), append(header, "Content-Type: application/sdp")...)
	if status != http.StatusCreated {
		p.l.t.Fatalf("%s: %d %s", path, status, answer)
	}
	base, _ := url.Parse(p.l.base + path)
	location, err := base.Parse(h.Get("Location"))
	if err != nil {
		p.l.t.Fatal(err)
	}
	p.resource, p.tag, p.header = location.String(), h.Get("ETag"), h
	p.apply(answer)
	return p
}

func (l *whipLab) publish(path string, header ...string) *whipPeer {
	l.t.Helper()
	return l.newPeer(webrtc.RTPTransceiverDirectionSendonly).begin("whip/"+path, header...)
}

func (l *whipLab) play(path string, header ...string) *whipPeer {
	l.t.Helper()
	return l.newPeer(webrtc.RTPTransceiverDirectionRecvonly).begin("whep/"+path, header...)
}

// watch wants fresh packets of both kinds.
func (p *whipPeer) watch(what string) {
	p.l.t.Helper()
	for kind, c := range p.got {
		for len(c) > 0 {
			<-c
		}
		for range 5 {
			select {
			case <-c:
			case <-time.After(whipPatience):
				p.l.t.Fatalf("%s: no %s", what, kind)
			}
		}
	}
}

func (l *whipLab) wantStatus(method, target string, want int, header ...string) {
	l.t.Helper()
	if status, _, body := l.request(method, target, "", header...); status != want {
		l.t.Errorf("%s %s: %d %s, want %d", method, target, status, body, want)
	}
}

// TestWHIPAndWHEP: players come first, last, and outlive the publisher.
func TestWHIPAndWHEP(t *testing.T) {
	l := newWHIPLab(t, nil)
	early := l.play("tea")
	first := l.publish("tea")
	early.watch("a player that was there first")
	late := l.play("tea")
	late.watch("a player that came later")
	l.publish("tea")
	l.wantStatus("DELETE", first.resource, http.StatusOK)
	l.wantStatus("DELETE", first.resource, http.StatusNotFound)
	first.close()
	early.watch("the second publisher is now the first")
	late.watch("the second publisher is now the first")
	l.wantStatus("DELETE", early.resource, http.StatusOK)
}

// TestWHIPIsAMember: people see and hear a WHIP publisher, and a moderator can remove it.
func TestWHIPIsAMember(t *testing.T) {
	l := newWHIPLab(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), whipPatience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(l.base, "http")+"ws", &websocket.DialOptions{Subprotocols: []string{"veche.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	say := func(text string) {
		t.Helper()
		if err := ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	say(`{"t":"hello","v":[1],"room":"tea","name":"Ann","decode":{"audio":[],"video":[]},"encode":{"audio":[],"video":[]},"state":{"mic":false,"camera":false,"screen":false,"hand":false}}`)
	p := l.publish("tea")
	id := ""
	for id == "" {
		_, data, err := ws.Read(ctx)
		if err != nil {
			t.Fatalf("no publisher was seen: %v", err)
		}
		var f struct {
			T      string
			Member struct {
				ID, Name, Role, Agent string
				State                 struct{ Mic, Camera bool }
				Tracks                []struct{ Source, Codec string }
			}
		}
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		if m := f.Member; f.T == "updated" && len(m.Tracks) == 2 && m.Tracks[0].Codec != "" && m.Tracks[1].Codec != "" {
			if m.Name != "WHIP" || m.Role != "speaker" || m.Agent != "whip" || !m.State.Mic || !m.State.Camera {
				t.Errorf("%+v", m)
			}
			id = m.ID
		}
	}
	say(fmt.Sprintf(`{"t":"remove","member":%q}`, id))
	deadline := time.Now().Add(whipPatience)
	for status := 0; status != http.StatusNotFound; status, _, _ = l.request("GET", p.resource, "") {
		if time.Now().After(deadline) {
			t.Fatal("a removed publisher stays")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestWHIPRestart: ICE is restarted by PATCH and media goes on.
func TestWHIPRestart(t *testing.T) {
	l := newWHIPLab(t, nil)
	player, p := l.play("tea"), l.publish("tea")
	player.watch("before")
	offer := p.offer(&webrtc.OfferOptions{ICERestart: true})
	fragment, mid := "", false
	for line := range strings.Lines(offer) {
		switch {
		case strings.HasPrefix(line, "m=") && mid:
			line = ""
		case strings.HasPrefix(line, "m="):
			mid = true
		case !strings.HasPrefix(line, "a=mid") && !strings.HasPrefix(line, "a=ice") && !strings.HasPrefix(line, "a=candidate"):
			line = ""
		}
		fragment += line
	}
	status, h, body := l.request("PATCH", p.resource, fragment, "Content-Type: application/trickle-ice-sdpfrag", "If-Match: *")
	if status != http.StatusOK || h.Get("ETag") == p.tag {
		t.Fatalf("%d %v %s", status, h, body)
	}
	credentials := map[string]string{}
	for line := range strings.Lines(body) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			credentials[name] = value
		}
	}
	answer := ""
	for line := range strings.Lines(p.answer) {
		if name, _, ok := strings.Cut(line, ":"); ok && (name == "a=ice-ufrag" || name == "a=ice-pwd") {
			line = name + ":" + credentials[name]
		}
		answer += line
	}
	if answer == p.answer {
		t.Fatalf("the server's credentials are the same:\n%s", body)
	}
	p.apply(answer)
	player.watch("after the restart")
	l.wantStatus("PATCH", p.resource, http.StatusPreconditionFailed, "Content-Type: application/trickle-ice-sdpfrag", "If-Match: "+p.tag)
	l.wantStatus("PATCH", p.resource, http.StatusNoContent, "Content-Type: application/trickle-ice-sdpfrag", "If-Match: "+h.Get("ETag"))
}

// TestWHIPVanishes: a publisher whose connection ends without DELETE is taken out of the room.
func TestWHIPVanishes(t *testing.T) {
	l := newWHIPLab(t, nil)
	player, p := l.play("tea"), l.publish("tea")
	player.watch("before")
	p.close()
	deadline := time.Now().Add(whipPatience)
	for status := 0; status != http.StatusNotFound; status, _, _ = l.request("GET", p.resource, "") {
		if time.Now().After(deadline) {
			t.Fatal("a publisher that is gone stays")
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.publish("tea")
	player.watch("the next publisher")
}

// TestWHIPChurn: goroutines and file descriptors return to where they were after 200 joins and leaves of
// clients that never connect.
func TestWHIPChurn(t *testing.T) {
	l := newWHIPLab(t, nil)
	publish := l.newPeer(webrtc.RTPTransceiverDirectionSendonly).offer(nil)
	play := l.newPeer(webrtc.RTPTransceiverDirectionRecvonly).offer(nil)
	churn := func(rounds int) {
		for range rounds {
			for path, offer := range map[string]string{"whip/tea": publish, "whep/tea": play} {
				status, h, body := l.request("POST", l.base+path, offer, "Content-Type: application/sdp")
				if status != http.StatusCreated {
					t.Fatalf("%d %s", status, body)
				}
				l.wantStatus("DELETE", strings.TrimSuffix(l.base, "/")+h.Get("Location"), http.StatusOK)
			}
		}
	}
	figures := func() (goroutines, files int) {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc on this system")
		}
		return runtime.NumGoroutine(), len(open)
	}
	churn(10)
	goroutines, files := figures()
	churn(100)
	deadline := time.Now().Add(whipPatience)
	for {
		g, f := figures()
		if g <= goroutines+5 && f <= files+5 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines after %d, %d files after %d", g, goroutines, f, files)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestWHIPTokens: who may publish and play in rooms that are not open.
func TestWHIPTokens(t *testing.T) {
	l := newWHIPLab(t, func(c *veche.Config) {
		c.Auth.OpenRooms, c.Auth.Secret = false, whipSecret
		c.HTTP.Prefix = "/veche"
	})
	keys, err := auth.NewKeys([]byte(whipSecret))
	if err != nil {
		t.Fatal(err)
	}
	grant := func(room, role string, good time.Duration) string {
		t.Helper()
		token, err := keys.Mint(auth.Grant{Room: room, Role: role, Name: "OBS", Expires: time.Now().Add(good)})
		if err != nil {
			t.Fatal(err)
		}
		return "Authorization: Bearer " + token
	}
	publish := l.newPeer(webrtc.RTPTransceiverDirectionSendonly).offer(nil)
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"none":    {"X-None: 1", 401},
		"garbage": {"Authorization: Bearer x.y.z", 401},
		"expired": {grant("tea", auth.Speaker, -time.Hour), 401},
		"other":   {grant("coffee", auth.Speaker, time.Hour), 401},
		"viewer":  {grant("tea", auth.Viewer, time.Hour), 403},
	} {
		status, h, body := l.request("POST", l.base+"whip/tea", publish, "Content-Type: application/sdp", c.token)
		if status != c.want || (status == 401) != strings.HasPrefix(h.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	p := l.publish("tea", grant("tea", auth.Speaker, time.Hour))
	player := l.play("tea", grant("tea", auth.Viewer, time.Hour))
	player.watch("with grants")
	l.wantStatus("DELETE", p.resource, http.StatusOK)
	l.wantStatus("DELETE", player.resource, http.StatusOK)
}
