package rtmp

import (
	"fmt"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"

	"veche.example/internal/ingest/feed"
	"veche.example/internal/ingest/intake"
	"veche.example/internal/media"
	"veche.example/internal/room"
)

// input is the way from what the reader reads to the feed. It belongs to the connection's goroutine.
type input struct {
	stream  *intake.Stream
	closers []func()
	err     error // why the stream cannot go on
}

// newInput connects the first video and the first audio track; others have no place in a room.
func newInput(s *intake.Stream, r *gortmplib.Reader) *input {
	in := &input{stream: s}
	var video, audio bool
	for _, t := range r.Tracks() {
		switch {
		case t.Codec.IsVideo() && !video:
			video = true
			in.video(r, t)
		case !t.Codec.IsVideo() && !audio:
			audio = true
			if err := in.audio(r, t); err != nil {
				s.Log.Warn("sound left out", "error", err)
			}
		default:
			s.Log.Info("a further track is left out", "codec", fmt.Sprintf("%T", t.Codec))
		}
	}
	return in
}

func (in *input) close() {
	for _, f := range in.closers {
		f()
	}
}

func (in *input) video(r *gortmplib.Reader, t *gortmplib.Track) {
	begin := func(c media.Codec, sets ...[]byte) func(pts, dts time.Duration, data [][]byte) {
		p := in.stream.Picture(c, !in.stream.H265, sets...)
		in.closers = append(in.closers, p.Close)
		return func(pts, dts time.Duration, data [][]byte) {
			if err := p.Write(feed.Unit{PTS: pts, DTS: dts, Data: data}); err != nil {
				in.err = err
			}
		}
	}
	switch c := t.Codec.(type) {
	case *codecs.H264:
		r.OnDataH264(t, begin(media.H264, c.SPS, c.PPS))
	case *codecs.H265:
		r.OnDataH265(t, begin(media.H265, c.VPS, c.SPS, c.PPS))
	case *codecs.AV1:
		write := begin(media.AV1)
		r.OnDataAV1(t, func(pts time.Duration, tu [][]byte) { write(pts, pts, tu) })
	case *codecs.VP9:
		write := begin(media.VP9)
		r.OnDataVP9(t, func(pts time.Duration, frame []byte) { write(pts, pts, [][]byte{frame}) })
	}
}

func (in *input) audio(r *gortmplib.Reader, t *gortmplib.Track) error {
	switch c := t.Codec.(type) {
	case *codecs.Opus:
		write, err := in.direct(media.Opus)
		if err != nil {
			return err
		}
		r.OnDataOpus(t, write)
	case *codecs.MPEG4Audio:
		if c.Config == nil {
			return feed.ErrUnsupported
		}
		write, err := in.foreign(&mpegts.CodecMPEG4Audio{Config: *c.Config}, "AAC sound")
		if err != nil {
			return err
		}
		r.OnDataMPEG4Audio(t, write)
	case *codecs.MPEG1Audio:
		write, err := in.foreign(&mpegts.CodecMPEG1Audio{}, "MP3 sound")
		if err != nil {
			return err
		}
		r.OnDataMPEG1Audio(t, write)
	case *codecs.AC3:
		write, err := in.foreign(&mpegts.CodecAC3{SampleRate: c.SampleRate, ChannelCount: c.ChannelCount}, "AC-3 sound")
		if err != nil {
			return err
		}
		r.OnDataAC3(t, write)
	default:
		return fmt.Errorf("%w: %T", feed.ErrUnsupported, t.Codec)
	}
	return nil
}

// direct is for sound that goes on as it is.
func (in *input) direct(c media.Codec) (func(time.Duration, []byte), error) {
	line, err := in.stream.Open(room.SourceMic, c)
	if err != nil {
		return nil, err
	}
	in.closers = append(in.closers, line.Close)
	return func(pts time.Duration, b []byte) {
		if err := line.Write(feed.Unit{PTS: pts, DTS: pts, Data: [][]byte{b}}); err != nil {
			in.stream.Log.Debug("sound left out", "error", err)
		}
	}, nil
}

// foreign is for sound that becomes Opus.
func (in *input) foreign(c mpegts.Codec, what string) (func(time.Duration, []byte), error) {
	f, err := in.stream.Convert(room.SourceMic, c, what)
	if err != nil {
		return nil, err
	}
	in.closers = append(in.closers, f.Close)
	return func(pts time.Duration, b []byte) { f.Write(feed.Unit{PTS: pts, DTS: pts, Data: [][]byte{b}}) }, nil
}
