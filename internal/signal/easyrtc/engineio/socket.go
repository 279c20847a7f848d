package engineio

import (
	"net/http"
	"sync/atomic"
	"time"

	"veche.example/internal/wsconn"
)

// socket is a WebSocket of a session. It implements wsconn.Handler.
type socket struct {
	s     *Server
	x     *Session // nil = refused
	c     *wsconn.Conn
	fresh bool        // begins the session
	is    atomic.Bool // the transport of the session
	why   error
}

// serveSocket upgrades a request to a WebSocket, for a new session or one that polls.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, sid string) {
	if sid == "" {
		s.ws.Serve(w, r, func(c *wsconn.Conn) wsconn.Handler {
			x, err := s.newSession(r)
			return &socket{s: s, x: x, c: c, fresh: true, why: err}
		})
		return
	}
	x := s.find(sid)
	if x == nil {
		fail(w, http.StatusBadRequest, sessionUnknown)
		return
	}
	s.ws.Serve(w, r, func(c *wsconn.Conn) wsconn.Handler { return &socket{s: s, x: x, c: c} })
}

// Opened implements wsconn.Opener.
func (k *socket) Opened() {
	switch {
	case k.x == nil:
		k.c.Close(wsconn.Farewell{Code: 1013, Text: k.why.Error()})
	case k.fresh:
		k.is.Store(true)
		k.x.mu.Lock()
		k.x.ws = k.c
		over := k.x.reason != ""
		k.x.mu.Unlock()
		if over { // the server stops
			k.c.Close(wsconn.Farewell{Code: 1001})
			return
		}
		_ = k.c.Send(k.s.hello(k.x)) // closing: Closed follows
	default:
		k.x.mu.Lock()
		refused := k.x.ws != nil || k.x.probing != nil || k.x.reason != "" && len(k.x.queue) == 0
		if !refused {
			k.x.probing = k.c
		}
		k.x.mu.Unlock()
		if refused {
			k.c.Close(wsconn.Farewell{Code: 1008, Text: "the session has a WebSocket"})
		}
	}
}

// Message implements wsconn.Handler.
func (k *socket) Message(data []byte, bin bool) {
	if k.x == nil {
		return // on its way out
	}
	if bin && k.is.Load() {
		k.x.take([]packet{{kind: Message, binary: true, data: data}}, false)
		return
	}
	p, err := parsePacket(data)
	switch {
	case bin || err != nil:
		k.bad(err)
	case k.is.Load():
		k.x.take([]packet{p}, false)
	case p.kind == ping && string(p.data) == "probe":
		_ = k.c.Send([]byte("3probe"))
		k.x.mu.Lock()
		k.x.serve() // a poll that waits ends with noop
		k.x.mu.Unlock()
	case p.kind == upgrade:
		k.become()
	default:
		k.bad(ErrPacket)
	}
}

// bad ends what sends no packets.
func (k *socket) bad(err error) {
	k.s.config.Front.Logger().Debug("engineio: bad packet", "err", err, "ip", k.x.ip)
	if k.is.Load() {
		k.x.shut(wsconn.Protocol)
		return
	}
	k.x.mu.Lock()
	if k.x.probing == k.c {
		k.x.probing = nil // another one may try
	}
	k.x.mu.Unlock()
	k.c.Close(wsconn.Farewell{Code: 1002, Text: "not an Engine.IO packet"})
}

// become makes the WebSocket the session's transport.
func (k *socket) become() {
	x := k.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.probing != k.c {
		return
	}
	k.is.Store(true)
	x.ws, x.probing = k.c, nil
	for _, p := range x.queue {
		_ = k.c.Send(p) // closing: Closed follows
	}
	x.queue, x.bytes = nil, 0
	if x.reason != "" { // it has ended meanwhile; the last packet said so
		k.c.Close(wsconn.Farewell{Code: closeCode(x.reason), Text: string(x.reason)})
		x.loginBy = time.Time{} // nothing to keep
	}
	x.serve()
	if x.ready {
		k.c.Ready()
	}
}

// Limited implements wsconn.Handler.
func (k *socket) Limited(data []byte, bin bool) {
	if p, err := parsePacket(data); err == nil && !bin && k.is.Load() && p.kind == Message {
		k.x.in.Lock()
		defer k.x.in.Unlock()
		k.x.heard()
		k.x.handler.Limited(p.data)
	}
}

// Farewell implements wsconn.Handler.
func (k *socket) Farewell(why wsconn.Reason) wsconn.Farewell {
	f := wsconn.Farewell{Text: string(why)}
	if k.x == nil {
		return f
	}
	if k.is.Load() { // not by x.mu: become sends with it held
		f.Last = k.x.handler.LastWords(why)
	}
	return f
}

// Closed implements wsconn.Handler.
func (k *socket) Closed(e wsconn.End) {
	x := k.x
	if x == nil {
		return
	}
	x.mu.Lock()
	if x.probing == k.c {
		x.probing = nil
	}
	x.mu.Unlock()
	if k.fresh || k.is.Load() {
		x.end(e.Reason, wsconn.Farewell{})
	}
}
