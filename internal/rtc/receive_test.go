package rtc

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"veche.example/internal/media"
	"veche.example/internal/rtc/seal"
	"veche.example/internal/rtc/wheel"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

// offline is a peer that has negotiated, with keys that the test has too, and a path that records.
type offline struct {
	*Peer
	t      testing.TB
	h      *handler
	rig    *rig
	client *srtp.Context // seals as the client
	server *srtp.Context // opens what the peer sends
	keep   atomic.Bool

	sentMu sync.Mutex // guards the following
	sent   [][]byte
}

func (o *offline) Send(b []byte, _ netip.AddrPort) error {
	if o.keep.Load() {
		o.sentMu.Lock()
		o.sent = append(o.sent, bytes.Clone(b))
		o.sentMu.Unlock()
	}
	return nil
}

// take gives what was sent since the last call.
func (o *offline) take() [][]byte {
	o.sentMu.Lock()
	defer o.sentMu.Unlock()
	sent := o.sent
	o.sent = nil
	return sent
}

// offer2 publishes audio and video, with the extensions that browsers have, and opens one seat.
const offer2 = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE a v sa sv
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF
a=setup:actpass
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110
a=mid:a
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:110 telephone-event/48000
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=ssrc:1111 cname:x
m=video 9 UDP/TLS/RTP/SAVPF 96 97 45 46
a=mid:v
a=sendonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:45 AV1/90000
a=rtpmap:46 rtx/90000
a=fmtp:46 apt=45
a=rtcp-fb:* nack
a=rtcp-fb:* nack pli
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:13 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension
a=ssrc-group:FID 2222 2223
a=ssrc:2222 cname:x
a=ssrc:2223 cname:x
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:sa
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 96 97
a=mid:sv
a=recvonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtcp-fb:96 nack
`

func newOffline(t testing.TB, edit ...func(string) string) *offline {
	t.Helper()
	r := newRig(t)
	o := &offline{t: t, rig: r, h: &handler{}}
	o.keep.Store(true)
	var err error
	o.Peer, err = r.NewPeer(PeerConfig{ID: "p", Audio: media.Codecs(media.Audio), Video: media.Codecs(media.Video), Handler: o.h})
	must(t, err)
	t.Cleanup(o.Close)
	r.wheel.Close() // the test says when it ticks
	r.wheel = wheel.New(func() {})
	text := offer2
	for _, f := range edit {
		text = f(text)
	}
	_, err = o.Offer(context.Background(), Offer{SDP: text, Publish: []string{"a", "v"}, Receive: []string{"sa", "sv"}})
	must(t, err)
	context := func(n byte, opts ...srtp.ContextOption) *srtp.Context {
		c, err := srtp.CreateContext(bytes.Repeat([]byte{n}, 16), bytes.Repeat([]byte{n}, 12), srtp.ProtectionProfileAeadAes128Gcm, opts...)
		must(t, err)
		return c
	}
	o.client, o.server = context(1), context(2)
	keys, err := seal.New(bytes.Repeat([]byte{2}, 16), bytes.Repeat([]byte{2}, 12), srtp.ProtectionProfileAeadAes128Gcm)
	must(t, err)
	o.tx.keys.Store(keys)
	o.rx.openKeys(context(1, srtp.SRTPReplayProtection(1024), srtp.SRTCPReplayProtection(64)))
	o.ice.selected.Store(&path{gen: o.ice.current, out: o})
	o.ice.heard.Store(media.Now())
	return o
}

type ext struct {
	id uint8
	v  []byte
}

// rtp gives the peer a packet of the client.
func (o *offline) rtp(h rtp.Header, payload []byte, exts ...ext) {
	o.t.Helper()
	o.rx.take(o.seal(h, payload, exts...), media.Now(), nil)
}

func (o *offline) seal(h rtp.Header, payload []byte, exts ...ext) []byte {
	o.t.Helper()
	h.Version = 2
	for _, e := range exts {
		must(o.t, h.SetExtension(e.id, e.v))
	}
	b, err := h.Marshal()
	must(o.t, err)
	b, err = o.client.EncryptRTP(nil, append(b, payload...), nil)
	must(o.t, err)
	return b
}

func (o *offline) rtcp(list ...rtcp.Packet) {
	o.t.Helper()
	b, err := rtcp.Marshal(list)
	must(o.t, err)
	b, err = o.client.EncryptRTCP(nil, b, nil)
	must(o.t, err)
	o.rx.take(b, media.Now(), nil)
}

// out opens what the peer has sent since the last call.
func (o *offline) out() (media []*rtp.Packet, control []rtcp.Packet) {
	o.t.Helper()
	for _, b := range o.take() {
		if b[1] >= 192 && b[1] <= 223 {
			d, err := o.server.DecryptRTCP(nil, b, nil)
			must(o.t, err)
			list, err := rtcp.Unmarshal(d)
			must(o.t, err)
			control = append(control, list...)
			continue
		}
		d, err := o.server.DecryptRTP(nil, b, nil)
		must(o.t, err)
		p := new(rtp.Packet)
		must(o.t, p.Unmarshal(d))
		media = append(media, p)
	}
	return media, control
}

func (o *offline) video(seq uint16) {
	o.rtp(rtp.Header{SSRC: 2222, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(seq) * 3000, Marker: true}, keyPayload(media.VP8))
}

func (o *offline) track(mid string) *sfu.Track {
	o.t.Helper()
	eventually(o.t, "track "+mid, func() bool { return o.h.track(mid) != nil })
	return o.h.track(mid)
}

// TestProbes: what browsers send by RTX to probe the bandwidth is seen as duplicates, what they repair is used.
func TestProbes(t *testing.T) {
	o := newOffline(t)
	rtx := func(seq, osn uint16, payload []byte) {
		o.rtp(rtp.Header{SSRC: 2223, PayloadType: 97, SequenceNumber: seq, Timestamp: uint32(osn) * 3000}, append(binary.BigEndian.AppendUint16(nil, osn), payload...))
	}
	rtx(1, 10, keyPayload(media.VP8)) // before anything: nothing to repair
	o.video(10)
	o.video(11)
	o.video(13)
	rtx(2, 10, keyPayload(media.VP8))
	rtx(3, 11, keyPayload(media.VP8))
	rtx(4, 12, keyPayload(media.VP8))
	o.rtp(rtp.Header{SSRC: 2223, PayloadType: 97, SequenceNumber: 5, Padding: true}, bytes.Repeat([]byte{200}, 200)) // padding only
	o.rtp(rtp.Header{SSRC: 2223, PayloadType: 97, SequenceNumber: 6}, []byte{1})
	s := o.track("v").Stats()
	if s.Packets != 4 || s.Duplicates != 2 || s.Recovered != 1 || s.Malformed != 0 {
		t.Errorf("%+v", s)
	}
	_, control := o.out()
	var asked []uint16
	for _, p := range control {
		if n, ok := p.(*rtcp.TransportLayerNack); ok {
			if n.MediaSSRC != 2222 {
				t.Error(n)
			}
			for _, pair := range n.Nacks {
				asked = append(asked, pair.PacketList()...)
			}
		}
	}
	if !slices.Equal(asked, []uint16{12}) {
		t.Error("asked for", asked)
	}
}

// TestUnknownSSRC: packets are told apart by mid, or by a payload type that only one section has.
func TestUnknownSSRC(t *testing.T) {
	o := newOffline(t)
	opus := keyPayload(media.Opus)
	o.rtp(rtp.Header{SSRC: 5, PayloadType: 111, SequenceNumber: 1}, opus, ext{4, []byte("a")}, ext{1, []byte{0x80 | 30}})
	if tr := o.track("a"); tr.Codec() != media.Opus || tr.Level() >= media.Silence {
		t.Error(tr.Codec(), tr.Level())
	}
	o.rtp(rtp.Header{SSRC: 6, PayloadType: 45, SequenceNumber: 1, Marker: true}, keyPayload(media.AV1), ext{13, []byte{0x80, 0, 1}})
	if tr := o.track("v"); tr.Codec() != media.AV1 {
		t.Error(tr.Codec())
	}
	for _, p := range []struct {
		h    rtp.Header
		e    []ext
		drop dropReason
	}{
		{rtp.Header{SSRC: 7, PayloadType: 111, SequenceNumber: 1}, []ext{{4, []byte("sa")}}, dropUnclaimed}, // a section it receives on
		{rtp.Header{SSRC: 7, PayloadType: 111, SequenceNumber: 2}, []ext{{4, []byte("zz")}}, dropUnclaimed},
		{rtp.Header{SSRC: 8, PayloadType: 77, SequenceNumber: 1}, nil, dropUnclaimed},
		{rtp.Header{SSRC: 1111, PayloadType: 110, SequenceNumber: 1}, nil, dropPayloadType}, // telephone-event
		{rtp.Header{SSRC: 1111, PayloadType: 96, SequenceNumber: 2}, nil, dropPayloadType},
		{rtp.Header{SSRC: 1111, PayloadType: 111, SequenceNumber: 3, Padding: true}, nil, dropMalformed},
		{rtp.Header{SSRC: 1111, PayloadType: 0, SequenceNumber: 4}, nil, dropFlip}, // PCMU, too soon after Opus
	} {
		before := o.Stats().Dropped[p.drop.String()]
		o.rtp(p.h, []byte{1, 2, 3, 200}, p.e...)
		if got := o.Stats().Dropped[p.drop.String()]; got != before+1 {
			t.Errorf("%+v: %v", p.h, o.Stats().Dropped)
		}
	}
}

// TestReplay: a packet opens once, and none with another key.
func TestReplay(t *testing.T) {
	o := newOffline(t)
	b := o.seal(rtp.Header{SSRC: 2222, PayloadType: 96, SequenceNumber: 1}, keyPayload(media.VP8))
	o.rx.take(bytes.Clone(b), media.Now(), nil)
	if o.rx.take(bytes.Clone(b), media.Now(), nil) {
		t.Error("replayed")
	}
	b = o.seal(rtp.Header{SSRC: 2222, PayloadType: 96, SequenceNumber: 2}, keyPayload(media.VP8))
	b[len(b)-1] ^= 1
	if o.rx.take(b, media.Now(), nil) || o.Stats().Dropped["auth"] != 2 {
		t.Error(o.Stats())
	}
}

// TestReports: what the peer tells a publisher about its streams.
func TestReports(t *testing.T) {
	o := newOffline(t)
	for i := range uint16(20) {
		if i == 5 || i == 6 {
			continue
		}
		o.rtp(rtp.Header{SSRC: 2222, PayloadType: 96, SequenceNumber: 65530 + i, Timestamp: 1}, keyPayload(media.VP8), ext{3, binary.BigEndian.AppendUint16(nil, i)})
	}
	now := media.Now()
	o.rtcp(&rtcp.SenderReport{SSRC: 2222, NTPTime: 0x0102030405060708, RTPTime: 1})
	o.rx.flush(now+2e9, nil)
	_, control := o.out()
	var rr *rtcp.ReceiverReport
	arrived := 0
	for _, p := range control {
		switch p := p.(type) {
		case *rtcp.ReceiverReport:
			if len(p.Reports) > 0 {
				rr = p
			}
		case *rtcp.TransportLayerCC:
			arrived += len(p.RecvDeltas)
		}
	}
	if rr == nil || len(rr.Reports) != 1 {
		t.Fatal("no report", control)
	}
	r := rr.Reports[0]
	if r.SSRC != 2222 || r.TotalLost != 2 || r.LastSequenceNumber != 65530+19 || r.FractionLost != 2*256/20 || r.LastSenderReport != 0x03040506 || r.Delay == 0 {
		t.Errorf("%+v", r)
	}
	if arrived != 18 {
		t.Error("feedback about", arrived, "packets")
	}
	// The client does not take reduced-size RTCP, so each packet begins with a report.
	for _, p := range control {
		if _, ok := p.(*rtcp.ReceiverReport); ok {
			return
		}
	}
	t.Error("no receiver report before the feedback")
}

// TestFlood: a client that makes up SSRCs is thrown out before it fills the tables.
func TestFlood(t *testing.T) {
	for name, send := range map[string]func(o *offline, ssrc uint32){
		"RTCP": func(o *offline, ssrc uint32) {
			o.rx.mu.Lock()
			o.rx.rtcpIn = 0
			o.rx.mu.Unlock()
			o.rtcp(&rtcp.ReceiverReport{SSRC: ssrc})
		},
		"RTP": func(o *offline, ssrc uint32) {
			o.rtp(rtp.Header{SSRC: ssrc, PayloadType: 96, SequenceNumber: 1}, keyPayload(media.VP8), ext{4, []byte("v")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffline(t)
			for i := range uint32(3 * maxSSRCs) {
				send(o, 10000+i)
			}
			eventually(t, "failed", func() bool { return o.h.state() == Failed })
			o.rx.mu.Lock()
			defer o.rx.mu.Unlock()
			if n := len(o.rx.ssrcs); n > maxSSRCs || len(o.rx.streams) > maxSSRCs+10 {
				t.Error(n, len(o.rx.streams))
			}
		})
	}
}

// TestRTCPRate: there is no hurry to take more than a client has reason to send.
func TestRTCPRate(t *testing.T) {
	o := newOffline(t)
	o.rx.mu.Lock() // as if a tick had just begun
	o.rx.rtcpIn = 0
	o.rx.mu.Unlock()
	for range 4 * rtcpPerTick {
		o.rtcp(&rtcp.PictureLossIndication{SenderSSRC: 9, MediaSSRC: 1})
	}
	if o.Stats().Dropped["rtcp-rate"] == 0 {
		t.Error(o.Stats())
	}
}

// TestFeedback: what a subscriber says reaches its slot, and what the slot wants reaches the publisher.
func TestFeedback(t *testing.T) {
	o := newOffline(t)
	o.video(1)
	must(t, o.Slot("sv").Show(o.track("v")))
	for seq := range uint16(5) {
		o.video(2 + seq)
	}
	sent, _ := o.out()
	if len(sent) != 5 {
		t.Fatal(len(sent), "packets")
	}
	ssrc := sent[0].SSRC
	o.rtcp(&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{sent[2].SequenceNumber})})
	again, _ := o.out()
	if len(again) != 1 || again[0].PayloadType != 97 || again[0].SSRC == ssrc || binary.BigEndian.Uint16(again[0].Payload) != sent[2].SequenceNumber ||
		!bytes.Equal(again[0].Payload[2:], sent[2].Payload) {
		t.Error(again)
	}
	o.rtcp(&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: ssrc})
	_, control := o.out()
	if !slices.ContainsFunc(control, func(p rtcp.Packet) bool {
		pli, ok := p.(*rtcp.PictureLossIndication)
		return ok && pli.MediaSSRC == 2222
	}) {
		t.Error("no request for a key frame", control)
	}
	o.rtcp(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 64}}})
	if s := o.Slot("sv").Stats(); s.FractionLost != 0.25 || s.Retransmitted != 1 || s.KeyFrameRequests < 1 {
		t.Errorf("%+v", s)
	}
	// Its sender reports begin when the publisher has reported.
	o.rtcp(&rtcp.SenderReport{SSRC: 2222, NTPTime: 0xe000000000000000, RTPTime: 3000})
	o.state.Store(uint32(Connected))
	o.tx.report(o.outbounds(), media.Now(), nil)
	_, control = o.out()
	if len(control) != 2 || control[0].(*rtcp.SenderReport).SSRC != ssrc || len(control[1].(*rtcp.SourceDescription).Chunks) != 1 {
		t.Error(control)
	}
}

// TestAllocations: forwarding allocates nothing, from the datagram to the system call.
func TestAllocations(t *testing.T) {
	o := newOffline(t)
	o.video(1)
	o.rtp(rtp.Header{SSRC: 1111, PayloadType: 111, SequenceNumber: 1}, keyPayload(media.Opus))
	must(t, o.Slot("sv").Show(o.track("v")))
	must(t, o.Slot("sa").Show(o.track("a")))
	o.keep.Store(false)
	const runs = 3000
	var list [][]byte
	for i := range uint16(runs + 2) {
		list = append(list, o.seal(rtp.Header{SSRC: 2222, PayloadType: 96, SequenceNumber: 2 + i, Timestamp: uint32(i), Marker: true},
			append(keyPayload(media.VP8), make([]byte, 1000)...), ext{4, []byte("v")}))
		list = append(list, o.seal(rtp.Header{SSRC: 1111, PayloadType: 111, SequenceNumber: 2 + i, Timestamp: uint32(i)}, keyPayload(media.Opus), ext{1, []byte{20}}))
	}
	end, ok := o.ice.current.handles[0].(*udp.Endpoint)
	if !ok {
		t.Fatal("no endpoint")
	}
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer func() { must(t, sink.Close()) }()
	to := sink.LocalAddr().(*net.UDPAddr).AddrPort()
	_, err = end.WriteToAddrPort(binding(t, o.ice.current.User, o.ice.current.Pwd, false), to) // then the port knows it
	must(t, err)
	pa := &path{gen: o.ice.current, out: o, remote: to, target: end.Target(to)}
	o.ice.selected.Store(pa)
	out := o.engine.cfg.UDP.NewBatch()
	sent := o.rig.port.Stats().PacketsOut
	before := o.Stats().PacketsOut
	got := testing.AllocsPerRun(runs, func() {
		for _, b := range list[:2] {
			o.rx.take(b, media.Now(), out)
		}
		out.Flush()
		list = list[2:]
	})
	if n := o.Stats().PacketsOut - before; n < 2*runs {
		t.Error(n, "packets were forwarded")
	}
	if n := o.rig.port.Stats().PacketsOut - sent; n < 2*runs {
		t.Error(n, "packets were sent")
	}
	if got != 0 {
		t.Error(got, "allocations")
	}
}

// TestDropNames: the reasons have their names.
func TestDropNames(t *testing.T) {
	if s := fmt.Sprint(dropSend, dropTCPUnknown); s != "send tcp-unknown" {
		t.Error(s)
	}
}
