package pace

import (
	"sync"
	"time"

	"veche.example/internal/media"
)

// period is how often a Clock turns what has something to do.
const period = 5 * time.Millisecond

// Clock turns the Pacers that have something to send later, every 5 ms. It sleeps while there are none. All methods may be
// called from any goroutine.
type Clock struct {
	kick chan struct{} // capacity 1: somebody woke
	stop chan struct{}
	done chan struct{}

	mu   sync.Mutex // guards the following; no other lock is taken while it is held
	busy map[*Pacer]struct{}
}

// NewClock makes a Clock. Its owner must close it.
func NewClock() *Clock {
	c := &Clock{kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}), busy: make(map[*Pacer]struct{})}
	go c.run()
	return c
}

// wake lets p turn until it has nothing to do.
func (c *Clock) wake(p *Pacer) {
	c.mu.Lock()
	_, was := c.busy[p]
	c.busy[p] = struct{}{}
	c.mu.Unlock()
	if !was {
		select {
		case c.kick <- struct{}{}:
		default:
		}
	}
}

// rest takes p out, unless it has been woken since. Turn has said that there is nothing to do.
func (c *Clock) rest(p *Pacer) {
	c.mu.Lock()
	delete(c.busy, p)
	c.mu.Unlock()
	if p.waits() { // it was woken between the two
		c.wake(p)
	}
}

// waits tells whether there is something to send.
func (p *Pacer) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.n > 0 || p.probe.rate > 0
}

func (c *Clock) run() {
	defer close(c.done)
	t := time.NewTicker(period)
	defer t.Stop()
	var list []*Pacer
	for {
		c.mu.Lock()
		list = list[:0]
		for p := range c.busy {
			list = append(list, p)
		}
		c.mu.Unlock()
		if len(list) == 0 {
			t.Stop()
			select {
			case <-c.kick:
				t.Reset(period)
			case <-c.stop:
				return
			}
			continue
		}
		now := media.Now()
		for _, p := range list {
			if !p.Turn(now) {
				c.rest(p)
			}
		}
		clear(list)
		select {
		case <-t.C:
		case <-c.stop:
			return
		}
	}
}

// Close ends the clock and waits for its goroutine. It is called once.
func (c *Clock) Close() {
	close(c.stop)
	<-c.done
}
