// Package rtsp takes streams by RTSP (RFC 2326): from encoders that push, and from cameras that are called.
//
//	TCP ─ Server ─ gortsplib ─┐
//	Pull ─ gortsplib ─────────┴▶ frames ─▶ intake ─▶ feed ─▶ the room
package rtsp

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/pion/rtp"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/media"
)

// errEmpty: the stream has nothing that a room can show.
var errEmpty = errors.New("rtsp: neither sound nor picture of a known kind")

// source is the receiving side of a session, either way.
type source interface {
	OnPacketRTP(m *description.Media, f format.Format, take func(*rtp.Packet))
	PacketPTS(m *description.Media, p *rtp.Packet) (int64, bool)
}

// track is one of a session's tracks. Its packets come from one goroutine.
type track struct {
	from  source
	media *description.Media
	rate  int
}

// connect leads the tracks of a session into a room.
func connect(in *intake.Input, from source, list []*description.Media) error {
	for _, m := range list {
		for _, f := range m.Formats {
			t := &track{from, m, f.ClockRate()}
			take, err := t.taker(in, f)
			if err != nil {
				return err
			}
			if take != nil {
				from.OnPacketRTP(m, f, take)
			}
		}
	}
	if in.Empty() {
		return errEmpty
	}
	return nil
}

// taker makes what takes a track's packets; nil if it has no place.
func (t *track) taker(in *intake.Input, f format.Format) (func(*rtp.Packet), error) {
	switch f := f.(type) {
	case *format.H264:
		sps, pps := f.SPS, f.PPS
		dts := &h264.DTSExtractor{}
		dts.Initialize()
		return take(t, in.Video(media.H264, sps, pps), f.CreateDecoder, &order{dts: dts, sets: [][]byte{sps, pps}})
	case *format.H265:
		vps, sps, pps := f.VPS, f.SPS, f.PPS
		dts := &h265.DTSExtractor{}
		dts.Initialize()
		return take(t, in.Video(media.H265, vps, sps, pps), f.CreateDecoder, &order{dts: dts, sets: [][]byte{vps, sps, pps}})
	case *format.AV1:
		return take(t, in.Video(media.AV1), f.CreateDecoder, nil)
	case *format.VP8:
		return take1(t, in.Video(media.VP8), f.CreateDecoder)
	case *format.VP9:
		return take1(t, in.Video(media.VP9), f.CreateDecoder)
	case *format.Opus:
		return take1(t, in.Sound(media.Opus), f.CreateDecoder)
	case *format.G722:
		return take1(t, in.Sound(media.G722), f.CreateDecoder)
	case *format.G711:
		return t.g711(in, f), nil
	case *format.MPEG4Audio:
		if f.Config == nil {
			return nil, nil
		}
		return take(t, in.Foreign(&tscodecs.MPEG4Audio{Config: *f.Config}, "AAC sound"), f.CreateDecoder, nil)
	case *format.MPEG1Audio:
		return take(t, in.Foreign(&tscodecs.MPEG1Audio{}, "MP3 sound"), f.CreateDecoder, nil)
	}
	in.Left(fmt.Sprintf("%T", f))
	return nil, nil
}

// g711 passes packets on: they need no unpacking (RFC 3551 §4.5.14).
func (t *track) g711(in *intake.Input, f *format.G711) func(*rtp.Packet) {
	c := media.PCMA
	if f.MULaw {
		c = media.PCMU
	}
	if f.SampleRate != int(c.ClockRate()) || f.ChannelCount != 1 {
		in.Left("G.711 of another rate")
		return nil
	}
	out := in.Sound(c)
	if out == nil {
		return nil
	}
	return func(p *rtp.Packet) {
		if pts, ok := t.pts(p); ok {
			out(pts, pts, [][]byte{p.Payload})
		}
	}
}

func (t *track) pts(p *rtp.Packet) (time.Duration, bool) {
	ticks, ok := t.from.PacketPTS(t.media, p)
	if !ok || t.rate <= 0 { // no report of the sender yet
		return 0, false
	}
	r := int64(t.rate)
	return time.Duration(ticks/r)*time.Second + time.Duration(ticks%r)*time.Second/time.Duration(r), true
}

// order tells in which order pictures are decoded, which RTP does not.
type order struct {
	dts interface {
		Extract(au [][]byte, pts int64) (int64, error)
	}
	sets  [][]byte // parameter sets that came beside the stream
	begun bool
}

// of is an access unit's decoding time; false before the first one that decoding can begin with.
func (o *order) of(au [][]byte, pts time.Duration) (time.Duration, bool) {
	if o == nil {
		return pts, true
	}
	if !o.begun {
		var all [][]byte
		for _, s := range o.sets {
			if len(s) > 0 {
				all = append(all, s)
			}
		}
		au = append(all, au...)
	}
	at, err := o.dts.Extract(au, int64(pts))
	o.begun = o.begun || err == nil
	return time.Duration(at), err == nil
}

// unpack is a decoder of gortsplib: an error means that there is nothing yet, or that something was lost.
type unpack[T any] interface{ Decode(*rtp.Packet) (T, error) }

func take[D unpack[[][]byte]](t *track, out intake.Frame, create func() (D, error), o *order) (func(*rtp.Packet), error) {
	if out == nil {
		return nil, nil
	}
	d, err := create()
	if err != nil {
		return nil, err
	}
	return func(p *rtp.Packet) {
		pts, ok := t.pts(p) // of each packet: the first one of a picture is what the clock begins with
		data, err := d.Decode(p)
		if err != nil || !ok {
			return
		}
		if dts, ok := o.of(data, pts); ok {
			out(pts, dts, data)
		}
	}, nil
}

func take1[D unpack[[]byte]](t *track, out intake.Frame, create func() (D, error)) (func(*rtp.Packet), error) {
	if out == nil {
		return nil, nil
	}
	d, err := create()
	if err != nil {
		return nil, err
	}
	return func(p *rtp.Packet) {
		pts, ok := t.pts(p)
		data, err := d.Decode(p)
		if err == nil && ok {
			out(pts, pts, [][]byte{data})
		}
	}, nil
}
