package rtc

import (
	"sync"

	"veche.example/internal/sfu"
)

// event is something the handler is to be told.
type event struct {
	kind  eventKind
	mid   string
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

// events wait for the peer's run to deliver them, so that the handler is called in order and without locks.
type events struct {
	p    *Peer
	wake chan struct{} // capacity 1

	mu    sync.Mutex // guards the following
	queue []event
}

func (q *events) init(p *Peer) { q.p, q.wake = p, make(chan struct{}, 1) }

// put queues an event.
func (q *events) put(ev event) {
	q.mu.Lock()
	full := len(q.queue) >= maxEvents
	if !full {
		q.queue = append(q.queue, ev)
	}
	q.mu.Unlock()
	if full {
		q.p.end(Failed, "events are not taken")
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// deliver calls the handler for what was queued.
func (q *events) deliver() {
	for {
		q.mu.Lock()
		list := q.queue
		q.queue = nil
		q.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, ev := range list {
			q.tell(ev)
		}
	}
}

// tell calls the handler once; a panic in it ends the peer.
func (q *events) tell(ev event) {
	defer q.p.contain("handler")
	h := q.p.cfg.Handler
	switch ev.kind {
	case eventTrack:
		h.Track(ev.mid, ev.track)
	case eventEnded:
		h.Ended(ev.mid, ev.track)
	case eventState:
		h.State(ev.state)
	}
}
