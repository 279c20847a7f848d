package rtc

import (
	"sync"

	"veche.example/internal/sfu"
)

// event is something that the handler is to be told.
type event struct {
	kind  eventKind
	mid   string
	rid   string // of a simulcast encoding
	track *sfu.Track
	state State
}

type eventKind uint8

const (
	eventTrack eventKind = iota
	eventEnded
	eventState
)

// maxEvents may be waiting; a handler that is so far behind has stopped.
const maxEvents = 256

// events wait for a goroutine that is there while there are any, so that the handler is called in order and without
// locks.
type events struct {
	p *Peer

	mu      sync.Mutex // guards the following
	queue   []event
	running bool          // a goroutine delivers
	idle    chan struct{} // closed when it has ended; nil if nobody waits
	stopped bool          // the peer's end delivers the rest
}

func (q *events) init(p *Peer) { q.p = p }

// put queues an event.
func (q *events) put(ev event) {
	q.mu.Lock()
	full := len(q.queue) >= maxEvents
	if !full {
		q.queue = append(q.queue, ev)
	}
	begin := !full && !q.running && !q.stopped
	q.running = q.running || begin
	q.mu.Unlock()
	if full {
		q.p.end(Failed, "events are not taken")
	}
	if begin {
		go q.deliver()
	}
}

// deliver calls the handler for what is queued until there is nothing left.
func (q *events) deliver() {
	for {
		q.mu.Lock()
		list := q.queue
		q.queue = nil
		if len(list) == 0 || q.stopped {
			q.queue = list
			q.running = false
			if q.idle != nil {
				close(q.idle)
			}
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, ev := range list {
			q.tell(ev)
		}
	}
}

// stop waits for the goroutine that delivers, if there is one; from now on flush does it.
func (q *events) stop() {
	q.mu.Lock()
	q.stopped = true
	var wait chan struct{}
	if q.running {
		wait = make(chan struct{})
		q.idle = wait
	}
	q.mu.Unlock()
	if wait != nil {
		<-wait
	}
}

// flush calls the handler for what is queued, after stop.
func (q *events) flush() {
	q.mu.Lock()
	list := q.queue
	q.queue = nil
	q.mu.Unlock()
	for _, ev := range list {
		q.tell(ev)
	}
}

// tell calls the handler once; a panic in it ends the peer.
func (q *events) tell(ev event) {
	defer q.p.contain("handler")
	h := q.p.cfg.Handler
	switch ev.kind {
	case eventTrack:
		h.Track(ev.mid, ev.rid, ev.track)
	case eventEnded:
		h.Ended(ev.mid, ev.rid, ev.track)
	case eventState:
		h.State(ev.state)
	}
}
