package intake

import (
	"time"

	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"veche.example/internal/ingest/feed"
	"veche.example/internal/media"
	"veche.example/internal/room"
)

// Input is the way from a protocol's tracks to a stream's feed: at most one picture and one sound, which is what a member
// of a room has. It belongs to the goroutine that reads the stream.
type Input struct {
	s            *Stream
	closers      []func()
	video, audio bool
	err          error
}

// Frame takes what belongs to one point in time.
type Frame func(pts, dts time.Duration, data [][]byte)

// Input makes the way of a stream; Close ends it.
func (s *Stream) Input() *Input { return &Input{s: s} }

// Err is why the stream cannot go on, nil while it can.
func (in *Input) Err() error { return in.err }

// Close ends the tracks.
func (in *Input) Close() {
	for _, f := range in.closers {
		f()
	}
}

// Video takes the first video track, with parameter sets that came beside it; nil if there is one already.
func (in *Input) Video(c media.Codec, sets ...[]byte) Frame {
	if in.video {
		in.Left(c.String())
		return nil
	}
	in.video = true
	p := in.s.Picture(c, !in.s.H265, sets...)
	in.closers = append(in.closers, p.Close)
	return func(pts, dts time.Duration, data [][]byte) {
		if err := p.Write(feed.Unit{PTS: pts, DTS: dts, Data: data}); err != nil {
			in.err = err
		}
	}
}

// Sound takes the first audio track, of a codec that browsers have; nil if there is one already, or it cannot be.
func (in *Input) Sound(c media.Codec) Frame {
	if in.audio {
		in.Left(c.String())
		return nil
	}
	line, err := in.s.Open(room.SourceMic, c)
	if err != nil {
		in.s.Log.Warn("sound left out", "error", err)
		return nil
	}
	in.audio = true
	in.closers = append(in.closers, line.Close)
	return func(pts, dts time.Duration, data [][]byte) {
		if err := line.Write(feed.Unit{PTS: pts, DTS: dts, Data: data}); err != nil {
			in.s.Log.Debug("sound left out", "error", err)
		}
	}
}

// Foreign takes the first audio track, of a codec that becomes Opus by ffmpeg; what names it for the operator. nil as by
// Sound.
func (in *Input) Foreign(c tscodecs.Codec, what string) Frame {
	if in.audio {
		in.Left(what)
		return nil
	}
	f, err := in.s.Convert(room.SourceMic, c, what)
	if err != nil {
		in.s.Log.Warn("sound left out", "error", err)
		return nil
	}
	in.audio = true
	in.closers = append(in.closers, f.Close)
	return func(pts, dts time.Duration, data [][]byte) { f.Write(feed.Unit{PTS: pts, DTS: dts, Data: data}) }
}

// Left says that a track has no place.
func (in *Input) Left(what string) { in.s.Log.Info("a track is left out", "codec", what) }

// Empty tells whether nothing of the stream can be shown.
func (in *Input) Empty() bool { return !in.video && !in.audio }
