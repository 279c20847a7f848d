package bench

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	packetSize = 1100 // bytes of a full video payload
	frameTime  = time.Second / 30
	audioTime  = 20 * time.Millisecond
	audioSize  = 80
	stampSize  = 8 // bytes at the end of a payload: the time it was sent
	headerSize = 14
)

// origin is the zero of the stamps.
var origin = time.Now()

// publisher sends video frames in bursts, as browsers do, and audio.
type publisher struct {
	pc           *webrtc.PeerConnection
	resource     string
	video, audio *webrtc.TrackLocalStaticRTP
	frameBytes   int
	sent         atomic.Uint64
	wantKey      atomic.Bool
	connected    chan struct{}
	done         chan struct{} // closed when RTCP ends
}

func newPublisher(ctx context.Context, s *signaller, endpoint string, bitrate int) (*publisher, error) {
	pc, err := newPeer()
	if err != nil {
		return nil, err
	}
	p := &publisher{pc: pc, frameBytes: int(float64(bitrate) / 8 * frameTime.Seconds()), connected: make(chan struct{}), done: make(chan struct{})}
	if err := p.open(ctx, s, endpoint); err != nil {
		_ = pc.GracefulClose()
		return nil, err
	}
	return p, nil
}

func (p *publisher) open(ctx context.Context, s *signaller, endpoint string) error {
	var err error
	if p.video, err = webrtc.NewTrackLocalStaticRTP(videoCodec.RTPCodecCapability, "video", "bench"); err != nil {
		return err
	}
	if p.audio, err = webrtc.NewTrackLocalStaticRTP(audioCodec.RTPCodecCapability, "audio", "bench"); err != nil {
		return err
	}
	sendOnly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	if _, err := p.pc.AddTransceiverFromTrack(p.audio, sendOnly); err != nil {
		return err
	}
	video, err := p.pc.AddTransceiverFromTrack(p.video, sendOnly)
	if err != nil {
		return err
	}
	p.wantKey.Store(true)
	p.pc.OnConnectionStateChange(whenConnected(p.connected))
	if p.resource, err = s.exchange(ctx, p.pc, endpoint); err != nil {
		return err
	}
	go p.readRTCP(video.Sender())
	return waitFor(ctx, p.connected)
}

// readRTCP hears requests for key frames.
func (p *publisher) readRTCP(s *webrtc.RTPSender) {
	defer close(p.done)
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.wantKey.Store(true)
			}
		}
	}
}

// send sends until ctx ends.
func (p *publisher) send(ctx context.Context) {
	video, audio := time.NewTicker(frameTime), time.NewTicker(audioTime)
	defer video.Stop()
	defer audio.Stop()
	var frame, voice uint32
	var seq uint16
	buf := make([]byte, packetSize)
	for {
		select {
		case <-ctx.Done():
			return
		case <-video.C:
			seq = p.frame(frame, seq, buf)
			frame++
		case <-audio.C:
			payload := buf[:audioSize]
			payload[0] = 0x78 // Opus TOC: CELT, 20 ms, mono (RFC 6716 §3.1)
			p.write(p.audio, &rtp.Header{Version: 2, SequenceNumber: uint16(voice), Timestamp: voice * 960}, payload)
			voice++
		}
	}
}

// frame sends one picture as packets of VP8 (RFC 7741) and returns the next sequence number.
func (p *publisher) frame(n uint32, seq uint16, buf []byte) uint16 {
	key := p.wantKey.Swap(false)
	for left := p.frameBytes; left > 0; left -= packetSize {
		payload := buf[:max(headerSize+stampSize, min(left, packetSize))]
		first, last := left == p.frameBytes, left <= packetSize
		copy(payload, []byte{0x80, 0x80, 0x80 | byte(n>>8&0x7f), byte(n), 0x01, 0, 0}) // X, I, 15 bits of picture id; a delta frame
		if first {
			payload[0] |= 0x10 // S: the first partition begins
		}
		if first && key { // RFC 6386 §9.1: a key frame of 640 × 360
			copy(payload[4:], []byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01})
		}
		p.write(p.video, &rtp.Header{Version: 2, Marker: last, SequenceNumber: seq, Timestamp: n * 3000}, payload)
		seq++
	}
	return seq
}

func (p *publisher) write(t *webrtc.TrackLocalStaticRTP, h *rtp.Header, payload []byte) {
	binary.BigEndian.PutUint64(payload[len(payload)-stampSize:], uint64(time.Since(origin)))
	if t.WriteRTP(&rtp.Packet{Header: *h, Payload: payload}) == nil {
		p.sent.Add(1)
	}
}

func (p *publisher) close(s *signaller) {
	s.leave(p.resource)
	_ = p.pc.GracefulClose()
	<-p.done
}
