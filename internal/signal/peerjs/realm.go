package peerjs

import (
	"errors"
	"slices"
	"sync"
	"time"

	"veche.example/internal/front/envelope"
	"veche.example/internal/wsconn"
)

// Bounds of what waits for peers that are not there.
const (
	maxWaiting       = 256     // messages of one sender; a call has some twenty
	maxWaitingRealm  = 16_384  // messages of a realm
	maxWaitingMemory = 8 << 20 // bytes of a realm
)

// realm is the peers of one key.
type realm struct {
	a   *Adapter
	key string

	mu      sync.Mutex // guards the following; never held while anything is waited for
	clients map[string]*client
	queues  map[string]*queue // by the id of who is not there
	count   int               // messages in all queues
	bytes   int               // of them
}

// queue is what waits for one peer.
type queue struct {
	since    time.Time
	messages []letter
}

type letter struct {
	from *client
	data []byte
}

func newRealm(a *Adapter, key string) *realm {
	return &realm{a: a, key: key, clients: make(map[string]*client), queues: make(map[string]*queue)}
}

// entry is how enter ended.
type entry int

const (
	entered entry = iota
	idTaken
	noPlace
)

// enter gives the client its id and what waited for it.
func (r *realm) enter(k *client) entry {
	r.mu.Lock()
	old := r.clients[k.id]
	switch {
	case old != nil && !k.same(old):
		r.mu.Unlock()
		return idTaken
	case old != nil:
		old.in = false // half open, most likely
	case r.a.stats.clients.Add(1) > int64(r.a.config.MaxClients()):
		r.a.stats.clients.Add(-1)
		r.mu.Unlock()
		return noPlace
	}
	k.in = true
	r.clients[k.id] = k
	_ = k.c.Send(open) // it is closing: Closed follows
	if q := r.queues[k.id]; q != nil {
		for _, l := range q.messages {
			_ = k.c.Send(l.data)
			r.a.stats.relayed.Add(1)
		}
		r.drop(k.id, q)
	}
	r.mu.Unlock()
	if old != nil {
		old.c.Close(wsconn.Farewell{Text: "replaced: the same peer has connected anew"})
	}
	return entered
}

// leave takes the id back; idempotent.
func (r *realm) leave(k *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k.in {
		k.in = false
		delete(r.clients, k.id)
		r.a.stats.clients.Add(-1)
	}
}

// relay hands a message to dst; keep: it may wait for dst.
func (r *realm) relay(k *client, dst string, keep bool, e *envelope.Envelope) {
	stamped := e.Stamp("src", k.id)
	r.mu.Lock()
	to, in := r.clients[dst], k.in
	if to != nil && in {
		r.mu.Unlock()
		err := to.c.Send(stamped)
		switch {
		case err == nil:
			r.a.stats.relayed.Add(1)
		case errors.Is(err, wsconn.ErrSlow):
			r.a.stats.dead.Add(1)
			_ = k.c.Send(notice("LEAVE", dst, k.id))
		case keep: // it closes and may come back
			r.mu.Lock()
			r.wait(k, dst, stamped)
			r.mu.Unlock()
		}
		return
	}
	if keep && in {
		r.wait(k, dst, stamped)
	}
	r.mu.Unlock()
}

// wait keeps a message for who is not there, or tells the sender at once; r.mu is held.
func (r *realm) wait(k *client, dst string, data []byte) {
	if to := r.clients[dst]; to != nil && to.c.Send(data) == nil {
		r.a.stats.relayed.Add(1) // came back just now
		return
	}
	if k.waiting >= maxWaiting || r.count >= maxWaitingRealm || r.bytes+len(data) > maxWaitingMemory {
		r.a.stats.full.Add(1)
		_ = k.c.Send(notice("EXPIRE", dst, k.id))
		return
	}
	q := r.queues[dst]
	if q == nil {
		q = &queue{since: time.Now()}
		r.queues[dst] = q
	}
	q.messages = append(q.messages, letter{k, data})
	k.waiting++
	r.count++
	r.bytes += len(data)
}

// drop forgets a queue; r.mu is held.
func (r *realm) drop(dst string, q *queue) {
	delete(r.queues, dst)
	for _, l := range q.messages {
		l.from.waiting--
		r.count--
		r.bytes -= len(l.data)
	}
}

// expire tells the senders of what waits since before then, once for each peer.
func (r *realm) expire(then time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for dst, q := range r.queues {
		if q.since.After(then) {
			continue
		}
		told := make(map[string]bool)
		for _, l := range q.messages {
			r.a.stats.expired.Add(1)
			if id := l.from.id; !told[id] && r.clients[id] != nil && r.clients[id].same(l.from) {
				told[id] = true
				_ = r.clients[id].c.Send(notice("EXPIRE", dst, id))
			}
		}
		r.drop(dst, q)
	}
}

// ids lists who is there, sorted.
func (r *realm) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]string, 0, len(r.clients))
	for id := range r.clients {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
