// Package wheel is the clock of many things that each look at it every now and then: one goroutine and one ticker.
package wheel

import (
	"slices"
	"sync"
	"time"

	"veche.example/internal/media"
)

const (
	// Tick is how often each is called.
	Tick = 150 * time.Millisecond
	// spokes is into how many parts they are divided, so that they do not do it all at once. Waking up for one costs as much
	// as calling some.
	spokes = 5
)

// Ticker is what a Wheel calls. It must not panic, and a call holds up all that are on the same wheel.
type Ticker interface {
	// Tick is told the time (media.Now).
	Tick(now int64)
}

// Wheel calls its Tickers, and then what it was made with. It sleeps while there are none. All methods may be called from any goroutine, also by a Ticker.
type Wheel struct {
	after func()
	wake  chan struct{} // capacity 1: there are tickers
	stop  chan struct{}
	done  chan struct{}

	mu    sync.Mutex // guards the following
	parts [spokes][]Ticker
	next  int // where the next one goes
	count int
}

// New makes an empty wheel. after is called by the same goroutine each time that some Tickers have been called. The owner
// must close the wheel.
func New(after func()) *Wheel {
	w := &Wheel{after: after, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// Add puts one on the wheel.
func (w *Wheel) Add(p Ticker) {
	w.mu.Lock()
	w.parts[w.next] = append(w.parts[w.next], p)
	w.next = (w.next + 1) % spokes
	w.count++
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Remove takes it off; a call may still be running.
func (w *Wheel) Remove(p Ticker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, list := range w.parts {
		if at := slices.Index(list, p); at >= 0 {
			w.parts[i] = slices.Delete(list, at, at+1)
			w.count--
			return
		}
	}
}

// run turns the wheel until close.
func (w *Wheel) run() {
	defer close(w.done)
	t := time.NewTicker(Tick / spokes)
	defer t.Stop()
	var list []Ticker
	for at := 0; ; at = (at + 1) % spokes {
		w.mu.Lock()
		list = append(list[:0], w.parts[at]...)
		idle := w.count == 0
		w.mu.Unlock()
		now := media.Now()
		for _, p := range list {
			p.Tick(now)
		}
		if len(list) > 0 {
			w.after()
		}
		clear(list)
		if idle {
			t.Stop()
			select {
			case <-w.wake:
				t.Reset(Tick / spokes)
			case <-w.stop:
				return
			}
			continue
		}
		select {
		case <-t.C:
		case <-w.stop:
			return
		}
	}
}

// Close ends the wheel and waits for its goroutine. It is called once.
func (w *Wheel) Close() {
	close(w.stop)
	<-w.done
}
