package live

import (
	"context"
	"time"

	"veche.example/internal/egress/segment"
	"veche.example/internal/local"
	"veche.example/internal/media"
	"veche.example/internal/session"
)

const (
	// still: a picture that has not changed for so long stands for more than itself.
	still = time.Second
	// patience: without a picture for so long from the beginning, it is black.
	patience = 2500 * time.Millisecond
	// filler is how often a picture is repeated while none comes.
	filler = 400 * time.Millisecond
	// askPause lies between two requests for key frames.
	askPause = 500 * time.Millisecond
)

// picture is the way of the video. It belongs to the output's goroutine.
type picture struct {
	o     *Output
	epoch int // of all tracks
	begun bool

	codec media.Codec
	order segment.Order
	units *segment.Assembler
	clock segment.Clock

	config  *segment.Config
	keyed   []byte // the last key frame, of config
	broken  bool   // needs a key frame
	filling bool   // what is shown is repeated
	lag     time.Duration
	asked   int64 // when a key frame was asked for
	opened  int64

	converter *pictureConverter
	converted chan picked
}

// picked is a unit with its time.
type picked struct {
	pts  time.Duration
	unit segment.Unit
}

func newPicture(o *Output, base int) *picture {
	return &picture{o: o, epoch: base, broken: true, clock: segment.Clock{Rate: 90000}, opened: media.Now(), converted: make(chan picked, 64)}
}

// packet takes what the seat sends.
func (p *picture) packet(ctx context.Context, in local.Packet) {
	if in.Codec != p.codec || p.units == nil {
		units, err := segment.NewAssembler(in.Codec)
		if err != nil {
			p.o.fail(err)
			return
		}
		p.codec, p.units, p.order, p.broken = in.Codec, units, segment.Order{}, true
	}
	p.push(ctx, p.order.Push(segment.Packet{
		Seq: in.Seq, Timestamp: in.Timestamp, Marker: in.Marker, Arrival: in.Arrival, Payload: in.Payload,
	}))
}

func (p *picture) push(ctx context.Context, list []segment.Packet) {
	for _, in := range list {
		u, ok, lost := p.units.Push(in)
		p.broken = p.broken || lost
		if !ok {
			continue
		}
		_, slot := p.o.viewer.Slots(0)
		at, reported := captured(slot, u.Timestamp, 90000)
		pts := p.clock.Place(u.Timestamp, u.Arrival, at, reported) - time.Duration(p.o.zero)
		if u.Codec == media.VP8 {
			p.convert(ctx, pts, u)
			continue
		}
		p.take(picked{pts, u})
	}
}

// convert hands VP8, which no player of HLS takes, to ffmpeg.
func (p *picture) convert(ctx context.Context, pts time.Duration, u segment.Unit) {
	_, key, _, err := segment.Describe(u)
	if err != nil || p.broken && !key {
		return
	}
	p.broken = false
	if p.converter == nil {
		if p.converter, err = newPictureConverter(ctx, p.o, p.converted); err != nil {
			p.converter = nil
			p.o.missing.Store(&err)
			p.o.fail(err)
			return
		}
	}
	p.converter.write(pts, u.Data[0])
}

// take takes a unit of a codec that passes.
func (p *picture) take(in picked) {
	data, key, c, err := segment.Describe(in.unit)
	if err != nil || len(data) == 0 {
		return
	}
	own := in.unit.Codec == media.H264 && p.codec == media.VP8 // what the converter gives is never broken
	if !key && (p.broken && !own || p.filling) {
		return
	}
	if key {
		switch {
		case c != nil && (p.config == nil || c.Key != p.config.Key) || p.filling && p.begun:
			if c == nil {
				c = p.config
			}
			if !p.begin(c, in.pts) {
				return
			}
		case p.config == nil:
			return // it cannot be described
		}
		if !own {
			p.broken = false
		}
		p.filling, p.keyed = false, data
	}
	if p.config == nil {
		return
	}
	p.lag = max(p.o.line(media.Now())-in.pts, p.lag-p.lag/64)
	p.o.video.Add(segment.Frame{PTS: in.pts, Key: key, Data: data})
	if p.o.video.WantsKey() {
		p.ask()
	}
}

// begin begins an epoch of all tracks.
func (p *picture) begin(c *segment.Config, at time.Duration) bool {
	if end := p.o.video.End(); at < end {
		at = end
	}
	p.o.video.Flush(at)
	p.epoch++
	p.begun = true
	if err := p.o.video.Begin(p.epoch, at, c); err != nil {
		p.o.fail(err)
		return false
	}
	p.config = c
	p.o.sounds.begin(p.epoch, at)
	return true
}

// ask asks the publisher for a key frame, not too often.
func (p *picture) ask() {
	if now := media.Now(); now-p.asked > int64(askPause) {
		p.asked = now
		p.o.viewer.KeyFrame(0)
	}
}

// tick looks at what does not come.
func (p *picture) tick(now int64) {
	if p.units != nil {
		p.push(context.Background(), p.order.Expire(now))
	}
	if p.broken || p.filling {
		p.ask()
	}
	at := p.o.line(now)
	switch since, waits := p.o.video.Waits(); {
	case !p.begun:
		if time.Duration(now-p.opened) > patience {
			p.fill(at)
		}
	case waits && !p.filling && at-p.lag-since > still:
		p.o.video.Flush(at - p.lag)
		p.fill(at)
	case !waits || p.filling:
		if at-p.lag-p.o.video.End() > filler {
			p.fill(at)
		}
	}
}

// fill repeats the last picture, or shows black where none is meant to be seen.
func (p *picture) fill(at time.Duration) {
	until := at - p.lag
	if c, data, ok := p.substitute(); ok && !p.begin(c, max(p.o.video.End(), until-filler)) {
		return
	} else if ok {
		p.keyed = data
	}
	p.filling = true
	from := max(p.o.video.End(), until-still)
	if until > from && len(p.keyed) > 0 {
		p.o.video.Add(segment.Frame{PTS: from, Key: true, Data: p.keyed})
		p.o.video.Flush(until)
	}
}

// substitute is the black picture, if that is what has to be shown and is not.
func (p *picture) substitute() (*segment.Config, []byte, bool) {
	s := p.o.seat.Load()
	off := s == nil || s.Video == session.SeatMuted || s.Video == session.SeatNone
	if p.config != nil && !off {
		return nil, nil, false
	}
	data, c, err := segment.Black()
	if err != nil {
		p.o.fail(err)
		return nil, nil, false
	}
	if p.config != nil && p.config.Key == c.Key {
		return nil, nil, false
	}
	return c, data, true
}

func (p *picture) close() {
	if p.converter != nil {
		p.converter.close()
	}
}
