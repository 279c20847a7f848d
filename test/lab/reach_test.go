package lab

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"veche.example/internal/portmux"
	"veche.example/internal/turnd"
	"veche.example/internal/udp"
)

func TestMain(m *testing.M) {
	os.Exit(Main(m, map[string]func(*json.Decoder, *json.Encoder) error{
		"server": server, "peer": peer, "echo": echo, "ping": ping,
		"band-sender": bandSender, "band-viewer": bandViewer, "whole": whole, "watcher": watcher,
		"bad-server": badServer, "bad-viewer": badViewer, "bad-publisher": badPublisher,
	}))
}

const (
	udpPort, tlsPort = 7788, 443
	hubIP            = "10.99.1.1"
)

// offer is an SDP on its way, or the end of it: the types of the candidates between which data flows.
type offer struct {
	SDP           string
	Access        access // to a peer
	Local, Remote string // from a peer
}

// access is what a client needs to use the server: an ICE server, and the certificate to believe.
type access struct{ URL, User, Password, PEM string }

// server is the hub: media, STUN and TURN on one UDP port, TURN over TLS on the port of HTTPS. It hands out credentials and
// answers offers with a peer of its own.
func server(in *json.Decoder, out *json.Encoder) error {
	port, err := udp.Listen(fmt.Sprint(":", udpPort), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer port.Close()
	l, err := net.Listen("tcp", fmt.Sprint(":", tlsPort))
	if err != nil {
		return err
	}
	cert, err := certificate()
	if err != nil {
		return err
	}
	mux := portmux.New(l, portmux.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	defer mux.Close()
	go func() { _ = mux.Serve() }()
	hub := netip.MustParseAddr(hubIP)
	ts, err := turnd.New(turnd.Config{
		Secret: bytes.Repeat([]byte("s"), 32), Port: port, Listeners: []net.Listener{mux.TURN()},
		Relays: []turnd.Relay{{Advertise: hub}}, MediaAddrs: []netip.AddrPort{port.Addr()}, Alias: port.Alias,
	})
	if err != nil {
		return err
	}
	defer ts.Close()
	for _, member := range []string{"1", "2"} {
		a := access{PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))}
		a.User, a.Password, _ = ts.Credentials(member, time.Now())
		if err = out.Encode(a); err != nil {
			return err
		}
	}
	for {
		var o offer
		if err := in.Decode(&o); err != nil {
			return ignoreEOF(err)
		}
		pc, err := newPeer(func(se *webrtc.SettingEngine) {
			se.SetLite(true)
			se.SetICEUDPMux(port.Mux(hub))
		}, access{})
		if err != nil {
			return err
		}
		defer pc.GracefulClose()
		pc.OnDataChannel(func(d *webrtc.DataChannel) {
			d.OnMessage(func(m webrtc.DataChannelMessage) { _ = d.Send(m.Data) })
		})
		answer, err := describe(pc, o.SDP)
		if err != nil {
			return err
		}
		if err = out.Encode(offer{SDP: answer}); err != nil {
			return err
		}
	}
}

// peer is a client: it offers when it is given no SDP, else answers; then data must come back.
func peer(in *json.Decoder, out *json.Encoder) error {
	var o offer
	if err := in.Decode(&o); err != nil {
		return ignoreEOF(err)
	}
	pc, err := newPeer(func(se *webrtc.SettingEngine) {}, o.Access)
	if err != nil {
		return err
	}
	defer pc.GracefulClose()
	echoed := make(chan struct{}, 16)
	talk := func(d *webrtc.DataChannel) {
		d.OnOpen(func() { _ = d.SendText("hello") })
		d.OnMessage(func(webrtc.DataChannelMessage) { echoed <- struct{}{} })
	}
	answering := o.SDP != ""
	if answering {
		pc.OnDataChannel(talk)
	} else {
		d, err := pc.CreateDataChannel("d", nil)
		if err != nil {
			return err
		}
		talk(d)
	}
	own, err := describe(pc, o.SDP)
	if err != nil {
		return err
	}
	if err = out.Encode(offer{SDP: own}); err != nil {
		return err
	}
	if !answering {
		if err = in.Decode(&o); err != nil {
			return ignoreEOF(err)
		}
		if err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: o.SDP}); err != nil {
			return err
		}
	}
	var rest offer
	gone := make(chan error, 1)
	go func() { gone <- in.Decode(&rest) }()
	select {
	case <-echoed:
	case err := <-gone:
		return ignoreEOF(err)
	}
	pair, err := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return fmt.Errorf("no pair: %w", err)
	}
	if err = out.Encode(offer{Local: pair.Local.Typ.String(), Remote: pair.Remote.Typ.String()}); err != nil {
		return err
	}
	return ignoreEOF(<-gone)
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func newPeer(change func(*webrtc.SettingEngine), a access) (*webrtc.PeerConnection, error) {
	var se webrtc.SettingEngine
	change(&se)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	lf := logging.NewDefaultLoggerFactory()
	lf.DefaultLogLevel = logging.LogLevelDisabled
	se.LoggerFactory = lf
	se.SetICETimeouts(5*time.Second, 25*time.Second, time.Second)
	se.SetRelayAcceptanceMinWait(time.Second)
	var cfg webrtc.Configuration
	if a.URL != "" {
		cfg.ICEServers = []webrtc.ICEServer{{URLs: []string{a.URL}, Username: a.User, Credential: a.Password}}
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(cfg)
}

// describe makes an offer, or an answer to one, with all candidates.
func describe(pc *webrtc.PeerConnection, remote string) (string, error) {
	var own webrtc.SessionDescription
	var err error
	if remote == "" {
		own, err = pc.CreateOffer(nil)
	} else {
		if err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: remote}); err != nil {
			return "", err
		}
		own, err = pc.CreateAnswer(nil)
	}
	if err != nil {
		return "", err
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err = pc.SetLocalDescription(own); err != nil {
		return "", err
	}
	<-done
	return pc.LocalDescription().SDP, nil
}

