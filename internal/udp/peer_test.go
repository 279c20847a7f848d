package udp

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

var loopback4 = netip.MustParseAddr("127.0.0.1")

// newPeer makes a PeerConnection over a mux; lite as the server is, full as a client is.
func newPeer(t testing.TB, mux ice.UDPMux, lite bool) *webrtc.PeerConnection {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetICEUDPMux(mux)
	se.SetLite(lite)
	se.SetIncludeLoopbackCandidate(true)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	se.SetDTLSRetransmissionInterval(50 * time.Millisecond)
	lf := logging.NewDefaultLoggerFactory()
	lf.DefaultLogLevel = logging.LogLevelDisabled
	se.LoggerFactory = lf
	if lite {
		if err := se.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
			t.Fatal(err)
		}
	}
	var me webrtc.MediaEngine
	if err := me.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// negotiate does one offer and answer with complete candidates.
func negotiate(t testing.TB, offerer, answerer *webrtc.PeerConnection) {
	t.Helper()
	offer, err := offerer.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(offerer)
	if err = offerer.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	if err = answerer.SetRemoteDescription(*offerer.LocalDescription()); err != nil {
		t.Fatal(err)
	}
	answer, err := answerer.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered = webrtc.GatheringCompletePromise(answerer)
	if err = answerer.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	if err = offerer.SetRemoteDescription(*answerer.LocalDescription()); err != nil {
		t.Fatal(err)
	}
}

// pair is a client and its server side with a data channel that the server echoes.
type pair struct {
	id             string // no two pairs have the same
	client, server *webrtc.PeerConnection
	echo           *webrtc.DataChannel
	opened         chan struct{}
	got            chan string     // what the client hears back
	media          chan rtp.Packet // what the server receives
	track          *webrtc.TrackLocalStaticRTP
}

var pairs atomic.Int64

// connect joins a client over its mux to a server peer over the port.
func connect(t testing.TB, port *Port, serverIP netip.Addr, client ice.UDPMux) *pair {
	t.Helper()
	p := &pair{
		id:     fmt.Sprintf("pair %d: ", pairs.Add(1)),
		client: newPeer(t, client, false), server: newPeer(t, port.Mux(serverIP), true),
		opened: make(chan struct{}), got: make(chan string, 16), media: make(chan rtp.Packet, 256),
	}
	p.server.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(m webrtc.DataChannelMessage) { _ = dc.Send(m.Data) })
	})
	p.server.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			pkt, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			select {
			case p.media <- *pkt:
			default:
			}
		}
	})
	var err error
	if p.echo, err = p.client.CreateDataChannel("echo", nil); err != nil {
		t.Fatal(err)
	}
	p.echo.OnOpen(func() { close(p.opened) })
	p.echo.OnMessage(func(m webrtc.DataChannelMessage) { p.got <- string(m.Data) })
	p.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = p.client.AddTrack(p.track); err != nil {
		t.Fatal(err)
	}
	negotiate(t, p.client, p.server)
	return p
}

func (p *pair) awaitOpen(t testing.TB) {
	t.Helper()
	select {
	case <-p.opened:
	case <-time.After(10 * time.Second):
		t.Fatalf("data channel not open: client %v, server %v", p.client.ConnectionState(), p.server.ConnectionState())
	}
}

// exchange proves that data passes both ways and media passes up, with a payload that tells the pair and the occasion.
func (p *pair) exchange(t testing.TB, occasion string) {
	t.Helper()
	text := p.id + occasion
	if err := p.echo.SendText(text); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	select {
	case got := <-p.got:
		if got != text {
			t.Fatalf("echo %q, want %q", got, text)
		}
	case <-ctx.Done():
		t.Fatalf("no echo of %q", text)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for seq := uint16(1); ; seq++ {
		_ = p.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq}, Payload: []byte(text)})
		select {
		case pkt := <-p.media:
			if got := string(pkt.Payload); got == text {
				return
			} else if !strings.HasPrefix(got, p.id) { // of the occasion before some may be left
				t.Fatalf("media %q, want %q", got, text)
			}
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no media %q", text)
		}
	}
}
