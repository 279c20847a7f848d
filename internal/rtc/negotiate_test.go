package rtc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
)

// exchange offers a text that differs from what the client itself believes to have offered.
func (c *client) exchange(edit func(string) string) string {
	c.t.Helper()
	text := c.offer()
	answer, err := c.peer.Offer(context.Background(), Offer{SDP: edit(text), Publish: c.publish, Receive: c.receive})
	if err != nil {
		c.t.Fatalf("%v\n%s", err, edit(text))
	}
	must(c.t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	return answer
}

func (c *client) connected() {
	c.t.Helper()
	// Not pc.ConnectionState: two goroutines compute it, and the one that looked earlier may be the last to write.
	there := c.pc.SCTP().Transport()
	ok := func() bool {
		return c.h.state() == Connected && there.State() == webrtc.DTLSTransportStateConnected
	}
	for end := time.Now().Add(patience1); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("not connected in time: ours %v %+v, the client's %v, ICE %v", c.h.history(), c.peer.Stats(), there.State(), c.pc.ICEConnectionState())
		}
	}
}

// drain throws away what has been received, until nothing comes for a moment.
func (c *client) drain() {
	for {
		select {
		case <-c.in:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

// shown gives a publisher that sends video and a subscriber with a seat that shows it.
func shown(t *testing.T, r *rig) (pub, sub *client) {
	t.Helper()
	pub = r.client(t, clientConfig{})
	v := pub.source(media.VP8)
	pub.connect()
	stop := pump(t, v)
	t.Cleanup(stop)
	eventually(t, "track", func() bool { return pub.h.track("0") != nil })
	sub = r.client(t, clientConfig{})
	sub.seat()
	sub.connect()
	must(t, sub.peer.Slot("1").Show(pub.h.track("0")))
	sub.expect("video", func(p received) bool { return p.mid == "1" })
	return pub, sub
}

// TestHold: a section that the client offers inactive gets nothing, and goes on when it receives again. (Pion's own
// PeerConnection would have stopped it for good.)
func TestHold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, sub := shown(t, r)
	answer := sub.exchange(func(s string) string { return strings.Replace(s, "a=recvonly", "a=inactive", 2) })
	if n := strings.Count(answer, "a=inactive"); n != 2 {
		t.Fatalf("%d sections are inactive:\n%s", n, answer)
	}
	if strings.Contains(answer, "m=video 0 ") {
		t.Fatal("rejected")
	}
	sub.drain()
	if s := sub.peer.Slot("1").Status(); s != sfu.Live {
		t.Error("the slot forgot what it shows:", s)
	}
	sub.negotiate()
	sub.expect("video after the hold", func(p received) bool { return p.mid == "1" })
}

// TestNoDirection: a section without a direction attribute is sendrecv (RFC 8866 §6.7).
func TestNoDirection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(t, clientConfig{})
	c.seat()
	c.fill()
	answer := c.exchange(func(s string) string { return strings.ReplaceAll(s, "a=recvonly\r\n", "") })
	if n := strings.Count(answer, "a=sendonly"); n != 2 {
		t.Errorf("%d sections send:\n%s", n, answer)
	}
	c.connected()
}

// TestDataChannel: its section is rejected without harm to the others.
func TestDataChannel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(t, clientConfig{})
	_, err := c.pc.CreateDataChannel("chat", nil)
	must(t, err)
	c.seat()
	c.fill()
	if len(c.receive) != 2 {
		t.Fatal(c.receive)
	}
	answer := c.exchange(func(s string) string { return s })
	if !strings.Contains(answer, "m=application 0 ") || !strings.Contains(answer, "a=group:BUNDLE 0 1\r\n") {
		t.Error(answer)
	}
	c.connected()
}

