// Package engineio is the server of Engine.IO 4, the transport below Socket.IO: a session that a client reaches by
// long polling, by a WebSocket, or first by one and then by the other.
//
//	GET  ?EIO=4&transport=polling          polling.go  a new session; with sid: what there is for it, or waits for it
//	POST ?EIO=4&transport=polling&sid=     polling.go  packets of the client
//	WebSocket ?EIO=4&transport=websocket   socket.go   a new session; with sid: the probe, then the upgrade
//	ping every Ping, silence of Timeout    keeper.go   the end of a session
//
// JSONP and older versions of the protocol are refused.
package engineio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/wsconn"
)

// Handler is what is on top of a session. All methods but LastWords are called one at a time.
type Handler interface {
	// Message takes a message; data is valid during the call only.
	Message(data []byte, binary bool)
	// Limited is told of a message that came too fast and must not be acted upon.
	Limited(data []byte)
	// LastWords is the packet that tells a client why its session ends, nil = none. It may be called from any
	// goroutine and has no effects.
	LastWords(why wsconn.Reason) []byte
	// Closed is the last call.
	Closed(why wsconn.Reason)
}

// Config configures a Server.
type Config struct {
	Front   front.Config
	Ping    time.Duration // between two pings; 0 = 15 s
	Timeout time.Duration // of silence after a ping; 0 = 15 s
	Login   time.Duration // until Session.Ready; 0 = 45 s
	// Open makes the handler of a new session.
	Open func(*Session) Handler
}

// Limits that nobody has needed to change.
const (
	spare      = 64              // sessions beyond the limit, that their handlers can still tell so
	queueMost  = 1024            // packets that wait for a poll
	queueBytes = 2 << 20         // of them
	linger     = 5 * time.Second // for last words to be polled
	patience   = 10 * time.Second
)

// Server owns the sessions. It is an http.Handler that looks at the query only, not at the path.
type Server struct {
	config Config
	ws     *wsconn.Server
	login  time.Duration
	frame  int // bytes of a message, and of a payload
	rate   float64
	burst  float64
	keeper sync.WaitGroup
	poke   chan struct{} // wakes the keeper

	mu       sync.Mutex // guards the following; taken after nothing else of this package
	closed   bool
	sessions map[string]*Session
	perIP    map[netip.Addr]int
	pending  map[netip.Addr]int // not Ready
	ended    []*Session         // whose handlers have to be told
}

// New returns a Server; Close ends it.
func New(c Config) *Server {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Ping, 15*time.Second)
	def(&c.Timeout, 15*time.Second)
	def(&c.Login, 45*time.Second)
	l := c.Front.Limits
	s := &Server{
		config: c, login: c.Login, frame: l.Frame, rate: l.Rate, burst: float64(l.Burst), poke: make(chan struct{}, 1),
		sessions: make(map[string]*Session), perIP: make(map[netip.Addr]int), pending: make(map[netip.Addr]int),
	}
	if s.frame <= 0 {
		s.frame = 64 << 10
	}
	if s.rate <= 0 {
		s.rate, s.burst = 50, 200
	}
	// the heartbeat is Engine.IO's: that of the WebSocket shall not come before it
	silence := 2 * (c.Ping + c.Timeout)
	s.ws = c.Front.Sockets(wsconn.Limits{Frame: s.frame + 1, Handshake: c.Login + patience, Ping: silence, Idle: 2 * silence})
	s.keeper.Go(s.keep)
	return s
}

// Close ends every session with the reason Shutdown and waits until all are gone, or cuts them off when ctx ends.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	all := make([]*Session, 0, len(s.sessions))
	for _, x := range s.sessions {
		all = append(all, x)
	}
	s.mu.Unlock()
	for _, x := range all {
		x.shut(wsconn.Shutdown)
	}
	err := s.ws.Close(ctx)
	s.wake()
	s.keeper.Wait()
	return err
}

