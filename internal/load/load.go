// Package load tells how busy this process keeps the machine.
package load

import (
	"runtime"
	"sync"
	"time"
)

// Meter measures the share of all cores that the process uses. It looks when it is asked, so it needs no goroutine. All
// methods may be called from any goroutine. The zero Meter is ready.
type Meter struct {
	mu    sync.Mutex // guards the following
	at    time.Time
	used  time.Duration
	share float64
}

const (
	// span is what a share is measured over: long enough for a steady figure, short enough for a burst of joins.
	span = time.Second
	// stale: if nobody has asked for so long, the figure says nothing about now, and a new one is begun.
	stale = 10 * time.Second
)

// Share is the use of all cores, 0 to 1, over the last second or some; 0 as long as it is not known.
func (m *Meter) Share() float64 {
	used, ok := processTime()
	if !ok {
		return 0
	}
	return m.note(time.Now(), used, runtime.GOMAXPROCS(0))
}

// note takes one look at the clock.
func (m *Meter) note(now time.Time, used time.Duration, cores int) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	passed := now.Sub(m.at)
	switch {
	case m.at.IsZero() || passed > stale:
		m.at, m.used, m.share = now, used, 0
	case passed >= span:
		m.share = float64(used-m.used) / float64(passed) / float64(cores)
		m.at, m.used = now, used
	}
	return m.share
}
