package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// sample is how many packets stand for one whose latency is kept.
const sample = 16

// subscriber receives and counts.
type subscriber struct {
	pc       *webrtc.PeerConnection
	resource string
	media    chan struct{} // closed at the first packet
	once     sync.Once
	wg       sync.WaitGroup // one reader per track

	mu        sync.Mutex // guards the following
	counting  bool
	received  uint64
	streams   []*stream
	latencies []time.Duration
}

// stream is the sequence numbers of one track.
type stream struct {
	begun       bool
	first, high int64 // unwrapped
	got         int64
}

func newSubscriber(ctx context.Context, s *signaller, endpoint string) (*subscriber, error) {
	pc, err := newPeer()
	if err != nil {
		return nil, err
	}
	sub := &subscriber{pc: pc, media: make(chan struct{})}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { sub.wg.Go(func() { sub.read(t) }) })
	recvOnly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err = pc.AddTransceiverFromKind(kind, recvOnly); err != nil {
			return nil, errors.Join(err, pc.GracefulClose())
		}
	}
	if sub.resource, err = s.exchange(ctx, pc, endpoint); err != nil {
		return nil, errors.Join(err, pc.GracefulClose())
	}
	return sub, nil
}

func (s *subscriber) waitMedia(ctx context.Context) error { return waitFor(ctx, s.media) }

func (s *subscriber) read(t *webrtc.TrackRemote) {
	st := &stream{}
	s.mu.Lock()
	s.streams = append(s.streams, st)
	s.mu.Unlock()
	buf := make([]byte, 1500)
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		if n < 12+stampSize {
			continue
		}
		now := time.Since(origin)
		s.once.Do(func() { close(s.media) })
		s.count(st, binary.BigEndian.Uint16(buf[2:]), now-time.Duration(binary.BigEndian.Uint64(buf[n-stampSize:n])))
	}
}

func (s *subscriber) count(st *stream, seq uint16, latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.counting {
		return
	}
	if !st.begun {
		st.begun, st.first, st.high = true, int64(seq), int64(seq)-1
	}
	n := st.high + int64(int16(seq-uint16(st.high)))
	st.high = max(st.high, n)
	st.got++
	if s.received%sample == 0 {
		s.latencies = append(s.latencies, latency)
	}
	s.received++
}

func (s *subscriber) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counting = true
}

// end stops counting.
func (s *subscriber) end() (received, lost uint64, latencies []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counting = false
	for _, st := range s.streams {
		if missing := st.high - st.first + 1 - st.got; st.begun && missing > 0 {
			lost += uint64(missing)
		}
	}
	return s.received, lost, s.latencies
}

func (s *subscriber) close(c *signaller) {
	c.leave(s.resource)
	_ = s.pc.GracefulClose()
	s.wg.Wait()
}

// waitFor waits for a channel to be closed, with patience.
func waitFor(ctx context.Context, c <-chan struct{}) error {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return errors.New("no media after 15 s")
	}
}

func whenConnected(c chan struct{}) func(webrtc.PeerConnectionState) {
	var once sync.Once
	return func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(c) })
		}
	}
}
