package rtc

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"veche.example/internal/media"
)

// simulcast makes the video of an offer one of three encodings.
func simulcast(offer string) string {
	return strings.Replace(offer, "a=ssrc-group:FID 2222 2223\na=ssrc:2222 cname:x\na=ssrc:2223 cname:x\n", `a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:6 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=rid:l send
a=rid:m send
a=rid:h send
a=simulcast:send l;m;h
`, 1)
}

func rid(s string) ext  { return ext{5, []byte(s)} }
func rrid(s string) ext { return ext{6, []byte(s)} }
func mid(s string) ext  { return ext{4, []byte(s)} }

// layer sends one packet of an encoding; its SSRC is n, that of its retransmissions 100 more.
func (o *offline) layer(n uint32, seq uint16, exts ...ext) {
	o.rtp(rtp.Header{SSRC: n, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(seq) * 3000, Marker: true}, keyPayload(media.VP8), exts...)
}

func (o *offline) again(n uint32, seq, osn uint16, exts ...ext) {
	o.rtp(rtp.Header{SSRC: n + 100, PayloadType: 97, SequenceNumber: seq, Timestamp: uint32(osn) * 3000},
		append(binary.BigEndian.AppendUint16(nil, osn), keyPayload(media.VP8)...), exts...)
}

// TestEncodings: packets find their encoding by rid, and its retransmissions by repaired rid; each encoding asks for itself.
func TestEncodings(t *testing.T) {
	o := newOffline(t, simulcast)
	for i, name := range []string{"l", "m", "h"} {
		n := uint32(10 + i)
		o.layer(n, 1, mid("v"), rid(name))
		o.layer(n, 2) // known by now
		o.layer(n, 4)
		o.again(n, 1, 3, mid("v"), rrid(name))
		o.again(n, 2, 2)
	}
	before := o.Stats().Dropped["unclaimed"]
	o.layer(20, 1)                          // of which?
	o.layer(20, 2, mid("v"))                // of which?
	o.layer(20, 3, mid("v"), rid("x"))      // not negotiated
	o.layer(20, 4, mid("a"), rid("h"))      // sound has no encodings, and no VP8
	o.again(30, 1, 1, mid("v"), rrid("xx")) // not negotiated
	if got := o.Stats().Dropped; got["unclaimed"] != before+4 || got["payload-type"] != 1 {
		t.Error(got)
	}
	for i, name := range []string{"l", "m", "h"} {
		tr := o.track("v/" + name)
		if s := tr.Stats(); s.Packets != 4 || s.Recovered != 1 || s.Duplicates != 1 || tr.ID() != "p/v/"+name {
			t.Errorf("%s %s: %+v", name, tr.ID(), s)
		}
		o.take()
		tr.RequestKeyFrame()
		_, control := o.out()
		want := uint32(10 + i)
		if !slices.ContainsFunc(control, func(p rtcp.Packet) bool {
			pli, ok := p.(*rtcp.PictureLossIndication)
			return ok && pli.MediaSSRC == want
		}) {
			t.Errorf("%s: no request for a key frame in %v", name, control)
		}
	}
	// A client may give an encoding another SSRC.
	o.layer(40, 1, rid("h"), mid("v"))
	if s := o.track("v/h").Stats(); s.Resets != 1 {
		t.Errorf("%+v", s)
	}
	if n := o.h.count(); n != 3 {
		t.Error(n, "tracks")
	}
}

