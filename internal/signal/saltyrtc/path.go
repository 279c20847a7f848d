package saltyrtc

import (
	"bytes"
	"sync"

	"veche.example/internal/wsconn"
)

// path is where the owner of a key, the initiator, meets responders. Paths know nothing of each other.
type path struct {
	key  key
	refs int // guarded by Adapter.mu: clients that have entered or are about to

	mu         sync.Mutex // guards the following and what is sent to those who are here, so that it comes in order
	initiator  *client
	responders map[byte]*client
}

// open finds a path, or makes it.
func (a *Adapter) open(k key) *path {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.paths[k]
	if p == nil {
		p = &path{key: k, responders: make(map[byte]*client)}
		a.paths[k] = p
	}
	p.refs++
	return p
}

// release forgets a path that nobody is on.
func (a *Adapter) release(p *path) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.refs--; p.refs == 0 {
		delete(a.paths, p.key)
	}
}

// enterInitiator lets an initiator in; who was it before is dropped.
func (p *path) enterInitiator(k *client, welcome func(id byte, present *bool, responders []byte)) {
	p.mu.Lock()
	old := p.initiator
	if old != nil {
		old.on = false
	}
	p.initiator = k
	k.on, k.id = true, initiator
	welcome(initiator, nil, p.addresses())
	for _, r := range p.responders {
		r.tell(newInitiator())
	}
	p.mu.Unlock()
	if old != nil {
		old.c.Close(wsconn.Farewell{Code: closeDropped, Text: "another initiator has come"})
	}
}

// enterResponder gives a responder the first free address; false: there is none.
func (p *path) enterResponder(k *client, welcome func(id byte, present *bool, responders []byte)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := firstResponder; id <= lastResponder; id++ {
		if p.responders[byte(id)] != nil {
			continue
		}
		k.on, k.id = true, byte(id)
		p.responders[k.id] = k
		present := p.initiator != nil
		welcome(k.id, &present, nil)
		if present {
			p.initiator.tell(withID("new-responder", k.id))
		}
		return true
	}
	return false
}

// addresses are those of the responders; p.mu is held.
func (p *path) addresses() []byte {
	out := make([]byte, 0, len(p.responders))
	for id := firstResponder; id <= lastResponder; id++ {
		if p.responders[byte(id)] != nil {
			out = append(out, byte(id))
		}
	}
	return out
}

// leave takes a client off the path and tells who has had to do with it; idempotent.
func (p *path) leave(k *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !k.on {
		return
	}
	k.on = false
	if k.id != initiator {
		delete(p.responders, k.id)
		if p.initiator != nil {
			p.initiator.tell(withID("disconnected", k.id))
		}
		return
	}
	p.initiator = nil
	for _, r := range p.responders {
		r.tell(withID("disconnected", initiator))
	}
}

// drop ends a responder for the initiator k, who is told nothing of it.
func (p *path) drop(k *client, id byte, code int) {
	p.mu.Lock()
	r := p.responders[id]
	if r == nil || !k.on {
		p.mu.Unlock()
		return
	}
	r.on = false
	delete(p.responders, id)
	p.mu.Unlock()
	r.c.Close(wsconn.Farewell{Code: code, Text: "dropped by the initiator"})
}

// relay hands a message on as it is, or tells its sender that it could not.
func (p *path) relay(k *client, n *nonce, message []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !k.on {
		return // dropped, and on its way out
	}
	to := p.initiator
	if k.id == initiator {
		to = p.responders[n.dst()]
	}
	if to != nil && to.c.SendBinary(bytes.Clone(message)) == nil {
		k.a.stats.relayed.Add(1)
		return
	}
	k.a.stats.undelivered.Add(1)
	k.tell(sendError(n))
}

// limited tells the sender of a message that came too fast that it was not relayed.
func (p *path) limited(k *client, n *nonce) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k.on {
		k.tell(sendError(n))
	}
}