// TestStop: a section that the client stops ends its track; the line may be used again.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(string) string{
		"recvonly": func(s string) string { return strings.Replace(s, "a=sendonly", "a=recvonly", 1) },
		"inactive": func(s string) string { return strings.Replace(s, "a=sendonly", "a=inactive", 1) },
		"port 0":   func(s string) string { return strings.Replace(s, "m=audio 9 ", "m=audio 0 ", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.client(t, clientConfig{})
			a, v := c.source(media.Opus), c.source(media.VP8)
			c.connect()
			stop := pump(t, a, v)
			defer stop()
			eventually(t, "tracks", func() bool { return c.h.track("0") != nil && c.h.track("1") != nil })
			_, err := c.peer.Offer(context.Background(), Offer{SDP: edit(c.offer()), Publish: c.publish})
			must(t, err)
			eventually(t, "ended", func() bool { return c.h.track("0") == nil })
			if c.h.track("1") == nil {
				t.Error("the other section ended too")
			}
			// What still comes for it is ignored.
			before := c.peer.Stats().Dropped["unclaimed"]
			eventually(t, "dropped", func() bool { return c.peer.Stats().Dropped["unclaimed"] > before })
			// It may come back.
			_, err = c.peer.Offer(context.Background(), Offer{SDP: c.pc.LocalDescription().SDP, Publish: c.publish})
			must(t, err)
			eventually(t, "track again", func() bool { return c.h.track("0") != nil })
		})
	}
}

// TestNotPublished: packets of a section that the offer does not publish on go nowhere.
func TestNotPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(t, clientConfig{})
	v := c.source(media.VP8)
	c.negotiate() // publish is empty
	c.connected()
	stop := pump(t, v)
	defer stop()
	eventually(t, "dropped", func() bool { return c.peer.Stats().Dropped["unclaimed"] > 5 })
	if c.h.count() > 0 {
		t.Error("a track came into being")
	}
}

// TestICERestart: new credentials, media goes on, the old ones are given up.
func TestICERestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pub, sub := shown(t, r)
	for _, c := range []*client{sub, pub} {
		before := c.peer.ice.selected.Load().gen
		o, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
		must(t, err)
		done := webrtc.GatheringCompletePromise(c.pc)
		must(t, c.pc.SetLocalDescription(o))
		<-done
		answer, err := c.peer.Offer(context.Background(), Offer{SDP: c.pc.LocalDescription().SDP, Publish: c.publish, Receive: c.receive})
		must(t, err)
		if strings.Contains(answer, "a=ice-ufrag:"+before.Ufrag) {
			t.Fatal("the credentials are the old ones")
		}
		must(t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
		eventually(t, "new path", func() bool { return c.peer.ice.selected.Load().gen != before })
		sub.drain0()
		sub.expect("video after the restart", func(p received) bool { return p.mid == "1" })
		eventually(t, "old credentials closed", func() bool {
			c.peer.ice.mu.Lock()
			defer c.peer.ice.mu.Unlock()
			return len(c.peer.ice.former) == 0
		})
		sub.drain0()
		sub.expect("video after the old path is closed", func(p received) bool { return p.mid == "1" })
	}
	for _, c := range []*client{pub, sub} {
		if s := c.h.history(); len(s) != 1 || s[0] != Connected {
			t.Error("states", s)
		}
	}
}

// drain0 throws away what has been received so far.
func (c *client) drain0() {
	for len(c.in) > 0 {
		<-c.in
	}
}

