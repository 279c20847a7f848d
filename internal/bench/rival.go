package bench

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// Rival is the least SFU that can be made of pion/webrtc: one UDP port, one TrackLocalStaticRTP per section of the publisher,
// which every subscriber is given. It speaks WHIP at /whip/NAME and WHEP at /whep/NAME.
type Rival struct {
	api  *webrtc.API
	mux  *ice.UDPMuxDefault
	quit chan struct{}

	mu    sync.Mutex // guards the following
	rooms map[string]*rivalRoom
	peers []*webrtc.PeerConnection
}

type rivalRoom struct {
	pc     *webrtc.PeerConnection
	tracks []*webrtc.TrackLocalStaticRTP
	video  webrtc.SSRC
	ready  chan struct{} // closed when both tracks are there
}

// NewRival makes one on a free port of the loopback interface, with Pion's default interceptors or none.
func NewRival(interceptors bool) (*Rival, error) {
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := errors.Join(engine.RegisterCodec(videoCodec, webrtc.RTPCodecTypeVideo), engine.RegisterCodec(audioCodec, webrtc.RTPCodecTypeAudio)); err != nil {
		return nil, err
	}
	if interceptors {
		if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
			return nil, err
		}
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if c, ok := conn.(*net.UDPConn); ok {
		_ = errors.Join(c.SetReadBuffer(4<<20), c.SetWriteBuffer(4<<20)) // as ours, as far as allowed
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	r := &Rival{rooms: make(map[string]*rivalRoom), quit: make(chan struct{})}
	r.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: quiet.NewLogger("ice")})
	var se webrtc.SettingEngine
	se.SetICEUDPMux(r.mux)
	se.SetLite(true)
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetSRTPProtectionProfiles(srtpProfiles...)
	se.LoggerFactory = quiet
	r.api = webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(se), webrtc.WithInterceptorRegistry(registry))
	return r, nil
}

// Close ends all connections.
func (r *Rival) Close() {
	close(r.quit)
	r.mu.Lock()
	peers := r.peers
	r.mu.Unlock()
	for _, pc := range peers {
		_ = pc.GracefulClose()
	}
	_ = r.mux.Close()
}

// ServeHTTP implements http.Handler.
func (r *Rival) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	if req.Method != http.MethodPost {
		w.WriteHeader(http.StatusOK) // DELETE: the end of the process is soon enough
		return
	}
	offer, err := io.ReadAll(io.LimitReader(req.Body, maxAnswer))
	if err == nil {
		var answer string
		if answer, err = r.join(kind, name, string(offer)); err == nil {
			w.Header().Set("Location", "/gone")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, answer)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusBadRequest)
}

func (r *Rival) join(kind, name, offer string) (string, error) {
	pc, err := r.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	r.peers = append(r.peers, pc)
	room := r.rooms[name]
	if kind == "whip" {
		room = &rivalRoom{pc: pc, ready: make(chan struct{})}
		r.rooms[name] = room
	}
	r.mu.Unlock()
	if room == nil {
		return "", errors.New("nobody publishes")
	}
	var tracks []*webrtc.TrackLocalStaticRTP
	if kind != "whip" {
		select {
		case <-room.ready:
			tracks = room.tracks // not changed any more
		case <-r.quit:
			return "", errors.New("closed")
		}
	}
	if kind == "whip" {
		pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { r.publish(room, t) })
	} else if err := r.subscribe(room, pc, tracks); err != nil {
		return "", err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// publish forwards a track until it ends.
func (r *Rival) publish(room *rivalRoom, t *webrtc.TrackRemote) {
	out, err := webrtc.NewTrackLocalStaticRTP(t.Codec().RTPCodecCapability, t.Kind().String(), "rival")
	if err != nil {
		return
	}
	r.mu.Lock()
	if room.tracks = append(room.tracks, out); len(room.tracks) == 2 {
		close(room.ready)
	}
	if t.Kind() == webrtc.RTPCodecTypeVideo {
		room.video = t.SSRC()
	}
	r.mu.Unlock()
	buf := make([]byte, 1500)
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		if _, err := out.Write(buf[:n]); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
}

func (r *Rival) subscribe(room *rivalRoom, pc *webrtc.PeerConnection, tracks []*webrtc.TrackLocalStaticRTP) error {
	for _, t := range tracks {
		sender, err := pc.AddTrack(t)
		if err != nil {
			return err
		}
		go func() { // interceptors want their RTCP to be read
			buf := make([]byte, 1500)
			for {
				if _, _, err := sender.Read(buf); err != nil {
					return
				}
			}
		}()
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			r.mu.Lock()
			ssrc := room.video
			r.mu.Unlock()
			_ = room.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}})
		}
	})
	return nil
}
