package rtc

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"veche.example/internal/media"
	"veche.example/internal/sfu"
	"veche.example/internal/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience1 = 10 * time.Second // of tests, for what takes milliseconds

// rig is an engine with a UDP port on the loopback interface.
type rig struct {
	*Engine
	port *udp.Port
}

func newRig(t testing.TB, edit ...func(*Config)) *rig {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	port, err := udp.Listen("127.0.0.1:0", log)
	must(t, err)
	cfg := Config{UDP: port.Mux(netip.MustParseAddr("127.0.0.1")), Learn: port.Learn, Log: log}
	for _, f := range edit {
		f(&cfg)
	}
	e, err := NewEngine(cfg)
	must(t, err)
	t.Cleanup(func() {
		must(t, e.Close())
		must(t, port.Close())
	})
	return &rig{e, port}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience1); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// handler records what a peer says.
type handler struct {
	mu     sync.Mutex            // guards the following
	tracks map[string]*sfu.Track // by mid, or mid/rid
	all    []*sfu.Track
	ended  []string
	states []State
	on     func(mid string, t *sfu.Track)
}

func (h *handler) Track(mid, rid string, t *sfu.Track) {
	mid = layerName(mid, rid)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tracks == nil {
		h.tracks = make(map[string]*sfu.Track)
	}
	h.tracks[mid] = t
	h.all = append(h.all, t)
	if h.on != nil {
		h.on(mid, t)
	}
}

func (h *handler) Ended(mid, rid string, t *sfu.Track) {
	mid = layerName(mid, rid)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tracks[mid] != t {
		panic("Ended of a track that is not the section's")
	}
	delete(h.tracks, mid)
	h.ended = append(h.ended, mid)
}

// layerName is how the tests call an encoding.
func layerName(mid, rid string) string {
	if rid != "" {
		mid += "/" + rid
	}
	return mid
}

func (h *handler) State(s State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, s)
}

func (h *handler) state() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.states) == 0 {
		return Connecting
	}
	return h.states[len(h.states)-1]
}

// history is all states so far.
func (h *handler) history() []State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.states)
}

// endings is the sections whose tracks ended so far.
func (h *handler) endings() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ended)
}

// count is how many tracks there were.
func (h *handler) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

func (h *handler) track(mid string) *sfu.Track {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tracks[mid]
}

// client is a Pion client with its peer.
type client struct {
	t    testing.TB
	pc   *webrtc.PeerConnection
	peer *Peer
	h    *handler

	publish, receive []string
	in               chan received
}

// received is a packet that a client got.
type received struct {
	mid, stream string
	codec       string
	*rtp.Packet
}

// clientConfig changes the client's side.
type clientConfig struct {
	codecs  []webrtc.RTPCodecParameters // nil = the usual ones
	setting func(*webrtc.SettingEngine)
	room    []media.Codec // nil = all
	reports bool          // transport-wide feedback is sent
}

var fb = []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "transport-cc"}}

func videoCodec(mime string, pt uint8, fmtp string) []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000, SDPFmtpLine: fmtp, RTCPFeedback: fb}, PayloadType: webrtc.PayloadType(pt)},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=" + itoa(pt)}, PayloadType: webrtc.PayloadType(pt + 1)},
	}
}

func audioCodec(mime string, pt uint8, rate uint32, ch uint16, fmtp string) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate, Channels: ch, SDPFmtpLine: fmtp,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}}}, PayloadType: webrtc.PayloadType(pt)}
}

func itoa(n uint8) string {
	return string(append([]byte(nil), slices.Concat([]byte{}, digits(n))...))
}

func digits(n uint8) []byte {
	if n < 10 {
		return []byte{'0' + n}
	}
	return append(digits(n/10), '0'+n%10)
}