// TestEncodingsEnd: an offer without some of the encodings ends their tracks; so does the end of the peer.
func TestEncodingsEnd(t *testing.T) {
	o := newOffline(t, simulcast)
	for i, name := range []string{"l", "m", "h"} {
		o.layer(uint32(10+i), 1, mid("v"), rid(name))
		o.track("v/" + name)
	}
	again := func(edit func(string) string) string {
		answer, err := o.Offer(context.Background(), Offer{SDP: edit(simulcast(offer2)), Publish: []string{"a", "v"}, Receive: []string{"sa", "sv"}})
		must(t, err)
		return answer
	}
	if a := again(func(s string) string { return s }); !strings.Contains(a, "a=simulcast:recv l;m;h\r\n") || !strings.Contains(a, "a=rid:m recv\r\n") {
		t.Error(a)
	}
	if n := len(o.h.endings()); n != 0 {
		t.Error(n, "ended")
	}
	again(func(s string) string {
		return strings.Replace(strings.Replace(s, "a=rid:m send\n", "", 1), "send l;m;h", "send h;l", 1)
	})
	eventually(t, "m ended", func() bool { return slices.Equal(o.h.endings(), []string{"v/m"}) })
	o.layer(11, 2) // was m
	o.layer(10, 2)
	if n := o.track("v/l").Stats().Packets; n != 2 {
		t.Error(n, "packets of l")
	}
	again(func(string) string { return offer2 })
	eventually(t, "others ended", func() bool { return len(o.h.endings()) == 3 })
	o.video(1)
	o.track("v")
	o.Close()
	if l := o.h.endings(); l[len(l)-1] != "v" {
		t.Error(l)
	}
}

// TestGroupOfSSRCs: simulcast without names.
func TestGroupOfSSRCs(t *testing.T) {
	o := newOffline(t, func(s string) string {
		return strings.Replace(s, "a=ssrc:2222 cname:x\n", "a=ssrc:2222 cname:x\na=ssrc-group:SIM 3333 2222\na=ssrc:3333 cname:x\n", 1)
	})
	o.layer(2222, 1)
	o.layer(3333, 1)
	o.layer(3333, 2, mid("v"))
	o.layer(4444, 2, mid("v")) // which?
	if a, b := o.track("v/0").Stats(), o.track("v/1").Stats(); a.Packets != 2 || b.Packets != 1 || o.Stats().Dropped["unclaimed"] != 1 {
		t.Errorf("%+v %+v %v", a, b, o.Stats().Dropped)
	}
}

// TestDeclaredRepeats: where the description says which SSRC repeats which, the packets need not.
func TestDeclaredRepeats(t *testing.T) {
	o := newOffline(t, func(s string) string {
		return strings.Replace(simulcast(s), "a=rid:l send\n", "a=ssrc-group:FID 10 110\na=ssrc:10 cname:x\na=ssrc:110 cname:x\na=rid:l send\n", 1)
	})
	o.layer(10, 1, mid("v"), rid("l"))
	o.layer(10, 3)
	o.again(10, 1, 2)
	if s := o.track("v/l").Stats(); s.Recovered != 1 {
		t.Errorf("%+v %v", s, o.Stats().Dropped)
	}
}

// encoded is one encoding that a test client sends.
type encoded struct {
	*source
	rid   string
	asked map[uint32]int // for key frames, by SSRC; guarded by mu
	mu    sync.Mutex
}

// simulcast publishes three encodings of VP8.
func (c *client) simulcast() []*encoded {
	c.t.Helper()
	var list []*encoded
	var tr *webrtc.RTPTransceiver
	for _, name := range []string{"l", "m", "h"} {
		tl, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "stream", webrtc.WithRTPStreamID(name))
		must(c.t, err)
		if tr == nil {
			tr, err = c.pc.AddTransceiverFromTrack(tl, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		} else {
			err = tr.Sender().AddEncoding(tl)
		}
		must(c.t, err)
		e := &encoded{source: &source{TrackLocalStaticRTP: tl, codec: media.VP8, seq: 100, ts: 5000}, rid: name, asked: make(map[uint32]int)}
		list = append(list, e)
		go func() {
			for {
				packets, _, err := tr.Sender().ReadSimulcastRTCP(e.rid)
				if err != nil {
					return
				}
				for _, p := range packets {
					if pli, ok := p.(*rtcp.PictureLossIndication); ok {
						e.mu.Lock()
						e.asked[pli.MediaSSRC]++
						e.mu.Unlock()
					}
				}
			}
		}()
	}
	for _, e := range list {
		e.tr = tr
	}
	return list
}

