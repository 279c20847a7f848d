package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/egress/segment"
	"veche.example/internal/ffmpeg"
	"veche.example/internal/local"
	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/session"
	"veche.example/internal/sfu"
)

const (
	// tick is how often an output looks at what is missing.
	tick = 100 * time.Millisecond
	// before is where the line of times begins: before anything that is still in the server's memory.
	before = time.Minute
	// queued packets wait at most: a second of a fast stream.
	queued = 2048
	// deserted: an output of a room where nobody publishes ends after so long.
	deserted = time.Minute

	joinTimeout  = 10 * time.Second
	leaveTimeout = 10 * time.Second
)

// Names of the tracks.
const (
	trackVideo = "video"
	trackOpus  = "opus"
	trackAAC   = "aac"
)

// key says what an output shows.
type key struct {
	room   room.ID
	member room.MemberID // or session.Speaker, session.First
}

// Output is one room, or one member, on its way to audiences. Methods are safe for concurrent use, but for those of its
// own goroutine, run.
type Output struct {
	key    key
	log    *slog.Logger
	zero   int64 // the beginning of its line of times, as media.Now
	viewer *local.Viewer
	stop   context.CancelFunc
	wg     sync.WaitGroup
	done   chan struct{} // closed when it has ended

	video, opus, aac *segment.Track
	texts            map[string]*text // playlists by track

	asked    atomic.Int64 // media.Now of the last request
	trouble  atomic.Pointer[string]
	missing  atomic.Pointer[error] // a program without which there is no picture
	locked   atomic.Bool
	wantAAC  atomic.Bool
	seat     atomic.Pointer[session.Seat]
	requests atomic.Int64 // served
	sent     atomic.Int64 // bytes
	viewers  audience
	pictures *picture
	sounds   *sound
	ended    func()
	packets  [2]*local.Queue // sound, picture
}

// open joins the room and begins; e is forgotten at the end. Errors are those of local.View.
func (s *Server) open(ctx context.Context, k key, e *entry) (*Output, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	base := int(time.Now().Unix())
	o := &Output{
		key: k, log: s.c.Log.With("output", "http", "room", k.room, "shows", k.member), done: make(chan struct{}),
		zero:    media.Now() - int64(before),
		video:   segment.NewTrack(trackVideo, media.Video, 90000, base),
		opus:    segment.NewTrack(trackOpus, media.Audio, 48000, base),
		aac:     segment.NewTrack(trackAAC, media.Audio, 48000, base),
		packets: [2]*local.Queue{local.NewQueue(queued), local.NewQueue(queued)},
	}
	o.texts = map[string]*text{trackVideo: {}, trackOpus: {}, trackAAC: {}}
	o.asked.Store(media.Now())
	o.pictures, o.sounds = newPicture(o, base), &sound{o: o, clock: segment.Clock{Rate: 48000}}
	o.ended = func() { s.forget(k, e, o) }
	var err error
	o.viewer, err = local.View(ctx, s.c.Host, local.ViewConfig{
		Join: session.JoinRequest{Room: k.room, Name: "HLS", Trusted: room.Viewer, CID: "hls"}, Seats: 1,
		Audio:   func(int) sfu.Writer { return o.packets[0] },
		Video:   func(int) sfu.Writer { return o.packets[1] },
		OnSeats: o.seats,
		OnRoom:  o.heard,
	})
	if err != nil {
		return nil, err
	}
	err = o.viewer.Show(ctx, []session.Wish{{Member: k.member, Source: room.SourceCamera, Width: 1920, Height: 1080}})
	if err != nil {
		return nil, errors.Join(err, o.viewer.Close(context.WithoutCancel(ctx)))
	}
	life, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.wg.Go(func() { o.run(life, s.c.Idle) })
	o.log.Info("output began")
	return o, nil
}

func (o *Output) seats(list []session.Seat) {
	for i := range list {
		if list[i].Seat == 0 {
			seat := list[i]
			o.seat.Store(&seat)
		}
	}
}

func (o *Output) heard(e room.Event) {
	if e, ok := e.(room.RoomChanged); ok {
		o.locked.Store(e.Locked)
	}
}

// run is the output's goroutine, from the beginning to the end.
func (o *Output) run(ctx context.Context, idle time.Duration) {
	t := time.NewTicker(tick)
	defer t.Stop()
	defer o.end()
	published := media.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.viewer.Done():
			return
		case p := <-o.packets[0].Chan():
			o.sounds.packet(p)
		case p := <-o.packets[1].Chan():
			o.pictures.packet(ctx, p)
		case u := <-o.pictures.converted:
			o.pictures.take(u)
		case f := <-o.sounds.converted():
			o.sounds.takeAAC(f)
		case <-t.C:
			now := media.Now()
			o.pictures.tick(now)
			o.sounds.tick(ctx, now)
			if o.published() {
				published = now
			}
			if now-o.asked.Load() > int64(idle) || now-published > int64(deserted) {
				return
			}
		}
	}
}

// published tells whether there is anybody to show.
func (o *Output) published() bool {
	s := o.seat.Load()
	return s != nil && (s.Audio != session.SeatNone || s.Video != session.SeatNone)
}

// end is the last thing that the goroutine does.
func (o *Output) end() {
	o.stop()
	o.pictures.close()
	o.sounds.close()
	for _, t := range []*segment.Track{o.video, o.opus, o.aac} {
		t.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := o.viewer.Close(ctx); err != nil {
		o.log.Error("an output could not leave", "error", err)
	}
	o.log.Info("output ended", "reason", o.viewer.Reason(), "requests", o.requests.Load(), "bytes", o.sent.Load())
	close(o.done)
	o.ended()
}

// close ends the output and waits.
func (o *Output) close() {
	o.stop()
	o.wg.Wait()
}

// fail notes what keeps the output from being what was asked for.
func (o *Output) fail(err error) {
	text := err.Error()
	if old := o.trouble.Swap(&text); old == nil || *old != text {
		o.log.Warn("output is not complete", "error", err)
	}
}

// line is the time on the output's line.
func (o *Output) line(now int64) time.Duration { return time.Duration(now - o.zero) }

// track finds a track by its name.
func (o *Output) track(name string) *segment.Track {
	switch name {
	case trackVideo:
		return o.video
	case trackOpus:
		return o.opus
	case trackAAC:
		return o.aac
	}
	return nil
}

// canAAC tells whether there is a way to make AAC.
func canAAC() error {
	_, err := ffmpeg.Find("sound as AAC, for players without Opus")
	return err
}

// captured is when, by a slot's report says that something with this timestamp was captured.
func captured(s *sfu.Slot, ts uint32, rate int64) (int64, bool) {
	now := media.Now()
	r, ok := s.SenderReport(now)
	if !ok {
		return 0, false
	}
	return now + int64(int32(ts-r.RTPTime))*1e9/rate, true
}
