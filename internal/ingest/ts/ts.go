// Package ts reads MPEG-TS (ISO 13818-1) into a room.
package ts

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"veche.example/internal/ingest/intake"
	"veche.example/internal/media"
)

// rate is the clock of MPEG-TS.
const rate = 90000

// ErrEmpty: the stream has nothing that a room can show.
var ErrEmpty = errors.New("ts: neither sound nor picture of a known kind")

// Reader is a stream whose tracks are known. It belongs to one goroutine.
type Reader struct {
	r    *mpegts.Reader
	time unwrap
}

// Open reads until the tables of the stream are known. Damaged packets before and after that are skipped.
func Open(r io.Reader) (*Reader, error) {
	t := &Reader{r: &mpegts.Reader{R: r}}
	if err := t.r.Initialize(); err != nil {
		return nil, err
	}
	return t, nil
}

// Run leads the stream into a room until it ends. The error is never nil.
func (t *Reader) Run(in *intake.Input) error {
	t.r.OnDecodeError(func(error) {})
	for _, track := range t.r.Tracks() {
		t.connect(in, track)
	}
	if in.Empty() {
		return ErrEmpty
	}
	for {
		if err := t.r.Read(); err != nil {
			return err
		}
		if err := in.Err(); err != nil {
			return err
		}
	}
}

func (t *Reader) connect(in *intake.Input, track *mpegts.Track) {
	switch c := track.Codec.(type) {
	case *tscodecs.H264:
		if f := in.Video(media.H264); f != nil {
			t.r.OnDataH264(track, t.picture(f))
		}
	case *tscodecs.H265:
		if f := in.Video(media.H265); f != nil {
			t.r.OnDataH265(track, t.picture(f))
		}
	case *tscodecs.Opus:
		if f := in.Sound(media.Opus); f != nil {
			t.r.OnDataOpus(track, t.opus(f))
		}
	case *tscodecs.MPEG4Audio:
		if f := in.Foreign(c, "AAC sound"); f != nil {
			t.r.OnDataMPEG4Audio(track, t.sound(f))
		}
	case *tscodecs.MPEG1Audio:
		if f := in.Foreign(c, "MP3 sound"); f != nil {
			t.r.OnDataMPEG1Audio(track, t.sound(f))
		}
	case *tscodecs.AC3:
		if f := in.Foreign(c, "AC-3 sound"); f != nil {
			t.r.OnDataAC3(track, func(pts int64, frame []byte) error { return t.sound(f)(pts, [][]byte{frame}) })
		}
	default:
		in.Left(fmt.Sprintf("%T", track.Codec))
	}
}

func (t *Reader) picture(f intake.Frame) func(pts, dts int64, au [][]byte) error {
	return func(pts, dts int64, au [][]byte) error {
		d := t.time.next(dts)
		f(d+span(short(pts-dts)), d, au)
		return nil
	}
}

func (t *Reader) sound(f intake.Frame) func(pts int64, frames [][]byte) error {
	return func(pts int64, frames [][]byte) error {
		p := t.time.next(pts)
		f(p, p, frames)
		return nil
	}
}

// opus divides what came together: each packet has its own length (RFC 6716 §3.1).
func (t *Reader) opus(f intake.Frame) func(pts int64, packets [][]byte) error {
	return func(pts int64, packets [][]byte) error {
		p := t.time.next(pts)
		for _, b := range packets {
			f(p, p, [][]byte{b})
			p += duration(b)
		}
		return nil
	}
}

// unwrap continues timestamps of 33 bits; all tracks of a stream share it.
type unwrap struct {
	set bool
	at  int64
}

func (u *unwrap) next(ts int64) time.Duration {
	if !u.set {
		u.set, u.at = true, ts
	}
	at := u.at + short(ts-u.at)
	u.at = max(u.at, at)
	if u.at-at > 60*rate { // it has begun anew
		u.at = at
	}
	return span(at)
}

// short is a difference of two timestamps of 33 bits.
func short(d int64) int64 { return d << 31 >> 31 }

func span(ticks int64) time.Duration {
	return time.Duration(ticks/rate)*time.Second + time.Duration(ticks%rate)*time.Second/rate
}
