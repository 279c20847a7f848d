package live

import (
	"context"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"veche.example/internal/egress/segment"
	"veche.example/internal/local"
	"veche.example/internal/media"
)

const (
	// frame is one of silence.
	frame = 20 * time.Millisecond
	// quiet: without sound for so long, there is silence.
	quiet = 400 * time.Millisecond
	// slack is by how much sound may be early or late before it is moved.
	slack = 40 * time.Millisecond
	// longest is what one packet of Opus lasts at most (RFC 6716 §3.2.5).
	longest = 120 * time.Millisecond
)

// sound is the way of the audio. It belongs to the output's goroutine.
type sound struct {
	o     *Output
	order segment.Order
	clock segment.Clock

	begun   bool
	end     time.Duration // of what has been added
	arrived int64         // the last packet
	lag     time.Duration
	epoch   int

	aac   *soundConverter
	aacOn bool // aac is described
}

// begin begins an epoch of the sound, with the picture's.
func (s *sound) begin(epoch int, at time.Duration) {
	if err := s.o.opus.Begin(epoch, at, segment.Opus()); err != nil {
		s.o.fail(err)
	}
	s.epoch = epoch
	if !s.begun {
		s.begun, s.end, s.lag = true, at, 200*time.Millisecond
	}
	if s.aacOn {
		s.describeAAC(at)
	}
}

// packet takes what the seat sends.
func (s *sound) packet(in local.Packet) {
	if in.Codec != media.Opus {
		s.o.fail(errSound(in.Codec))
		return
	}
	s.push(s.order.Push(segment.Packet{Seq: in.Seq, Timestamp: in.Timestamp, Arrival: in.Arrival, Payload: in.Payload}))
}

func (s *sound) push(list []segment.Packet) {
	for _, in := range list {
		d := time.Duration(opus.PacketDuration2(in.Payload)) * time.Second / 48000
		if d <= 0 || d > longest {
			continue
		}
		slot, _ := s.o.viewer.Slots(0)
		at, reported := captured(slot, in.Timestamp, 48000)
		pts := s.clock.Place(in.Timestamp, in.Arrival, at, reported) - time.Duration(s.o.zero)
		s.arrived = in.Arrival
		s.lag = max(s.o.line(in.Arrival)-pts, s.lag-s.lag/256)
		if !s.begun || pts < s.end-slack {
			continue
		}
		s.silence(pts - slack)
		s.add(in.Payload, d)
	}
}

// silence fills the time until then.
func (s *sound) silence(until time.Duration) {
	for s.begun && s.end+frame <= until {
		s.add(segment.Silence(), frame)
	}
}

func (s *sound) add(data []byte, d time.Duration) {
	s.o.opus.Add(segment.Frame{PTS: s.end, Duration: d, Data: data})
	if s.aac != nil {
		s.aac.write(s.end, data)
	}
	s.end += d
}

// tick looks at what does not come, and at what is wanted.
func (s *sound) tick(ctx context.Context, now int64) {
	s.push(s.order.Expire(now))
	if time.Duration(now-s.arrived) > quiet {
		s.silence(s.o.line(now) - s.lag)
	}
	if s.aac == nil && s.begun && s.o.wantAAC.Load() {
		var err error
		if s.aac, err = newSoundConverter(ctx, s.o); err != nil {
			s.o.wantAAC.Store(false)
			s.o.fail(err)
		}
	}
}

// converted is where AAC comes from.
func (s *sound) converted() <-chan segment.Frame {
	if s.aac == nil {
		return nil
	}
	return s.aac.out
}

// takeAAC takes a frame of AAC, whose time is close to where the last one ended.
func (s *sound) takeAAC(f segment.Frame) {
	if !s.aacOn {
		s.aacOn = true
		s.describeAAC(f.PTS)
	}
	end := s.o.aac.End()
	if d := f.PTS - end; d < slack && d > -slack {
		f.PTS = end
	}
	s.o.aac.Add(f)
}

func (s *sound) describeAAC(at time.Duration) {
	if err := s.o.aac.Begin(s.epoch, at, aacConfig()); err != nil {
		s.o.fail(err)
	}
}

func (s *sound) close() {
	if s.aac != nil {
		s.aac.close()
	}
}
