// Package easyrtc is the front-end for clients of Open-EasyRTC: what the server of that project does, on the wire the
// same. Below it are engineio, the transport, and socketio, its packets.
//
//	easyrtcAuth   auth.go      authenticate: application, username, credential, rooms ─▶ token, or an error and the end
//	easyrtcCmd    command.go   rooms, presence, fields, ICE servers; offer, answer, candidate, reject, hangup
//	easyrtcMsg    message.go   to a client, a room, a group
//	roomData      app.go       who is in a room, and what has changed
//
// Applications know nothing of each other, and their rooms only what is said in them. The sender of a message is who
// the server knows it to be. A client has a new id with each connection; when somebody comes who may be one that is
// still there (the same session, user or address), the one that is there is asked for a sign of life.
package easyrtc

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/signal/easyrtc/engineio"
)

// Options are the settings of this front-end.
type Options struct {
	Applications []string      // that there are; empty = any
	Rooms        []string      // that there are in each application; empty = any
	DefaultRoom  string        // of who names none; "" = none
	RoomSize     int           // clients in a room; 0 = 100
	Ping         time.Duration // of the heartbeat; 0 = engineio's default
	Timeout      time.Duration // of the heartbeat; 0 = engineio's default
}

// Adapter is the front-end, an http.Handler.
type Adapter struct {
	config front.Config
	opt    Options
	log    *slog.Logger
	engine *engineio.Server
	stats  counters

	mu      sync.Mutex // guards the following and what is in it; never held while anything is waited for
	apps    map[string]*app
	clients int
}

type counters struct {
	relayed, malformed, binary, dead, refused, rate atomic.Int64
}

// New returns an Adapter; Close ends it.
func New(c front.Config, o Options) *Adapter {
	if o.RoomSize <= 0 {
		o.RoomSize = 100
	}
	a := &Adapter{config: c, opt: o, log: c.Logger(), apps: make(map[string]*app)}
	a.engine = engineio.New(engineio.Config{
		Front: c, Ping: o.Ping, Timeout: o.Timeout,
		Open: func(x *engineio.Session) engineio.Handler { return &client{a: a, x: x, id: newID()} },
	})
	return a
}

// Close tells every client that the server stops and waits until all are gone, or cuts them off when ctx ends.
func (a *Adapter) Close(ctx context.Context) error { return a.engine.Close(ctx) }

// Stats returns the figures of this moment, from any goroutine.
func (a *Adapter) Stats() front.Stats {
	a.mu.Lock()
	clients := a.clients
	a.mu.Unlock()
	s := &a.stats
	return front.Stats{
		Clients: clients, Relayed: s.relayed.Load(), Socket: a.engine.Stats(),
		Dropped: map[string]int64{
			"malformed": s.malformed.Load(), "binary": s.binary.Load(), "dead": s.dead.Load(), "refused": s.refused.Load(),
			"polled-rate": s.rate.Load(),
		},
	}
}

// ServeHTTP implements http.Handler. The path is not looked at, but for what Socket.IO's own server has there too.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, ".js") || strings.HasSuffix(r.URL.Path, ".map") {
		http.Error(w, "the scripts of clients are not here: npm has them (socket.io-client, open-easyrtc)", http.StatusNotFound)
		return
	}
	a.engine.ServeHTTP(w, r)
}