func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(hubIP)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// reach is one case of TestReach.
type reach struct {
	legs [2][]string // commands that make the legs of clients 1 and 2
	then [][]string  // commands after that
	urls [2]string   // what each client may use, %s stands for the hub
	sfu  bool        // client 1 talks to the server instead of client 2
	want [2]string   // local and remote candidate type as client 1 sees it
}

// TestReach: which path is found through which network, by our STUN and TURN.
func TestReach(t *testing.T) {
	cone := func(i string) []string { return []string{"natleg", i} }
	symmetric := func(i string) []string { return []string{"natleg", i, "random"} }
	const stun, turn = "stun:%s:7788", "turn:%s:7788"
	for name, c := range map[string]reach{
		"cone and cone": {
			legs: [2][]string{cone("1"), cone("2")}, urls: [2]string{stun, stun}, want: [2]string{"srflx", "srflx"},
		},
		"symmetric and symmetric": {
			legs: [2][]string{symmetric("1"), symmetric("2")}, urls: [2]string{turn, turn}, want: [2]string{"relay", "relay"},
		},
		"server from a symmetric NAT": {
			legs: [2][]string{symmetric("1"), nil}, urls: [2]string{stun, ""}, sfu: true, want: [2]string{"", "host"},
		},
		"server with the HTTPS port only": {
			legs: [2][]string{cone("1"), nil}, then: [][]string{{"only", "1", "443"}},
			urls: [2]string{"turns:%s:443?transport=tcp", ""}, sfu: true, want: [2]string{"relay", "host"},
		},
		"client with the HTTPS port only": {
			legs: [2][]string{cone("1"), symmetric("2")}, then: [][]string{{"only", "1", "443"}},
			urls: [2]string{"turns:%s:443?transport=tcp", turn}, want: [2]string{"relay", "relay"},
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t) })
	}
}

func (c *reach) run(t *testing.T) {
	s := NewStar(t, 0)
	for _, args := range append(c.legs[:], c.then...) {
		if args != nil {
			s.Do(args...)
		}
	}
	hub := s.Start("h", "server")
	var accesses [2]access
	for i := range accesses {
		hub.Receive(&accesses[i], 10*time.Second)
		accesses[i].URL = strings.ReplaceAll(c.urls[i], "%s", hubIP)
	}
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, []byte(accesses[0].PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", roots) // for the clients
	begin := time.Now()
	one := s.Start("1", "peer")
	one.Send(offer{Access: accesses[0]})
	var o, a offer
	one.Receive(&o, 15*time.Second)
	if c.sfu {
		hub.Send(o)
		hub.Receive(&a, 15*time.Second)
	} else {
		two := s.Start("2", "peer")
		two.Send(offer{SDP: o.SDP, Access: accesses[1]})
		two.Receive(&a, 15*time.Second)
	}
	one.Send(a)
	var got offer
	one.Receive(&got, 20*time.Second)
	t.Logf("%s to %s in %v", got.Local, got.Remote, time.Since(begin).Round(time.Millisecond))
	for i, typ := range []string{got.Local, got.Remote} {
		if c.want[i] != "" && c.want[i] != typ {
			t.Errorf("%s to %s, want %v", got.Local, got.Remote, c.want)
		}
	}
}