// Stats are those of the WebSockets.
func (s *Server) Stats() wsconn.Stats { return s.ws.Stats() }

// Sessions is how many there are, from any goroutine.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// failure is an error of the protocol: its code is the index.
type failure int

const (
	transportUnknown failure = iota
	sessionUnknown
	badMethod
	badRequest
	forbidden
	badVersion
)

var failures = [...]string{
	"Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version",
}

// fail answers with an error of the protocol.
func fail(w http.ResponseWriter, status int, f failure) {
	body, _ := json.Marshal(struct { // cannot fail
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{int(f), failures[f]})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client went away: nobody is left to tell
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	sid, transport := q.Get("sid"), q.Get("transport")
	if transport != "websocket" && !s.config.Front.CORS(w, r, "GET, POST") {
		return
	}
	switch {
	case transport != "polling" && transport != "websocket":
		fail(w, http.StatusBadRequest, transportUnknown)
	case q.Get("EIO") != "4":
		fail(w, http.StatusBadRequest, badVersion)
	case q.Has("j"): // JSONP: a script of ours in their page
		fail(w, http.StatusBadRequest, badRequest)
	case transport == "websocket":
		s.serveSocket(w, r, sid)
	case sid != "":
		s.servePolling(w, r, sid)
	case r.Method != http.MethodGet:
		fail(w, http.StatusBadRequest, badMethod)
	default:
		s.handshake(w, r)
	}
}

// Errors of newSession.
var (
	errStops = errors.New("the server stops")
	errFull  = errors.New("too many connections")
	errMany  = errors.New("too many connections from your address")
)

// newSession makes a session for who asks.
func (s *Server) newSession(r *http.Request) (*Session, error) {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	x := &Session{s: s, id: base64.RawURLEncoding.EncodeToString(raw[:]), req: essence(r), ip: s.clientIP(r)}
	now := time.Now()
	x.rate = bucket{tokens: s.burst, taken: now}
	x.pingAt, x.loginBy = now.Add(s.config.Ping), now.Add(s.login)
	x.handler = s.config.Open(x)
	most := s.config.Front.Limits
	if most.Pending <= 0 {
		most.Pending = 32
	}
	at := site(x.ip)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errStops
	case len(s.sessions) >= s.config.Front.MaxClients()+spare:
		return nil, errFull
	case most.PerIP > 0 && s.perIP[at] >= most.PerIP, s.pending[at] >= most.Pending:
		return nil, errMany
	}
	s.sessions[x.id] = x
	s.perIP[at]++
	s.pending[at]++
	x.waits = true
	return x, nil
}

// find is the session of an id, nil if there is none.
func (s *Server) find(sid string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sid]
}

// settle takes a session off the pending ones, once.
func (s *Server) settle(x *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.waits {
		x.waits = false
		decrement(s.pending, site(x.ip))
	}
}

// forget takes a session off the books, once.
func (s *Server) forget(x *Session) {
	s.settle(x)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[x.id] == x {
		delete(s.sessions, x.id)
		decrement(s.perIP, site(x.ip))
	}
}

func decrement(m map[netip.Addr]int, at netip.Addr) {
	if m[at]--; m[at] <= 0 {
		delete(m, at)
	}
}

// site is what counts as one address: an IPv6 customer has a /64.
func site(ip netip.Addr) netip.Addr {
	if ip.Is6() && !ip.Is4In6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip.Unmap()
}

func (s *Server) clientIP(r *http.Request) netip.Addr {
	if s.config.Front.ClientIP != nil {
		return s.config.Front.ClientIP(r)
	}
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap()
}

// hello is the handshake's answer.
func (s *Server) hello(x *Session, upgrades ...string) []byte {
	body, _ := json.Marshal(struct { // cannot fail
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{x.id, append([]string{}, upgrades...), s.config.Ping.Milliseconds(), s.config.Timeout.Milliseconds(), s.frame})
	return append([]byte{open}, body...)
}