// TestFingerprint: a certificate that was not signalled is refused in both DTLS roles.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	wrong := func(s string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			if strings.HasPrefix(line, "a=fingerprint:") {
				line = "a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\n"
			}
			b.WriteString(line)
		}
		return b.String()
	}
	passive := func(s string) string { return strings.ReplaceAll(s, "a=setup:actpass", "a=setup:passive") }
	for name, c := range map[string]struct {
		edit func(string) string
		want State
	}{
		"server":        {func(s string) string { return s }, Connected},
		"client":        {passive, Connected},
		"server, wrong": {wrong, Failed},
		"client, wrong": {func(s string) string { return passive(wrong(s)) }, Failed},
		"server, one of two": {func(s string) string {
			right := linesWith(s, "a=fingerprint:")[0]
			return strings.Replace(s, right, linesWith(wrong(s), "a=fingerprint:")[0]+right, 1)
		}, Connected},
		"server, insecure hash ": {func(s string) string { return strings.ReplaceAll(wrong(s), "sha-256", "sha-256 ") }, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			cl := r.client(t, clientConfig{})
			cl.seat()
			cl.fill()
			answer := cl.exchange(c.edit)
			if role := strings.Contains(name, "client"); role != strings.Contains(answer, "a=setup:active") {
				t.Error(answer)
			}
			eventually(t, "final state", func() bool { return cl.h.state() == c.want })
			if c.want == Failed {
				if _, err := cl.peer.Offer(context.Background(), Offer{SDP: cl.pc.LocalDescription().SDP}); !errors.Is(err, ErrClosed) {
					t.Error("an offer to a failed peer:", err)
				}
				if cl.peer.Stats().Profile != "" {
					t.Error("keys in spite of it")
				}
			}
		})
	}
}

func linesWith(s, prefix string) []string {
	var list []string
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, prefix) {
			list = append(list, line)
		}
	}
	return list
}

// TestGCM: the profile is the cheap one although the client would rather have another.
func TestGCM(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(t, clientConfig{setting: func(se *webrtc.SettingEngine) {
		se.SetSRTPProtectionProfiles(profiles[2], profiles[1], profiles[0])
	}})
	c.seat()
	c.connect()
	t.Log(c.peer.Stats().Profile)
	if p := c.peer.Stats().Profile; !strings.Contains(p, "GCM") {
		t.Error(p)
	}
	old := r.client(t, clientConfig{setting: func(se *webrtc.SettingEngine) { se.SetSRTPProtectionProfiles(profiles[2]) }})
	old.seat()
	old.connect()
	if p := old.peer.Stats().Profile; !strings.Contains(p, "SHA1") {
		t.Error(p)
	}
}