// everyCodec is what the clients of the tests speak.
func everyCodec() []webrtc.RTPCodecParameters {
	return slices.Concat(
		[]webrtc.RTPCodecParameters{
			audioCodec(webrtc.MimeTypeOpus, 111, 48000, 2, "minptime=10;useinbandfec=1"),
			audioCodec(webrtc.MimeTypeG722, 9, 8000, 0, ""),
			audioCodec(webrtc.MimeTypePCMU, 0, 8000, 0, ""),
			audioCodec(webrtc.MimeTypePCMA, 8, 8000, 0, ""),
		},
		videoCodec(webrtc.MimeTypeVP8, 96, ""),
		videoCodec(webrtc.MimeTypeVP9, 98, "profile-id=0"),
		videoCodec(webrtc.MimeTypeH264, 102, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
		videoCodec(webrtc.MimeTypeAV1, 45, ""),
		videoCodec(webrtc.MimeTypeH265, 49, ""),
	)
}

func (r *rig) client(t testing.TB, cc clientConfig) *client {
	t.Helper()
	c := &client{t: t, h: &handler{}, in: make(chan received, 4096)}
	cfg := PeerConfig{ID: t.Name(), Audio: media.Codecs(media.Audio), Video: media.Codecs(media.Video), Handler: c.h}
	if cc.room != nil {
		cfg.Audio, cfg.Video = nil, nil
		for _, k := range cc.room {
			if k.Kind() == media.Audio {
				cfg.Audio = append(cfg.Audio, k)
			} else {
				cfg.Video = append(cfg.Video, k)
			}
		}
	}
	var err error
	c.peer, err = r.NewPeer(cfg)
	must(t, err)
	t.Cleanup(c.peer.Close)
	c.pc = newPC(t, cc)
	c.pc.OnTrack(func(tr *webrtc.TrackRemote, rx *webrtc.RTPReceiver) {
		mid := rx.RTPTransceiver().Mid()
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			select {
			case c.in <- received{mid, tr.StreamID(), tr.Codec().MimeType, p}:
			default:
			}
		}
	})
	return c
}

func newPC(t testing.TB, cc clientConfig) *webrtc.PeerConnection {
	t.Helper()
	me := new(webrtc.MediaEngine)
	codecs := cc.codecs
	if codecs == nil {
		codecs = everyCodec()
	}
	for _, p := range codecs {
		kind := webrtc.RTPCodecTypeVideo
		if strings.HasPrefix(p.MimeType, "audio/") {
			kind = webrtc.RTPCodecTypeAudio
		}
		must(t, me.RegisterCodec(p, kind))
	}
	for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI, sdp.SDESRepairRTPStreamIDURI, sdp.TransportCCURI, "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"} {
		must(t, me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo))
	}
	for _, uri := range []string{sdp.SDESMidURI, sdp.TransportCCURI, sdp.AudioLevelURI} {
		must(t, me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeAudio))
	}
	ir := new(interceptor.Registry)
	must(t, webrtc.ConfigureNack(me, ir))
	must(t, webrtc.ConfigureRTCPReports(ir))
	must(t, webrtc.ConfigureTWCCHeaderExtensionSender(me, ir))
	if cc.reports {
		must(t, webrtc.ConfigureTWCCSender(me, ir))
	}
	se := webrtc.SettingEngine{LoggerFactory: silent}
	se.SetIncludeLoopbackCandidate(true)
	se.SetDTLSRetransmissionInterval(50 * time.Millisecond)
	se.SetHostAcceptanceMinWait(0)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if cc.setting != nil {
		cc.setting(&se)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(me), webrtc.WithInterceptorRegistry(ir), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// offer makes a description with all candidates.
func (c *client) offer() string {
	c.t.Helper()
	o, err := c.pc.CreateOffer(nil)
	must(c.t, err)
	done := webrtc.GatheringCompletePromise(c.pc)
	must(c.t, c.pc.SetLocalDescription(o))
	<-done
	return c.pc.LocalDescription().SDP
}

// negotiate makes one exchange.
func (c *client) negotiate() {
	c.t.Helper()
	text := c.offer()
	answer, err := c.peer.Offer(context.Background(), Offer{SDP: text, Publish: c.publish, Receive: c.receive})
	if err != nil {
		c.t.Fatalf("%v\n%s", err, text)
	}
	if err = c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		c.t.Fatalf("%v\n%s", err, answer)
	}
}

