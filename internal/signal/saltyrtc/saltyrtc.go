// Package saltyrtc is the front-end for clients of SaltyRTC, whose server cannot read what they tell each other: the
// protocol v1.saltyrtc.org as its specification (saltyrtc-meta, Protocol.md) has it; sections are named by its headings.
//
//	nonce.go            cookies, addresses and sequence numbers at the head of every message
//	keys.go             session keys, one per client, and the permanent key that vouches for them
//	message.go          the messages between client and server, in MessagePack (msgpack/)
//	client.go           server-hello, client-hello, client-auth, server-auth; then commands and what is relayed
//	path.go             who is on a path: one initiator, up to 254 responders
//	rest.go             the permanent public keys to pin, STUN and TURN servers
//
// A path is the public key of the initiator, in the URL. Who has authenticated with that key is the initiator, and
// takes the place of the one before; everybody else is a responder. The server checks addresses and relays the rest.
package saltyrtc

import (
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/wsconn"
)

// Options are the settings of this front-end.
type Options struct {
	// Keys are the permanent private keys, the primary first; empty = one that front.Config.Derive makes, or without
	// that a random one.
	Keys [][32]byte
	Pong time.Duration // how long a ping may be unanswered; 0 = 30 s, as recommended
}

// Adapter is the front-end, an http.Handler.
type Adapter struct {
	config front.Config
	pong   time.Duration
	ws     *wsconn.Server
	keys   []pair // not changed any more
	stats  counters

	mu    sync.Mutex // guards the following; never held together with that of a path
	paths map[key]*path
}

type counters struct{ clients, relayed, undelivered, refused atomic.Int64 }

// tick is how fine intervals of pings are kept.
const tick = 2 * time.Second

// New returns an Adapter; Close ends it.
func New(c front.Config, o Options) *Adapter {
	c.Inline, c.Unspoken = true, true
	a := &Adapter{config: c, pong: o.Pong, paths: make(map[key]*path)}
	if a.pong <= 0 {
		a.pong = pongTimeout
	}
	for _, private := range o.Keys {
		a.keys = append(a.keys, newPair(private))
	}
	switch {
	case len(a.keys) > 0:
	case c.Derive != nil:
		a.keys = []pair{newPair([32]byte(c.Derive("saltyrtc")))}
	default:
		a.keys = []pair{randomPair()}
	}
	a.ws = c.Sockets(wsconn.Limits{Connections: c.MaxClients(), Ping: tick}, subprotocol)
	c.Logger().Info("saltyrtc: permanent public key", "key", hex.EncodeToString(a.keys[0].public[:]))
	return a
}

// Close tells every client that the server stops and waits until all are gone, or cuts them off when ctx ends.
func (a *Adapter) Close(ctx context.Context) error { return a.ws.Close(ctx) }

// Stats returns the figures of this moment, from any goroutine.
func (a *Adapter) Stats() front.Stats {
	s := &a.stats
	return front.Stats{
		Clients: int(s.clients.Load()), Relayed: s.relayed.Load(), Socket: a.ws.Stats(),
		Dropped: map[string]int64{"undelivered": s.undelivered.Load(), "refused": s.refused.Load()},
	}
}

// permanent is the pair that the client knows, or the primary if it knows none; nil: we have no such pair.
func (a *Adapter) permanent(known *key) *pair {
	if known == nil {
		return &a.keys[0]
	}
	i := slices.IndexFunc(a.keys, func(p pair) bool { return p.public == *known })
	if i < 0 {
		return nil
	}
	return &a.keys[i]
}

// place is where everything is that is no path.
const place = "/saltyrtc"

var (
	plain = front.UpgradeIf(func(p string) bool {
		_, ok := parsePath(strings.TrimPrefix(p, "/"))
		return ok
	})
	below = front.At(place)
)

// Mount is a front.Mount: WebSockets at /{64 hex digits}, and all below /saltyrtc/.
func Mount(r *http.Request) (*http.Request, bool) {
	if seen, ok := plain(r); ok {
		return seen, true
	}
	return below(r)
}

// request is what the URL of a WebSocket says.
type request struct {
	key   key  // the initiator's
	valid bool // it is a key
	token string
}

// parseRequest takes /{path}, with or without the token or the place before it: a client of SaltyRTC can be told
// what is before the path, but not what is behind it.
func parseRequest(r *http.Request) (out request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	out.key, out.valid = parsePath(parts[len(parts)-1])
	out.token = r.URL.Query().Get("token")
	if n := len(parts); n > 1 && out.token == "" && parts[n-2] != strings.TrimPrefix(place, "/") {
		out.token = parts[n-2]
	}
	out.token = strings.Clone(out.token)
	return out
}

// parsePath reads 64 lower-case hex digits.
func parsePath(s string) (k key, ok bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != keySize || strings.ToLower(s) != s {
		return k, false
	}
	return key(raw), true
}

// admit says why a client cannot even begin.
func (a *Adapter) admit(c *wsconn.Conn, r *request) error {
	switch {
	case c.Subprotocol() == "":
		return failure{closeProtocolWS, "subprotocol: " + subprotocol}
	case !r.valid:
		return violation("the path is not 64 lower-case hex digits")
	}
	if _, err := a.config.Allow(r.token, hex.EncodeToString(r.key[:])); err != nil {
		c.Log().Debug("saltyrtc: refused", "err", err)
		return failure{closePolicy, "the token is not valid for this path"}
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		a.rest(w, r)
		return
	}
	g := &greeting{request: parseRequest(r)}
	a.ws.Serve(w, r, func(c *wsconn.Conn) wsconn.Handler {
		return &client{a: a, c: c, greet: g, out: newOutgoing()}
	})
}