// TestBadOffers: what cannot be applied is ErrSDP and changes nothing.
func TestBadOffers(t *testing.T) {
	r := newRig(t)
	pub, sub := shown(t, r)
	good := sub.pc.LocalDescription().SDP
	swap := func(s string) string {
		a, v := strings.Index(s, "m=audio"), strings.Index(s, "m=video")
		return s[:a] + s[v:] + s[a:v]
	}
	for name, o := range map[string]Offer{
		"empty":               {},
		"not SDP":             {SDP: "hello"},
		"no sections":         {SDP: good[:strings.Index(good, "m=")]},
		"fewer sections":      {SDP: good[:strings.Index(good, "m=video")]},
		"reordered":           {SDP: swap(good), Receive: sub.receive},
		"no such mid":         {SDP: good, Receive: []string{"7"}},
		"other certificate":   {SDP: strings.ReplaceAll(good, "fingerprint:sha-256 ", "fingerprint:sha-256 AA:"), Receive: sub.receive},
		"half a restart":      {SDP: strings.ReplaceAll(good, "a=ice-pwd:", "a=ice-pwd:x"), Receive: sub.receive},
		"other role":          {SDP: strings.ReplaceAll(good, "a=setup:actpass", "a=setup:passive"), Receive: sub.receive},
		"SHA-1 only":          {SDP: strings.ReplaceAll(good, "fingerprint:sha-256", "fingerprint:sha-1"), Receive: sub.receive},
		"a seat changes kind": {SDP: strings.Replace(good, "m=audio", "m=video", 1), Receive: sub.receive},
		"huge":                {SDP: good + strings.Repeat("a=x\r\n", 120000), Receive: sub.receive},
		"another mid":         {SDP: strings.ReplaceAll(strings.ReplaceAll(good, "a=mid:1", "a=mid:9"), "BUNDLE 0 1", "BUNDLE 0 9"), Receive: []string{"0"}},
	} {
		t.Run(name, func(t *testing.T) {
			if answer, err := sub.peer.Offer(context.Background(), o); !errors.Is(err, ErrSDP) || answer != "" {
				t.Error(err)
			} else {
				t.Log(err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sub.peer.Offer(ctx, Offer{SDP: good}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	sub.drain0()
	sub.expect("video as before", func(p received) bool { return p.mid == "1" })
	sub.negotiate()
	pub.negotiate()
}

// TestRoomCodecs: only the room's codecs are negotiated, in its order.
func TestRoomCodecs(t *testing.T) {
	r := newRig(t)
	c := r.client(t, clientConfig{room: []media.Codec{media.PCMA, media.Opus, media.H264, media.VP8}})
	v := c.source(media.VP8)
	_ = v
	c.seat()
	c.fill()
	answer := c.exchange(func(s string) string { return s })
	var lines []string
	for _, l := range linesWith(answer, "m=") {
		lines = append(lines, strings.TrimSpace(l))
	}
	want := []string{"m=video 9 UDP/TLS/RTP/SAVPF 102 103 96 97", "m=audio 9 UDP/TLS/RTP/SAVPF 8 111", "m=video 9 UDP/TLS/RTP/SAVPF 102 103 96 97"}
	if strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Errorf("%q", lines)
	}
	if err := c.peer.Slot(c.receive[1]).Show(sfu.NewTrack(sfu.TrackConfig{Codec: media.AV1})); !errors.Is(err, sfu.ErrCodec) {
		t.Error(err)
	}
}

// TestNoCodecInCommon: the seat of a client that decodes nothing of the room stays open, and shows nothing.
func TestNoCodecInCommon(t *testing.T) {
	r := newRig(t)
	c := r.client(t, clientConfig{room: []media.Codec{media.Opus, media.H265}})
	c.seat()
	c.fill()
	noH265 := func(s string) string { return strings.ReplaceAll(s, "H265/90000", "unknown/90000") }
	if answer := c.exchange(noH265); strings.Contains(answer, "m=video 0 ") {
		t.Errorf("rejected:\n%s", answer)
	}
	if err := c.peer.Slot(c.receive[1]).Show(sfu.NewTrack(sfu.TrackConfig{Codec: media.H265})); !errors.Is(err, sfu.ErrCodec) {
		t.Error(err)
	}
}

// TestCandidates: they are looked at, not used.
func TestCandidates(t *testing.T) {
	r := newRig(t)
	c := r.client(t, clientConfig{})
	for line, want := range map[string]error{
		"": nil,
		"candidate:1 1 UDP 2122252543 192.0.2.1 4444 typ host generation 0 ufrag abcd network-id 1": nil,
		"candidate:1 1 UDP 2122252543 7c5f2b1e-0000-4000-8000-000000000000.local 4444 typ host":     nil,
		"candidate:2 1 TCP 1518280447 192.0.2.1 9 typ host tcptype active":                          nil,
		"candidate:3 1 udp 41885439 2001:db8::1 5000 typ relay raddr 0.0.0.0 rport 0":               nil,
		"candidate:": ErrCandidate,
		"garbage":    ErrCandidate,
		"candidate:1 1 UDP x 192.0.2.1 4444 typ host":                 ErrCandidate,
		"candidate:1 1 UDP 1 192.0.2.1 99999999 typ host":             ErrCandidate,
		strings.Repeat("candidate:1 1 UDP 2122252543 192.0.2.1 ", 40): ErrCandidate,
	} {
		if err := c.peer.Candidate(Candidate{Line: line, Index: -1}); !errors.Is(err, want) {
			t.Errorf("%q: %v", line, err)
		}
	}
	c.peer.Close()
	if err := c.peer.Candidate(Candidate{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
