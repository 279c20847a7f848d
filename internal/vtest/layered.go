package vtest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"veche.example/internal/signal/native/proto"
)

const (
	extMID   = "urn:ietf:params:rtp-hdrext:sdes:mid"
	extRID   = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	extRRID  = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	extLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

	mtu = 1200
	// silence is the audio level of nothing (RFC 6464).
	silence = 127
)

// encodings are the rids of a bot with layers, the smallest first, and what is sent on each.
var encodings = []struct {
	rid  string
	film *[]media.Sample
}{{"l", &small}, {"m", &clip}, {"h", &large}}

// encoding is one that a bot sends, and its packets.
type encoding struct {
	track  *webrtc.TrackLocalStaticRTP
	pack   rtp.Packetizer
	again  atomic.Bool // somebody wants a key frame
	wanted atomic.Bool // the server says that somebody watches
	frames atomic.Uint64
}

// layers publishes the camera in three encodings, and stops those that nobody watches.
func (p *peer) layers() error {
	var tr *webrtc.RTPTransceiver
	for _, e := range encodings {
		t, err := webrtc.NewTrackLocalStaticRTP(vp8, "camera", "bot", webrtc.WithRTPStreamID(e.rid))
		if err != nil {
			return err
		}
		if tr == nil {
			tr, err = p.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		} else {
			err = tr.Sender().AddEncoding(t)
		}
		if err != nil {
			return err
		}
		enc := &encoding{
			track: t,
			pack:  rtp.NewPacketizer(mtu, 0, 0, &codecs.VP8Payloader{EnablePictureID: true}, rtp.NewRandomSequencer(), vp8.ClockRate),
		}
		enc.wanted.Store(true)
		p.encodings = append(p.encodings, enc)
	}
	p.sends["camera"] = tr
	for i, enc := range p.encodings {
		p.wg.Go(func() { p.heed(tr.Sender(), encodings[i].rid, enc) })
		p.wg.Go(func() { p.film(tr, encodings[i].rid, enc, *encodings[i].film) })
	}
	return nil
}

// heed reads the feedback of an encoding.
func (p *peer) heed(s *webrtc.RTPSender, rid string, enc *encoding) {
	for {
		list, _, err := s.ReadSimulcastRTCP(rid)
		if err != nil {
			return
		}
		ssrc := uint32(0)
		for _, e := range s.GetParameters().Encodings {
			if e.RID == rid {
				ssrc = uint32(e.SSRC)
			}
		}
		for _, packet := range list {
			switch packet := packet.(type) {
			case *rtcp.PictureLossIndication:
				if packet.MediaSSRC == ssrc {
					enc.again.Store(true)
				}
			case *rtcp.FullIntraRequest:
				if slices.ContainsFunc(packet.FIR, func(f rtcp.FIREntry) bool { return f.SSRC == ssrc }) {
					enc.again.Store(true)
				}
			}
		}
	}
}

// film sends an encoding while it is wanted, from a key frame on.
func (p *peer) film(tr *webrtc.RTPTransceiver, rid string, enc *encoding, loop []media.Sample) {
	clock := time.NewTicker(loop[0].Duration)
	defer clock.Stop()
	samples := uint32(loop[0].Duration.Seconds() * float64(vp8.ClockRate))
	for i := 0; ; i++ {
		select {
		case <-clock.C:
		case <-p.stop:
			return
		}
		if !enc.wanted.Load() {
			enc.pack.SkipSamples(samples)
			i = -1
			continue
		}
		if i == len(loop) || enc.again.Swap(false) {
			i = 0
		}
		enc.frames.Add(1)
		for _, packet := range enc.pack.Packetize(p.stamped(loop[i].Data), samples) {
			_ = p.name(tr, &packet.Header, extMID, tr.Mid())
			_ = p.name(tr, &packet.Header, extRID, rid)
			_ = enc.track.WriteRTP(packet) // before the connection is there and after its end nobody is there to tell
		}
	}
}

// name sets a header extension, if it was negotiated.
func (p *peer) name(tr *webrtc.RTPTransceiver, h *rtp.Header, uri, value string) error {
	for _, e := range tr.Sender().GetParameters().HeaderExtensions {
		if e.URI == uri {
			return h.SetExtension(uint8(e.ID), []byte(value))
		}
	}
	return errors.New("vtest: not negotiated")
}

// speak publishes a microphone that tells its level.
func (p *peer) speak() error {
	codec := opus
	if p.bot.RED {
		codec = red
	}
	t, err := webrtc.NewTrackLocalStaticRTP(codec, "mic", "bot")
	if err != nil {
		return err
	}
	tr, err := p.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	p.sends["mic"] = tr
	p.wg.Go(func() { p.listen(tr.Sender(), false) })
	p.wg.Go(func() { p.sound(tr, t) })
	return nil
}

// sound sends the tone with the level of the moment.
func (p *peer) sound(tr *webrtc.RTPTransceiver, t *webrtc.TrackLocalStaticRTP) {
	clock := time.NewTicker(tone[0].Duration)
	defer clock.Stop()
	pack := rtp.NewPacketizer(mtu, 0, 0, &codecs.OpusPayloader{}, rtp.NewRandomSequencer(), opus.ClockRate)
	pack.SkipSamples(rand.Uint32())
	loop, wrap := tone, func(_, b []byte) []byte { return b }
	if p.bot.RED {
		loop, wrap = speech, redundant
	}
	for i := 0; ; i++ {
		select {
		case <-clock.C:
		case <-p.stop:
			return
		}
		payload := wrap(loop[(i+len(loop)-1)%len(loop)].Data, loop[i%len(loop)].Data)
		for _, packet := range pack.Packetize(payload, opus.ClockRate/50) {
			_ = p.name(tr, &packet.Header, extLevel, string(byte(p.level.Load())))
			_ = t.WriteRTP(packet) // as above
		}
	}
}

// obey stops and resumes encodings as the server wishes.
func (p *peer) obey(tracks []proto.LayersTrack) {
	for _, t := range tracks {
		if t.Source != "camera" {
			continue
		}
		for i, enc := range p.encodings {
			enc.wanted.Store(slices.Contains(t.Wanted, i))
		}
	}
}

// Speak sets the level of a bot with Levels: 0 is the loudest, 127 silence.
func (c *Client) Speak(level int) {
	c.level.Store(int32(level))
	c.offers.Lock()
	defer c.offers.Unlock()
	if c.peer != nil {
		c.peer.level.Store(int32(level))
	}
}

// Sent is how many pictures a bot with Layers has sent in each encoding, the smallest first.
func (c *Client) Sent() []uint64 {
	c.offers.Lock()
	defer c.offers.Unlock()
	if c.peer == nil {
		return nil
	}
	var out []uint64
	for _, e := range c.peer.encodings {
		out = append(out, e.frames.Load())
	}
	return out
}