// frame sends one packet that says of which encoding it is.
func (e *encoded) frame(t testing.TB, size int) {
	t.Helper()
	p := &rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: e.seq, Timestamp: e.ts}, Payload: append(keyPayload(media.VP8), make([]byte, size)...)}
	for _, x := range e.tr.Sender().GetParameters().HeaderExtensions {
		switch {
		case strings.HasSuffix(x.URI, "sdes:mid"):
			must(t, p.SetExtension(uint8(x.ID), []byte(e.tr.Mid())))
		case strings.HasSuffix(x.URI, "sdes:rtp-stream-id"):
			must(t, p.SetExtension(uint8(x.ID), []byte(e.rid)))
		}
	}
	must(t, e.WriteRTP(p))
	e.seq++
	e.ts += 1800
}

// TestSimulcast: a real client with three encodings on a lossy line. Each is a track, is repaired, and can be shown.
func TestSimulcast(t *testing.T) {
	t.Parallel()
	loss := new(lossRate)
	r := newRig(t)
	pub := r.client(t, lossyClient(t, new(lossRate), loss))
	layers := pub.simulcast()
	pub.connect()
	sub := r.client(t, clientConfig{})
	sub.seat(webrtc.RTPCodecTypeVideo)
	sub.connect()
	send := func() {
		for i, e := range layers {
			e.frame(t, 200*(i+1))
		}
	}
	eventually(t, "tracks", func() bool {
		send()
		return pub.h.track("0/l") != nil && pub.h.track("0/m") != nil && pub.h.track("0/h") != nil
	})
	loss.n.Store(8)
	eventually(t, "repairs", func() bool {
		send()
		return !slices.ContainsFunc(layers, func(e *encoded) bool { return pub.h.track("0/"+e.rid).Stats().Recovered < 4 })
	})
	loss.n.Store(0)
	for i, e := range layers {
		tr := pub.h.track("0/" + e.rid)
		s := tr.Stats()
		if size := int(s.Bytes / s.Packets); size < 200*(i+1) || size > 200*(i+1)+20 {
			t.Errorf("%s: %d bytes a packet", e.rid, size)
		}
		must(t, sub.peer.Slot("0").Show(tr))
		eventually(t, e.rid+" is shown", func() bool {
			send()
			for len(sub.in) > 0 {
				if p := <-sub.in; len(p.Payload) == 10+200*(i+1) {
					return true
				}
			}
			return false
		})
		ssrc := uint32(e.tr.Sender().GetParameters().Encodings[i].SSRC)
		eventually(t, e.rid+" asked for a key frame", func() bool {
			tr.RequestKeyFrame()
			send()
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.asked[ssrc] > 0 && len(e.asked) == 1
		})
		t.Logf("%s: %d packets, %d recovered", e.rid, s.Packets, s.Recovered)
	}
	if n := pub.h.count(); n != 3 {
		t.Error(n, "tracks")
	}
}

// TestRED: wrapped and plain Opus are one track; who has not negotiated RED gets plain Opus.
func TestRED(t *testing.T) {
	o := newOffline(t, func(s string) string {
		return strings.Replace(s, "SAVPF 111 0 110\n", "SAVPF 63 111 0 110\na=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n", 1)
	})
	o.rtp(rtp.Header{SSRC: 1111, PayloadType: 111, SequenceNumber: 1, Timestamp: 960}, []byte{0xfc, 1, 1})
	tr := o.track("a")
	must(t, o.Slot("sa").Show(tr))
	o.out()
	// RFC 2198 §3: one block of before, 960 samples old, three bytes long; then the primary one.
	red := []byte{0x80 | 111, byte(960 >> 6), byte(960 << 2 & 0xff), 3, 111, 0xfc, 1, 1, 0xfc, 2, 2}
	o.rtp(rtp.Header{SSRC: 1111, PayloadType: 63, SequenceNumber: 2, Timestamp: 1920}, red)
	o.rtp(rtp.Header{SSRC: 1111, PayloadType: 111, SequenceNumber: 3, Timestamp: 2880}, []byte{0xfc, 3, 3})
	sent, _ := o.out()
	if len(sent) != 2 || sent[0].PayloadType != 111 || string(sent[0].Payload) != "\xfc\x02\x02" || string(sent[1].Payload) != "\xfc\x03\x03" {
		t.Errorf("%v %+v", sent, tr.Stats())
	}
	if n := o.h.count(); n != 1 || tr.Stats().Packets != 3 {
		t.Errorf("%d tracks, %+v", n, tr.Stats())
	}
}
