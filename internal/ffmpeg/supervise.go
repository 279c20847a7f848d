package ffmpeg

import (
	"context"
	"errors"
	"time"
)

// Pauses between one end of a supervised child and its next beginning.
const (
	pauseFirst = 500 * time.Millisecond
	pauseMost  = 30 * time.Second
	// longRun: a child that has run for so long is not one that cannot begin.
	longRun = time.Minute
)

// Supervise runs the child again and again, with growing pauses, until ctx is done, it has ended well, or ffmpeg is
// missing; told is called with each error before the pause. It returns nil, the error of ctx, or ErrMissing.
func (c Child) Supervise(ctx context.Context, told func(error)) error {
	pause := pauseFirst
	for {
		began := time.Now()
		err := c.Run(ctx)
		if err == nil || errors.Is(err, ErrMissing) || ctx.Err() != nil {
			return err
		}
		c.Log.Warn("ffmpeg ended", "for", c.Feature, "error", err, "again in", pause)
		if told != nil {
			told(err)
		}
		if time.Since(began) > longRun {
			pause = pauseFirst
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, pauseMost)
	}
}
