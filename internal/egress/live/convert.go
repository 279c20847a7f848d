package live

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"veche.example/internal/egress/segment"
	"veche.example/internal/ffmpeg"
	"veche.example/internal/media"
)

const (
	tsRate     = 90000 // the clock of MPEG-TS
	maxWaiting = 192   // units before a converter
	// aacFrame is how many samples a frame of AAC has.
	aacFrame = 1024
)

func errSound(c media.Codec) error { return fmt.Errorf("sound in %s is not in the output", c) }

// aacConfig describes what ffmpeg is asked to make.
func aacConfig() *segment.Config {
	return &segment.Config{Key: "aac", Name: "mp4a.40.2", Codec: &codecs.MPEG4Audio{Config: mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelCount: 2, ChannelConfig: 2,
	}}}
}

// converter is one supervised ffmpeg and the queue before it.
type converter struct {
	queue chan timed
	last  atomic.Int64 // time of what went in last, in ticks of MPEG-TS
	lost  atomic.Uint64
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

// timed is what goes in.
type timed struct {
	pts  time.Duration
	data []byte
}

// begin begins the child.
func (c *converter) begin(ctx context.Context, o *Output, child ffmpeg.Child) error {
	if _, err := ffmpeg.Find(child.Feature); err != nil {
		return err
	}
	c.queue = make(chan timed, maxWaiting)
	ctx, c.stop = context.WithCancel(ctx)
	child.Log = o.log
	c.wg.Go(func() {
		if err := child.Supervise(ctx, o.fail); err != nil && ctx.Err() == nil {
			o.fail(err)
		}
	})
	return nil
}

// write never waits.
func (c *converter) write(pts time.Duration, data []byte) {
	select {
	case c.queue <- timed{pts, data}:
	default:
		c.lost.Add(1)
	}
}

func (c *converter) close() {
	c.stop()
	c.wg.Wait()
}

// each hands over what waits until ctx is done.
func (c *converter) each(ctx context.Context, f func(timed) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case u := <-c.queue:
			c.last.Store(segment.Ticks(u.pts, tsRate))
			if err := f(u); err != nil {
				return err
			}
		}
	}
}

// time undoes what 33 bits do to a timestamp (ISO 13818-1 §2.4.3.7): what comes out is close to what went in.
func (c *converter) time(ts int64) time.Duration {
	const bits = 33
	near := c.last.Load()
	return segment.Time(near+(ts-near)<<(64-bits)>>(64-bits), tsRate)
}

// read reads MPEG-TS to its end.
func read(r io.Reader, on func(in *mpegts.Reader, t *mpegts.Track)) error {
	in := &mpegts.Reader{R: r}
	err := in.Initialize()
	if err == nil {
		for _, t := range in.Tracks() {
			on(in, t)
		}
		for err == nil {
			err = in.Read()
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

var (
	lowDelay = []string{"-fflags", "+nobuffer", "-flags", "+low_delay", "-probesize", "100000", "-analyzeduration", "100000", "-copyts"}
	toTS     = []string{"-f", "mpegts", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "pipe:1"}
)

func arguments(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// pictureConverter makes H.264 of VP8.
type pictureConverter struct {
	converter
	out chan<- picked
}

func newPictureConverter(ctx context.Context, o *Output, out chan<- picked) (*pictureConverter, error) {
	c := &pictureConverter{out: out}
	return c, c.begin(ctx, o, ffmpeg.Child{
		Feature: "a picture in VP8 as H.264",
		Args: arguments(lowDelay, []string{"-f", "ivf", "-i", "pipe:0", "-an", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency",
			"-bf", "0", "-g", "30", "-pix_fmt", "yuv420p", "-profile:v", "main", "-fps_mode", "passthrough"}, toTS),
		Feed: c.feed, Take: func(r io.Reader) error { return c.take(ctx, r) },
	})
}

// feed writes IVF.
func (c *pictureConverter) feed(ctx context.Context, w io.Writer) error {
	head := make([]byte, 32)
	copy(head, "DKIF")
	binary.LittleEndian.PutUint16(head[6:], 32)
	copy(head[8:], "VP80")
	binary.LittleEndian.PutUint32(head[16:], tsRate)
	binary.LittleEndian.PutUint32(head[20:], 1)
	begun := false
	return c.each(ctx, func(u timed) error {
		if !begun {
			if len(u.data) < 10 || u.data[0]&1 != 0 {
				return nil // not a key frame: this run cannot begin with it
			}
			begun = true
			copy(head[12:], u.data[6:10]) // width and height, RFC 6386 §9.1
			if _, err := w.Write(head); err != nil {
				return err
			}
		}
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(u.data)))
		b = binary.LittleEndian.AppendUint64(b, uint64(segment.Ticks(u.pts, tsRate)))
		_, err := w.Write(append(b, u.data...))
		return err
	})
}

func (c *pictureConverter) take(ctx context.Context, r io.Reader) error {
	return read(r, func(in *mpegts.Reader, t *mpegts.Track) {
		if _, ok := t.Codec.(*tscodecs.H264); !ok {
			return
		}
		in.OnDataH264(t, func(pts, _ int64, au [][]byte) error {
			select {
			case c.out <- picked{c.time(pts), segment.Unit{Codec: media.H264, Data: au}}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
}

// soundConverter makes AAC of Opus.
type soundConverter struct {
	converter
	out chan segment.Frame
}

func newSoundConverter(ctx context.Context, o *Output) (*soundConverter, error) {
	c := &soundConverter{out: make(chan segment.Frame, 64)}
	return c, c.begin(ctx, o, ffmpeg.Child{
		Feature: "sound as AAC, for players without Opus",
		Args:    arguments(lowDelay, []string{"-f", "mpegts", "-i", "pipe:0", "-vn", "-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2"}, toTS),
		Feed:    c.feed, Take: func(r io.Reader) error { return c.take(ctx, r) },
	})
}

func (c *soundConverter) feed(ctx context.Context, w io.Writer) error {
	track := &mpegts.Track{PID: 256, Codec: &tscodecs.Opus{ChannelCount: 2}}
	mux := &mpegts.Writer{W: w, Tracks: []*mpegts.Track{track}}
	if err := mux.Initialize(); err != nil {
		return err
	}
	return c.each(ctx, func(u timed) error {
		return mux.WriteOpus(track, segment.Ticks(u.pts, tsRate), [][]byte{u.data})
	})
}

func (c *soundConverter) take(ctx context.Context, r io.Reader) error {
	return read(r, func(in *mpegts.Reader, t *mpegts.Track) {
		if _, ok := t.Codec.(*tscodecs.MPEG4Audio); !ok {
			return
		}
		in.OnDataMPEG4Audio(t, func(pts int64, frames [][]byte) error {
			at := c.time(pts)
			const d = aacFrame * time.Second / 48000
			for i, f := range frames {
				select {
				case c.out <- segment.Frame{PTS: at + time.Duration(i)*d, Duration: d, Data: f}:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
}
