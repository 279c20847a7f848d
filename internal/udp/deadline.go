package udp

import (
	"sync"
	"sync/atomic"
	"time"
)

// deadline is the read deadline of a conn that waits on a channel of its own.
type deadline struct {
	at atomic.Int64 // Unix nanoseconds, 0 for none

	mu    sync.Mutex // guards timer
	timer *time.Timer
}

// set changes the deadline; wake is called when it passes, at once if it has.
func (d *deadline) set(t time.Time, wake func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if t.IsZero() {
		d.at.Store(0)
		return
	}
	d.at.Store(t.UnixNano())
	if left := time.Until(t); left > 0 {
		d.timer = time.AfterFunc(left, wake)
	} else {
		wake()
	}
}

func (d *deadline) passed() bool {
	at := d.at.Load()
	return at != 0 && time.Now().UnixNano() >= at
}
