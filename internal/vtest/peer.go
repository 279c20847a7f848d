package vtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"veche.example/internal/signal/native/proto"
)

var (
	// caps is what bots can encode and decode.
	caps = proto.Caps{Audio: []string{"opus"}, Video: []string{"vp8"}}

	opus = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
	vp8  = webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}},
	}
	red = webrtc.RTPCodecCapability{MimeType: "audio/red", ClockRate: 48000, Channels: 2, SDPFmtpLine: "111/111"}
	rtx = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"}
)

// peer is one generation of a client's media connection.
type peer struct {
	pc    *webrtc.PeerConnection
	board *board
	bot   Bot
	wg    sync.WaitGroup // what closing pc ends
	stop  chan struct{}
	once  sync.Once
	again atomic.Bool // somebody wants a key frame

	sends map[string]*webrtc.RTPTransceiver // by source
	seats [][2]*webrtc.RTPTransceiver       // audio, video; nil = a seat for sound

	encodings []*encoding // of a bot with layers
	level     atomic.Int32
	asked     *asking
}

// newAPI knows just what bots need, so that a description of many seats stays small; media goes by network alone.
func newAPI(network webrtc.NetworkType, b Bot, asked *asking) (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	registry := &interceptor.Registry{}
	registry.Add(asked) // the first sees what the others write
	err := errors.Join(
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio),
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: vp8, PayloadType: 96}, webrtc.RTPCodecTypeVideo),
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: 97}, webrtc.RTPCodecTypeVideo),
		webrtc.ConfigureNack(engine, registry), webrtc.ConfigureRTCPReports(registry),
	)
	if b.RED {
		err = errors.Join(err, engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: red, PayloadType: 63}, webrtc.RTPCodecTypeAudio))
	}
	for _, uri := range []string{extMID, extRID, extRRID, extLevel} {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
			if uri == extMID || (uri == extLevel) == (kind == webrtc.RTPCodecTypeAudio) {
				err = errors.Join(err, engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind))
			}
		}
	}
	if b.Reports {
		err = errors.Join(err, webrtc.ConfigureTWCCSender(engine, registry))
	}
	if err != nil {
		return nil, fmt.Errorf("vtest: %w", err)
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	se := webrtc.SettingEngine{LoggerFactory: quiet}
	se.SetIncludeLoopbackCandidate(true) // a server under test may have no other address
	se.SetNetworkTypes([]webrtc.NetworkType{network})
	se.SetDTLSRetransmissionInterval(50 * time.Millisecond)
	se.SetHostAcceptanceMinWait(0)
	if b.setting != nil {
		b.setting(&se)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(se)), nil
}

func newPeer(b Bot, board *board) (*peer, error) {
	network := webrtc.NetworkTypeUDP4
	if b.TCP {
		network = webrtc.NetworkTypeTCP4
	}
	asked := newAsking()
	api, err := newAPI(network, b, asked)
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("vtest: %w", err)
	}
	p := &peer{
		pc: pc, board: board, bot: b, stop: make(chan struct{}), asked: asked,
		sends: map[string]*webrtc.RTPTransceiver{},
	}
	if b.Publish {
		err = p.sources()
	}
	for i := 0; i < b.Seats+b.Sounds && err == nil; i++ {
		err = p.open(i < b.Seats)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("vtest: %w", err)
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		if to := p.counter(r); to != nil {
			p.wg.Go(func() { p.count(t, to) })
		}
	})
	return p, nil
}

// sources publishes the film and the tone.
func (p *peer) sources() error {
	film := func() error { return p.publish("camera", vp8, clip) }
	if p.bot.Layers {
		film = p.layers
	}
	if p.bot.Levels {
		return errors.Join(p.speak(), film())
	}
	return errors.Join(p.publish("mic", opus, tone), film())
}

// publish sends a source in a loop from now on.
func (p *peer) publish(source string, codec webrtc.RTPCodecCapability, loop []media.Sample) error {
	t, err := webrtc.NewTrackLocalStaticSample(codec, source, "bot")
	if err != nil {
		return err
	}
	tr, err := p.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	p.sends[source] = tr
	p.wg.Go(func() { p.listen(tr.Sender(), source == "camera") })
	p.wg.Go(func() { p.play(t, loop) })
	return nil
}

