package portmux

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"
)

func quiet() logging.LoggerFactory {
	f := logging.NewDefaultLoggerFactory()
	f.DefaultLogLevel = logging.LogLevelDisabled
	return f
}

// TestTURN: real TURN clients over TCP and TLS, with and without ALPN.
func TestTURN(t *testing.T) {
	r := newRig(t, Options{})
	srv, err := turn.NewServer(turn.ServerConfig{
		Realm: "x", LoggerFactory: quiet(),
		AuthHandler: func(a *turn.RequestAttributes) (string, []byte, bool) {
			return a.Username, turn.GenerateAuthKey(a.Username, a.Realm, "secret"), true
		},
		ListenerConfigs: []turn.ListenerConfig{{Listener: r.TURN(), RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{
			RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1",
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	withALPN := func(p string) func() (net.Conn, error) {
		return func() (net.Conn, error) {
			cfg := r.client.Clone()
			if p != "" {
				cfg.NextProtos = []string{p}
			}
			return tls.Dial("tcp", r.addr, cfg)
		}
	}
	for name, dial := range map[string]func() (net.Conn, error){
		"TCP":              func() (net.Conn, error) { return net.Dial("tcp", r.addr) },
		"TLS":              withALPN(""),
		"TLS stun.turn":    withALPN(alpnTURN),
		"TLS unknown ALPN": withALPN("c-webrtc"),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			c, err := turn.NewClient(&turn.ClientConfig{
				STUNServerAddr: r.addr, TURNServerAddr: r.addr, Username: "u", Password: "secret", Realm: "x",
				Conn: turn.NewSTUNConn(conn), LoggerFactory: quiet(),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err = c.Listen(); err != nil {
				t.Fatal(err)
			}
			relay, err := c.Allocate()
			if err != nil {
				t.Fatal(err)
			}
			_ = relay.Close()
			_ = conn.Close()
		})
	}
	eventually(t, "four counted", func() bool { return r.Stats().TURN == 4 })
	eventually(t, "all closed", func() bool { return r.Stats().Open == 0 })
}

// TestICETCP: a whole PeerConnection over ICE-TCP while HTTP goes on beside it.
func TestICETCP(t *testing.T) {
	r := newRig(t, Options{})
	tcp := ice.NewTCPMuxDefault(ice.TCPMuxParams{Listener: r.ICE(), Logger: quiet().NewLogger("tcp"), ReadBufferSize: 64})
	t.Cleanup(func() { _ = tcp.Close() })
	peer := func(se webrtc.SettingEngine) *webrtc.PeerConnection {
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
		se.SetIncludeLoopbackCandidate(true)
		se.LoggerFactory = quiet()
		pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pc.GracefulClose() })
		return pc
	}
	var se webrtc.SettingEngine
	se.SetLite(true)
	se.SetICETCPMux(tcp)
	server, client := peer(se), peer(webrtc.SettingEngine{})
	echoed := make(chan string, 1)
	server.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(m webrtc.DataChannelMessage) { _ = dc.SendText("echo " + string(m.Data)) })
	})
	dc, err := client.CreateDataChannel("d", nil)
	if err != nil {
		t.Fatal(err)
	}
	dc.OnOpen(func() { _ = dc.SendText("hello") })
	dc.OnMessage(func(m webrtc.DataChannelMessage) { echoed <- string(m.Data) })
	offerAnswer(t, client, server)
	select {
	case got := <-echoed:
		if got != "echo hello" {
			t.Error(got)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("no echo over ICE-TCP", client.ICEConnectionState(), r.Stats())
	}
	eventually(t, "ICE counted", func() bool { return r.Stats().ICE > 0 })
}

func offerAnswer(t *testing.T, a, b *webrtc.PeerConnection) {
	t.Helper()
	offer, err := a.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(a)
	if err = a.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-done
	if err = b.SetRemoteDescription(*a.LocalDescription()); err != nil {
		t.Fatal(err)
	}
	answer, err := b.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	done = webrtc.GatheringCompletePromise(b)
	if err = b.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-done
	if err = a.SetRemoteDescription(*b.LocalDescription()); err != nil {
		t.Fatal(err)
	}
}
