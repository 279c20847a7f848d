// Package front is what the front-ends share: the signalling adapters for clients of other systems (internal/signal/…).
//
// A front-end takes WebSockets or requests of its protocol and relays what clients tell each other; media goes from
// browser to browser. The root package gives it a Config and mounts its http.Handler: at its usual place on the one
// HTTP port, and on a port of its own if there is one. See ARCHITECTURE.md, "A new signalling protocol".
package front

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"veche.example/internal/wsconn"
)

// Config is what every front-end is given. Its functions may be called from any goroutine.
type Config struct {
	Log      *slog.Logger // nil = silent
	Origins  []string     // of foreign pages, besides our own host; "*" = any
	ClientIP func(*http.Request) netip.Addr
	Host     func(*http.Request) string // as the client sees it
	// Authorize checks a client's token for a space: a room, an application, an API key. nil = everybody may.
	// Errors wrap ErrDenied.
	Authorize func(token, space string) (Grant, error)
	// ICE makes the STUN and TURN servers for a client, with credentials of its own; nil = none.
	ICE func(r *http.Request, client string) []ICEServer
	// Derive makes 32 bytes of key for a purpose, the same after a restart as long as the server's secret is; nil = there
	// is no secret.
	Derive func(purpose string) []byte
	Limits Limits

	Inline   bool // the front-end's own: its sockets' handlers never wait (wsconn.Config.Inline)
	Unspoken bool // and tell who speaks another subprotocol (wsconn.Config.Unspoken)
}

// Limits bound what clients cost.
type Limits struct {
	Connections int     // at a time; 0 = 10,000
	PerIP       int     // of them from one address (IPv6: /64); 0 = no limit
	Pending     int     // of them not yet known, from one address; 0 = wsconn's default
	Rate        float64 // messages of a client per second; 0 = wsconn's default
	Burst       int     // messages of a client at once; 0 = wsconn's default
	Frame       int     // bytes of a message from a client; 0 = wsconn's default
}

// ErrDenied: the token does not let the client in.
var ErrDenied = errors.New("front: access denied")

// Grant is what a token gives.
type Grant struct {
	Identity string // who the client is for the issuer of its token; "" = nobody in particular
	Name     string // to show to others
	Role     string // of auth.Grant: viewer, speaker, moderator
}

// ICEServer is one RTCIceServer (W3C WebRTC §4.2.3), as browsers take it.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Allow asks Authorize.
func (c *Config) Allow(token, space string) (Grant, error) {
	if c.Authorize == nil {
		return Grant{}, nil
	}
	return c.Authorize(token, space)
}

// Logger is Log or a silent one.
func (c *Config) Logger() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// Origin is the policy for the pages that clients are in.
func (c *Config) Origin() wsconn.OriginPolicy {
	return wsconn.OriginPolicy{Origins: c.Origins, Host: c.Host, ClientIP: c.ClientIP, Local: true}
}

// spare are connections beyond Limits.Connections that a front-end can still tell why there is no place for them.
const spare = 64

// Sockets makes the WebSocket server of a front-end; fields of l that are not zero go before those of Limits. The
// protocol's own limit of clients is the front-end's to keep: a few more connections are let in, to be told.
func (c *Config) Sockets(l wsconn.Limits, subprotocols ...string) *wsconn.Server {
	if l.Connections == 0 {
		l.Connections = c.MaxClients() + spare
	}
	if l.Frame == 0 {
		l.Frame = c.Limits.Frame
	}
	if l.PendingPerIP == 0 {
		l.PendingPerIP = c.Limits.Pending
	}
	if l.Rate == 0 {
		l.Rate, l.Burst = c.Limits.Rate, c.Limits.Burst
	}
	l.PerIP = c.Limits.PerIP
	return wsconn.New(wsconn.Config{
		Log: c.Log, Subprotocols: subprotocols, Origins: c.Origins, ClientIP: c.ClientIP, Host: c.Host, Local: true, Direct: true, Inline: c.Inline,
		Unspoken: c.Unspoken, Limits: l,
	})
}

// MaxClients is Limits.Connections or its default.
func (c *Config) MaxClients() int {
	if c.Limits.Connections > 0 {
		return c.Limits.Connections
	}
	return 10_000
}

// CORS answers for foreign pages (Fetch §3.2): an allowed one may read the answer and send what methods names. It
// says whether to go on; a preflight and a page that is not allowed are answered.
func (c *Config) CORS(w http.ResponseWriter, r *http.Request, methods string) bool {
	w.Header().Add("Vary", "Origin")
	if !c.Origin().Allows(r) {
		http.Error(w, "this origin is not allowed", http.StatusForbidden)
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method != http.MethodOptions {
		return true
	}
	w.Header().Set("Access-Control-Allow-Methods", methods)
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		w.Header().Set("Access-Control-Allow-Headers", asked)
	}
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return false
}

// Stats are figures for the metrics. Clients is a gauge, the rest only grow; names of reasons are few and fixed.
type Stats struct {
	Clients int
	Relayed int64 // messages from client to client
	Dropped map[string]int64
	Socket  wsconn.Stats
}
