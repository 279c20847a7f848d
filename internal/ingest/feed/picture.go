package feed

import (
	"errors"

	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"veche.example/internal/ffmpeg"
	"veche.example/internal/media"
	"veche.example/internal/room"
)

// Picture is video of any of the codecs that streams have: it goes on as it is, or by way of a conversion when it has
// B-frames, which no browser expects in RTP, or is to be H.264. Its methods are called by one goroutine.
type Picture struct {
	f       *Feed
	codec   media.Codec
	convert bool
	sets    [][]byte
	line    *Line
	foreign *Foreign
	err     error
}

// Picture begins video; sets are parameter sets that came beside the stream. With convert, H.265 becomes H.264 if that is
// possible.
func (f *Feed) Picture(c media.Codec, convert bool, sets ...[]byte) *Picture {
	return &Picture{f: f, codec: c, convert: convert && c == media.H265, sets: sets}
}

// Write takes one access unit. An error is final: the stream cannot be shown, and why is in words for the operator.
func (p *Picture) Write(u Unit) error {
	if p.err != nil {
		return p.err
	}
	if p.foreign == nil && (p.convert || u.PTS != u.DTS) {
		p.err = p.divert(u.PTS != u.DTS)
	}
	if p.err == nil && p.foreign == nil && p.line == nil {
		if p.line, p.err = p.f.Open(room.SourceCamera, p.codec); p.err == nil {
			p.line.Learn(p.sets...)
		}
	}
	switch {
	case p.err != nil:
		return p.err
	case p.foreign != nil:
		p.foreign.Write(u)
	default:
		if err := p.line.Write(u); err != nil {
			p.f.log.Debug("unit left out", "error", err)
		}
	}
	return nil
}

// divert begins a conversion.
func (p *Picture) divert(reordered bool) error {
	feature := "H.265 for browsers without it"
	if reordered {
		feature = "video with B-frames"
	}
	in := map[media.Codec]tscodecs.Codec{media.H264: &tscodecs.H264{}, media.H265: &tscodecs.H265{}}[p.codec]
	if in == nil { // the frames of VP9 and AV1 are in order
		return nil
	}
	foreign, err := p.f.Convert(room.SourceCamera, in, feature)
	if errors.Is(err, ffmpeg.ErrMissing) && !reordered {
		p.convert = false
		p.f.log.Warn("forwarded as it is", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if p.line != nil {
		p.line.Close()
		p.line = nil
	}
	foreign.sets = p.sets
	p.foreign = foreign
	return nil
}

// Codec is what the track has now, 0 before the first unit.
func (p *Picture) Codec() media.Codec {
	switch {
	case p.foreign != nil:
		return p.foreign.out
	case p.line != nil:
		return p.line.codec
	}
	return 0
}

// Close ends the track, and the conversion if there is one.
func (p *Picture) Close() {
	if p.foreign != nil {
		p.foreign.Close()
	} else if p.line != nil {
		p.line.Close()
	}
}