// play sends the loop; when a key frame is wanted it begins anew, since that is the first.
func (p *peer) play(t *webrtc.TrackLocalStaticSample, loop []media.Sample) {
	clock := time.NewTicker(loop[0].Duration)
	defer clock.Stop()
	video := t.Kind() == webrtc.RTPCodecTypeVideo
	for i := 0; ; i++ {
		select {
		case <-clock.C:
		case <-p.stop:
			return
		}
		if i == len(loop) || video && p.again.Swap(false) {
			i = 0
		}
		_ = t.WriteSample(loop[i]) // before the connection is there and after its end nobody is there to tell
	}
}

// listen reads the feedback of a section.
func (p *peer) listen(s *webrtc.RTPSender, video bool) {
	for {
		list, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range list {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.again.Store(video)
			}
		}
	}
}

// open adds the sections of a seat.
func (p *peer) open(picture bool) error {
	var seat [2]*webrtc.RTPTransceiver
	for i, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		tr, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			return err
		}
		if seat[i] = tr; !picture {
			break
		}
	}
	p.seats = append(p.seats, seat)
	return nil
}

// counter finds the seat number and half of a receiver.
func (p *peer) counter(r *webrtc.RTPReceiver) func(*State, func(*Count)) {
	for i, seat := range p.seats {
		for half, tr := range seat {
			if tr == nil || tr.Receiver() != r {
				continue
			}
			return func(s *State, f func(*Count)) {
				is := s.Seats[i]
				if half == 0 {
					f(&is.Audio)
				} else {
					f(&is.Video)
				}
				s.Seats[i] = is
			}
		}
	}
	return nil
}

// count counts what a section receives.
func (p *peer) count(t *webrtc.TrackRemote, to func(*State, func(*Count))) {
	var g gauge
	for {
		packet, attributes, err := t.ReadRTP()
		if err != nil {
			return
		}
		again := attributes.Get(webrtc.AttributeRtxSsrc) != nil
		fresh := g.note(packet.SequenceNumber, again, p.asked.take(packet.SSRC))
		delay, stamped := p.delay(packet)
		p.board.quiet(func(s *State) {
			to(s, func(c *Count) {
				c.SSRC = packet.SSRC
				c.Packets++
				now := time.Now()
				if !c.Last.IsZero() {
					c.Gap = max(c.Gap, now.Sub(c.Last))
				}
				c.Last = now
				c.Bytes += uint64(len(packet.Payload))
				c.Lost, c.Repairs = uint64(max(g.high-g.first+1-g.got, 0)), g.Repairs
				if packet.Marker && fresh {
					c.Frames++
				}
				if stamped && fresh && len(c.Delays) < maxDelays {
					c.Delays = append(c.Delays, delay)
				}
			})
		})
	}
}

// offer makes the client's description, with all its candidates.
func (p *peer) offer(ctx context.Context, number int) (proto.Offer, error) {
	o := proto.Offer{PC: number, Tracks: []proto.Section{}, Seats: []proto.Seat{}}
	description, err := p.pc.CreateOffer(nil)
	if err != nil {
		return o, fmt.Errorf("vtest: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err = p.pc.SetLocalDescription(description); err != nil {
		return o, fmt.Errorf("vtest: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return o, ctx.Err()
	}
	o.SDP = p.pc.LocalDescription().SDP
	for source, tr := range p.sends {
		o.Tracks = append(o.Tracks, proto.Section{MID: tr.Mid(), Source: source})
	}
	for _, seat := range p.seats {
		mids := proto.Seat{A: seat[0].Mid()}
		if seat[1] != nil {
			mids.V = seat[1].Mid()
		}
		o.Seats = append(o.Seats, mids)
	}
	return o, nil
}

func (p *peer) answer(sdp string) error {
	err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp})
	if err != nil {
		return fmt.Errorf("vtest: %w", err)
	}
	return nil
}

// connected asks the DTLS transport: two goroutines compute pc.ConnectionState, and the one that looked earlier may be the
// last to write.
func (p *peer) connected() bool {
	return p.pc.SCTP().Transport().State() == webrtc.DTLSTransportStateConnected
}

// close ends everything and waits for it. Idempotent.
func (p *peer) close() {
	p.once.Do(func() { close(p.stop) })
	_ = p.pc.GracefulClose() // nothing is left either way
	p.wg.Wait()
}
