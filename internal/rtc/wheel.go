package rtc

import (
	"slices"
	"sync"
	"time"

	"veche.example/internal/media"
)

const (
	// tick is how often each peer looks at the clock.
	tick = 150 * time.Millisecond
	// spokes is into how many parts the peers are divided, so that they do not do it all at once.
	spokes = 15
)

// wheel is the clock of all peers of an engine: one goroutine, which sleeps while there are no peers.
type wheel struct {
	wake chan struct{} // capacity 1: there are peers
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex // guards the following
	parts [spokes][]*Peer
	next  int // where the next peer goes
	count int
}

func (w *wheel) init() {
	w.wake, w.stop, w.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go w.run()
}

func (w *wheel) add(p *Peer) {
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

func (w *wheel) remove(p *Peer) {
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
func (w *wheel) run() {
	defer close(w.done)
	t := time.NewTicker(tick / spokes)
	defer t.Stop()
	var list []*Peer
	for at := 0; ; at = (at + 1) % spokes {
		w.mu.Lock()
		list = append(list[:0], w.parts[at]...)
		idle := w.count == 0
		w.mu.Unlock()
		now := media.Now()
		for _, p := range list {
			p.guard("tick", func() { p.tick(now) })
		}
		clear(list)
		if idle {
			t.Stop()
			select {
			case <-w.wake:
				t.Reset(tick / spokes)
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

func (w *wheel) close() {
	close(w.stop)
	<-w.done
}