// fill puts the mids of the transceivers into publish and receive, by their directions.
func (c *client) fill() {
	c.t.Helper()
	o, err := c.pc.CreateOffer(nil)
	must(c.t, err)
	list, err := Sections(o.SDP)
	must(c.t, err)
	c.publish, c.receive = nil, nil
	for _, m := range list {
		if m.Sends {
			c.publish = append(c.publish, m.MID)
		} else if m.Receives {
			c.receive = append(c.receive, m.MID)
		}
	}
}

func (c *client) connect() {
	c.t.Helper()
	c.fill()
	c.negotiate()
	c.connected()
}

// source is a track that a test client publishes.
type source struct {
	*webrtc.TrackLocalStaticRTP
	codec media.Codec
	seq   uint16
	ts    uint32
	tr    *webrtc.RTPTransceiver
	asked atomic.Bool // for a key frame
}

func (c *client) source(codec media.Codec) *source {
	c.t.Helper()
	capability := webrtc.RTPCodecCapability{MimeType: codec.MIME(), ClockRate: codec.ClockRate()}
	if codec == media.Opus {
		capability.Channels = 2
	}
	tl, err := webrtc.NewTrackLocalStaticRTP(capability, codec.String(), "stream")
	must(c.t, err)
	tr, err := c.pc.AddTransceiverFromTrack(tl, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(c.t, err)
	s := &source{TrackLocalStaticRTP: tl, codec: codec, seq: 100, ts: 5000, tr: tr}
	go func() {
		for {
			list, _, err := tr.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range list {
				if _, ok := p.(*rtcp.PictureLossIndication); ok {
					s.asked.Store(true)
				}
			}
		}
	}()
	return s
}

// seat opens a pair of sections to receive on.
func (c *client) seat(kinds ...webrtc.RTPCodecType) {
	c.t.Helper()
	if kinds == nil {
		kinds = []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo}
	}
	for _, k := range kinds {
		_, err := c.pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		must(c.t, err)
	}
}

// keyPayload is a small key frame of a codec.
func keyPayload(c media.Codec) []byte {
	switch c {
	case media.VP8:
		return []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 1, 2, 3}
	case media.VP9:
		return []byte{0x08, 0x82, 0x49, 0x83, 0x42, 1, 2, 3}
	case media.AV1:
		return []byte{0x08 | 0x20, 2, 1 << 3, 0, 6 << 3, 1, 2, 3}
	case media.H264:
		return []byte{24, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce, 0, 3, 0x65, 1, 2}
	case media.H265:
		return []byte{48 << 1, 1, 0, 3, 32 << 1, 1, 9, 0, 3, 33 << 1, 1, 9, 0, 4, 19 << 1, 1, 7, 7}
	}
	return []byte{1, 2, 3, 4, byte(c)}
}

// send sends one frame of one packet.
func (s *source) send(t testing.TB, payload []byte) {
	t.Helper()
	must(t, s.try(payload))
}

// try is send by a client that may be closed.
func (s *source) try(payload []byte) error {
	err := s.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: s.seq, Timestamp: s.ts}, Payload: payload})
	s.seq++
	s.ts += s.codec.ClockRate() / 50
	return err
}

// expect waits for a packet that a test likes; others are skipped.
func (c *client) expect(what string, like func(received) bool) received {
	c.t.Helper()
	end := time.After(patience1)
	for {
		select {
		case p := <-c.in:
			if like(p) {
				return p
			}
		case <-end:
			c.t.Fatalf("no packet: %s; peer %+v", what, c.peer.Stats())
		}
	}
}
