// Package article is the front-end for the signalling protocol of the 2024 review article "video calls in the browser with
// open-source tools" (its figures 2 to 6), on the wire the same but for what harms others:
//
//	WebSocket at /           {"type":"id","id":…}   the first one is one's own, further ones are the others of the room
//	video-offer, video-answer, new-ice-candidate, hang-up    handed to target with the true clientId
//
// The article's server sends ids that count; here they are random. It relays whatever it is told and ends at the first frame
// that it does not expect; here the sender is told {"type":"error",…} and nobody else notices. Who leaves in a call is
// hung up for the other side, and who is in a call is not disturbed by a third.
package article

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"veche.example/internal/front"
	"veche.example/internal/wsconn"
)

// maxRoom bounds the name of a room in bytes.
const maxRoom = 256

// Adapter is the front-end, an http.Handler for WebSocket upgrades.
type Adapter struct {
	config front.Config
	log    *slog.Logger
	ws     *wsconn.Server
	stats  counters

	mu    sync.Mutex // guards the following; never held while anything is waited for
	rooms map[string]*room
}

type counters struct {
	clients                                          atomic.Int64
	relayed, malformed, unknown, busy, dead, refused atomic.Int64
}

// New returns an Adapter; Close ends it.
func New(c front.Config) *Adapter {
	c.Inline = true
	a := &Adapter{config: c, log: c.Logger(), rooms: map[string]*room{}}
	a.ws = c.Sockets(wsconn.Limits{Ping: 25 * time.Second, Idle: 60 * time.Second})
	return a
}

// Close tells every client that the server stops and waits until all are gone, or cuts them off when ctx ends.
func (a *Adapter) Close(ctx context.Context) error { return a.ws.Close(ctx) }

// Stats returns the figures of this moment, from any goroutine.
func (a *Adapter) Stats() front.Stats {
	s := &a.stats
	return front.Stats{
		Clients: int(s.clients.Load()), Relayed: s.relayed.Load(), Socket: a.ws.Stats(),
		Dropped: map[string]int64{
			"malformed": s.malformed.Load(), "no-target": s.unknown.Load(), "busy": s.busy.Load(), "dead": s.dead.Load(), "refused": s.refused.Load(),
		},
	}
}

// ServeHTTP implements http.Handler. The query may name a room and bring a token; without one everybody is in the same.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	name, token := q.Get("room"), q.Get("token")
	a.ws.Serve(w, r, func(c *wsconn.Conn) wsconn.Handler { return &client{a: a, c: c, name: name, token: token} })
}

// Opened implements wsconn.Opener.
func (k *client) Opened() {
	token := k.token
	k.token = ""
	switch {
	case len(k.name) > maxRoom || !utf8.ValidString(k.name):
		k.refuse("room", "the name of the room is too long")
		return
	case k.a.stats.clients.Load() >= int64(k.a.config.MaxClients()):
		k.refuse("full", "the server is full")
		return
	}
	if _, err := k.a.config.Allow(token, k.name); err != nil {
		k.c.Log().Debug("article: refused", "err", err)
		k.refuse("token", "the token does not let you in")
		return
	}
	k.a.enter(k)
	k.c.Ready()
}

// closePolicy is the close code for who is refused (RFC 6455 §7.4.1).
const closePolicy = 1008

func (k *client) refuse(code, text string) {
	k.a.stats.refused.Add(1)
	k.c.Close(wsconn.Farewell{Last: problem(code, text, ""), Code: closePolicy, Text: text})
}
