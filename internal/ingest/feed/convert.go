package feed

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"veche.example/internal/ffmpeg"
	"veche.example/internal/media"
	"veche.example/internal/room"
)

const (
	// maxWaiting units: about 4 s of sound, or more of a picture.
	maxWaiting = 192
	// tsRate is the clock of MPEG-TS.
	tsRate = 90000
)

// Foreign is sound or picture that browsers cannot take, on its way into ffmpeg and the way back into a Line. Write is
// called by one goroutine at a time.
type Foreign struct {
	f       *Feed
	feature string
	in      tscodecs.Codec
	source  room.Source
	out     media.Codec
	encoder []string
	sets    [][]byte // parameter sets that came beside the stream

	queue   chan Unit
	last    atomic.Int64 // PTS of the last unit that went in, in ticks
	dropped atomic.Uint64
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// Convert begins to have a codec converted, one of MPEG-TS: to Opus if s is sound, else to H.264 without B-frames. The
// error is ffmpeg.ErrMissing with words for the operator. Close ends it.
func (f *Feed) Convert(s room.Source, in tscodecs.Codec, feature string) (*Foreign, error) {
	if _, err := ffmpeg.Find(feature); err != nil {
		return nil, err
	}
	c := &Foreign{f: f, feature: feature, in: in, source: s, queue: make(chan Unit, maxWaiting)}
	if s.Kind() == media.Audio.String() {
		c.out = media.Opus
		c.encoder = []string{"-vn", "-c:a", "libopus", "-b:a", "96k", "-ar", "48000", "-ac", "2", "-frame_duration", "20"}
	} else {
		c.out = media.H264
		c.encoder = []string{"-an", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-bf", "0", "-g", "60",
			"-pix_fmt", "yuv420p", "-profile:v", "main", "-fps_mode", "passthrough"}
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.wg.Go(func() { c.run(ctx) })
	return c, nil
}

// Close ends the conversion and its track, and waits for both.
func (c *Foreign) Close() {
	c.stop()
	c.wg.Wait()
	c.f.to.End(c.source)
}

// Dropped is how many units were lost because the conversion was slower than the stream.
func (c *Foreign) Dropped() uint64 { return c.dropped.Load() }

// Write takes a unit; it never waits.
func (c *Foreign) Write(u Unit) {
	select {
	case c.queue <- u:
	default:
		c.dropped.Add(1)
	}
}

func (c *Foreign) run(ctx context.Context) {
	args := []string{"-flags", "+low_delay", "-probesize", "200000", "-analyzeduration", "200000",
		"-copyts", "-f", "mpegts", "-i", "pipe:0"}
	args = append(args, c.encoder...)
	args = append(args, "-f", "mpegts", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "pipe:1")
	child := ffmpeg.Child{Feature: c.feature, Args: args, Log: c.f.log, Feed: c.feed, Take: c.take}
	if err := child.Supervise(ctx, nil); err != nil && ctx.Err() == nil {
		c.f.log.Error("conversion has ended", "for", c.feature, "error", err)
	}
}

// feed writes what waits, until ctx is done or the child reads no more.
func (c *Foreign) feed(ctx context.Context, w io.Writer) error {
	track := &mpegts.Track{PID: 256, Codec: c.in}
	mux := &mpegts.Writer{W: w, Tracks: []*mpegts.Track{track}}
	if err := mux.Initialize(); err != nil {
		return err
	}
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return nil
		case u := <-c.queue:
			if first && len(c.sets) > 0 {
				u.Data = append(slices.Clone(c.sets), u.Data...)
			}
			c.last.Store(ticks(u.PTS, tsRate))
			if err := writeTS(mux, track, u); err != nil {
				return err
			}
		}
	}
}

func writeTS(mux *mpegts.Writer, track *mpegts.Track, u Unit) error {
	pts, dts := ticks(u.PTS, tsRate), ticks(u.DTS, tsRate)
	switch track.Codec.(type) {
	case *tscodecs.H264:
		return mux.WriteH264(track, pts, dts, u.Data)
	case *tscodecs.H265:
		return mux.WriteH265(track, pts, dts, u.Data)
	case *tscodecs.MPEG4Audio:
		return mux.WriteMPEG4Audio(track, pts, u.Data)
	case *tscodecs.MPEG1Audio:
		return mux.WriteMPEG1Audio(track, pts, u.Data)
	case *tscodecs.AC3:
		for _, frame := range u.Data {
			if err := mux.WriteAC3(track, pts, frame); err != nil {
				return err
			}
		}
		return nil
	}
	return ErrUnsupported
}

// take reads what comes out into a line. Each run of the child has a track of its own.
func (c *Foreign) take(r io.Reader) error {
	in := &mpegts.Reader{R: r}
	if err := in.Initialize(); err != nil {
		return end(err)
	}
	line, err := c.f.Open(c.source, c.out)
	if err != nil {
		return err
	}
	write := func(pts time.Duration, data [][]byte) {
		if err := line.Write(Unit{PTS: pts, DTS: pts, Data: data}); err != nil {
			c.f.log.Debug("converted unit left out", "error", err)
		}
	}
	for _, t := range in.Tracks() {
		switch t.Codec.(type) {
		case *tscodecs.Opus:
			in.OnDataOpus(t, func(pts int64, packets [][]byte) error {
				c.opus(line, c.time(pts), packets)
				return nil
			})
		case *tscodecs.H264:
			in.OnDataH264(t, func(pts, _ int64, au [][]byte) error {
				write(c.time(pts), au)
				return nil
			})
		}
	}
	for {
		if err := in.Read(); err != nil {
			return end(err)
		}
	}
}

// opus writes packets that follow each other: 20 ms each, as was asked for.
func (c *Foreign) opus(line *Line, pts time.Duration, packets [][]byte) {
	for _, p := range packets {
		if err := line.Write(Unit{PTS: pts, DTS: pts, Data: [][]byte{p}}); err != nil {
			c.f.log.Debug("converted sound left out", "error", err)
		}
		pts += 20 * time.Millisecond
	}
}

// end makes the end of the output no error.
func end(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// time undoes what 33 bits do to a timestamp (ISO 13818-1 §2.4.3.7): what comes out is close to what went in.
func (c *Foreign) time(ts int64) time.Duration {
	const bits = 33
	near := c.last.Load()
	d := (ts - near) << (64 - bits) >> (64 - bits)
	return fromTS(near + d)
}

func fromTS(t int64) time.Duration {
	return time.Duration(t/tsRate)*time.Second + time.Duration(t%tsRate)*time.Second/tsRate
}
