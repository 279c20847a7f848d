// Package peerjs is the front-end for clients of PeerJS: what the server of that project does, on the wire the same.
//
//	GET {key}/id, {key}/peers, {key}/ice   rest.go     a free id, who is there, STUN and TURN servers
//	WebSocket peerjs?key=&id=&token=       socket.go   OPEN, or ERROR or ID-TAKEN and the end
//	OFFER, ANSWER, CANDIDATE, LEAVE        realm.go    handed to dst with the true src; kept a while if dst is not there
//
// Peers of one key make a realm; realms know nothing of each other. Who comes back with the id and the token of a
// client that still seems to be there takes its place: the old socket is most likely dead and does not know it.
package peerjs

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/wsconn"
)

// Options are the settings of this front-end.
type Options struct {
	Keys      []string      // API keys, each a realm of its own; empty = "peerjs"
	Discovery bool          // clients may list the peers of their key
	Expire    time.Duration // how long messages wait for a peer; 0 = 5 s
	Idle      time.Duration // silence after which a client is dropped; 0 = 90 s
}

// Adapter is the front-end, an http.Handler for the paths below its place.
type Adapter struct {
	config front.Config
	opt    Options
	log    *slog.Logger
	ws     *wsconn.Server
	realms map[string]*realm // by key; not changed any more
	stats  counters

	closing sync.Once
	stop    chan struct{}
	wg      sync.WaitGroup // of expire
}

type counters struct {
	clients                                         atomic.Int64
	relayed, malformed, full, expired, dead, refuse atomic.Int64
}

// New returns an Adapter; Close ends it.
func New(c front.Config, o Options) *Adapter {
	if len(o.Keys) == 0 {
		o.Keys = []string{"peerjs"}
	}
	if o.Expire <= 0 {
		o.Expire = 5 * time.Second
	}
	if o.Idle <= 0 {
		o.Idle = 90 * time.Second
	}
	c.Inline = true
	a := &Adapter{config: c, opt: o, log: c.Logger(), realms: make(map[string]*realm), stop: make(chan struct{})}
	for _, key := range o.Keys {
		a.realms[key] = newRealm(a, key)
	}
	a.ws = c.Sockets(wsconn.Limits{Quiet: o.Idle, Ping: 25 * time.Second, Idle: min(o.Idle, 60*time.Second)})
	a.wg.Go(a.expire)
	return a
}

// Close tells every client that the server stops and waits until all are gone, or cuts them off when ctx ends.
func (a *Adapter) Close(ctx context.Context) error {
	a.closing.Do(func() { close(a.stop) })
	err := a.ws.Close(ctx)
	a.wg.Wait()
	return err
}

// expire looks after messages that wait for somebody who does not come.
func (a *Adapter) expire() {
	ticker := time.NewTicker(min(a.opt.Expire/4, time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-a.stop:
			return
		case now := <-ticker.C:
			for _, r := range a.realms {
				r.expire(now.Add(-a.opt.Expire))
			}
		}
	}
}

// Stats returns the figures of this moment, from any goroutine.
func (a *Adapter) Stats() front.Stats {
	s := &a.stats
	return front.Stats{
		Clients: int(s.clients.Load()), Relayed: s.relayed.Load(), Socket: a.ws.Stats(),
		Dropped: map[string]int64{
			"malformed": s.malformed.Load(), "queue-full": s.full.Load(), "expired": s.expired.Load(), "dead": s.dead.Load(),
			"refused": s.refuse.Load(),
		},
	}
}

// ServeHTTP implements http.Handler. Only the end of the path counts, so that clients may be given any path.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if upgrades(r) {
		a.accept(w, r)
		return
	}
	a.rest(w, r)
}
