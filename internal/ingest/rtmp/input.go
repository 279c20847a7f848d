package rtmp

import (
	"fmt"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/media"
)

// connect leads what the reader reads into the room.
func connect(in *intake.Input, r *gortmplib.Reader) {
	for _, t := range r.Tracks() {
		if t.Codec.IsVideo() {
			video(in, r, t)
		} else {
			audio(in, r, t)
		}
	}
}

func video(in *intake.Input, r *gortmplib.Reader, t *gortmplib.Track) {
	switch c := t.Codec.(type) {
	case *codecs.H264:
		if f := in.Video(media.H264, c.SPS, c.PPS); f != nil {
			r.OnDataH264(t, gortmplib.OnDataH26xFunc(f))
		}
	case *codecs.H265:
		if f := in.Video(media.H265, c.VPS, c.SPS, c.PPS); f != nil {
			r.OnDataH265(t, gortmplib.OnDataH26xFunc(f))
		}
	case *codecs.AV1:
		if f := in.Video(media.AV1); f != nil {
			r.OnDataAV1(t, func(pts time.Duration, tu [][]byte) { f(pts, pts, tu) })
		}
	case *codecs.VP9:
		if f := in.Video(media.VP9); f != nil {
			r.OnDataVP9(t, single(f))
		}
	}
}

func audio(in *intake.Input, r *gortmplib.Reader, t *gortmplib.Track) {
	switch c := t.Codec.(type) {
	case *codecs.Opus:
		if f := in.Sound(media.Opus); f != nil {
			r.OnDataOpus(t, single(f))
		}
	case *codecs.MPEG4Audio:
		if c.Config == nil {
			return // nobody knows what it is
		}
		if f := in.Foreign(&tscodecs.MPEG4Audio{Config: *c.Config}, "AAC sound"); f != nil {
			r.OnDataMPEG4Audio(t, single(f))
		}
	case *codecs.MPEG1Audio:
		if f := in.Foreign(&tscodecs.MPEG1Audio{}, "MP3 sound"); f != nil {
			r.OnDataMPEG1Audio(t, single(f))
		}
	case *codecs.AC3:
		if f := in.Foreign(&tscodecs.AC3{SampleRate: c.SampleRate, ChannelCount: c.ChannelCount}, "AC-3 sound"); f != nil {
			r.OnDataAC3(t, single(f))
		}
	default:
		in.Left(fmt.Sprintf("%T", t.Codec))
	}
}

// single is for units of one element.
func single(f intake.Frame) func(pts time.Duration, b []byte) {
	return func(pts time.Duration, b []byte) { f(pts, pts, [][]byte{b}) }
}
