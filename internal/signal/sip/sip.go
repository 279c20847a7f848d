// Package sip is the front-end for SIP over WebSocket (RFC 7118): a registrar (RFC 3261 §10), and a proxy that keeps
// transactions and stays in the path of dialogs (RFC 3261 §16), for clients that have no address but their connection
// (RFC 5626).
//
//	WebSocket, subprotocol sip   client.go     one message per frame; keep-alive; checks that need no state
//	who is it                    identity.go   digest, token, or the first name that is claimed where all is open
//	REGISTER                     registrar.go  which connections somebody is reached by
//	where does it go             route.go      Route and the token in it, registrations, contacts
//	requests                     forward.go    a transaction with a branch for each target
//	responses, CANCEL, ACK       answer.go     the best answer of all branches
//	timers                       timer.go      what happens when nobody answers
//
// Media goes from browser to browser. Via, Record-Route and the asserted identity are the proxy's; all else of a
// message reaches the other side as it was sent.
package sip

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/signal/sip/digest"
	"veche.example/internal/wsconn"
)

// Options are the settings of this front-end.
type Options struct {
	Domains    []string                 // whose users these are; empty = of any domain
	Realm      string                   // of digest authentication; "" = "veche"
	Users      map[string]digest.Secret // by NAME or NAME@DOMAIN
	MinExpires time.Duration            // of a registration; 0 = 60 s
	MaxExpires time.Duration            // of a registration; 0 = 2 h
	NonceLife  time.Duration            // 0 = 5 min
}

// Bounds of what one client, one user and all together can hold.
const (
	maxContacts     = 10      // of a user, and of a connection
	maxPending      = 64      // transactions that a connection has begun
	maxTransactions = 100_000 // of all
	maxFailures     = 10      // wrong passwords on a connection
	maxWas          = 8       // connections that one has taken the place of
)

// ourHost is what Record-Route and Route name us by, also after a restart: nobody can reach it but over a connection
// that is there (RFC 7118 §5).
const ourHost = "sip.veche.invalid"

// Adapter is the front-end, an http.Handler for WebSocket upgrades.
type Adapter struct {
	config front.Config
	opt    Options
	log    *slog.Logger
	ws     *wsconn.Server
	realm  *digest.Realm
	open   bool   // who has no secret needs none
	sentBy string // in our Via; of this process only
	key    [32]byte
	now    func() time.Time
	stats  counters

	closing sync.Once
	stop    chan struct{}
	wg      sync.WaitGroup // of tick

	mu           sync.Mutex            // guards the following, and all of clients that says so; never held while anything is waited for
	users        map[string][]*binding // by address of record
	points       map[string]*binding   // by contact
	flows        map[string]*client    // by id, also those of connections whose place it took
	transactions map[*transaction]struct{}
	branches     map[string]*branch // by id
}

type counters struct {
	clients                                                   atomic.Int64
	relayed, malformed, refused, stray, expired, full, looped atomic.Int64
}

// New returns an Adapter; Close ends it.
func New(c front.Config, o Options) *Adapter { return newAdapter(c, o, time.Now) }

func newAdapter(c front.Config, o Options, now func() time.Time) *Adapter {
	if o.Realm == "" {
		o.Realm = "veche"
	}
	if o.MinExpires <= 0 {
		o.MinExpires = time.Minute
	}
	if o.MaxExpires <= 0 {
		o.MaxExpires = 2 * time.Hour
	}
	if o.NonceLife <= 0 {
		o.NonceLife = 5 * time.Minute
	}
	allSHA256 := true
	for _, s := range o.Users {
		allSHA256 = allSHA256 && (s.Password != "" || s.HA1SHA256 != "")
	}
	c.Inline = true
	a := &Adapter{
		config: c, opt: o, log: c.Logger(), realm: digest.New(o.Realm, o.NonceLife, allSHA256), open: c.Authorize == nil, now: now,
		sentBy: randomHex(6) + ".invalid", stop: make(chan struct{}), users: make(map[string][]*binding), points: make(map[string]*binding),
		flows: make(map[string]*client), transactions: make(map[*transaction]struct{}), branches: make(map[string]*branch),
	}
	_, _ = rand.Read(a.key[:]) // never fails (crypto/rand)
	l := wsconn.Limits{Ping: 25 * time.Second, Idle: 60 * time.Second, Handshake: time.Minute}
	a.ws = c.Sockets(l, "sip")
	a.wg.Go(a.tick)
	return a
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// Close tells every client that the server stops and waits until all are gone, or cuts them off when ctx ends.
func (a *Adapter) Close(ctx context.Context) error {
	a.closing.Do(func() { close(a.stop) })
	err := a.ws.Close(ctx)
	a.wg.Wait()
	return err
}

// Stats returns the figures of this moment, from any goroutine.
func (a *Adapter) Stats() front.Stats {
	s := &a.stats
	return front.Stats{
		Clients: int(s.clients.Load()), Relayed: s.relayed.Load(), Socket: a.ws.Stats(),
		Dropped: map[string]int64{
			"malformed": s.malformed.Load(), "refused": s.refused.Load(), "stray": s.stray.Load(), "expired": s.expired.Load(),
			"full": s.full.Load(), "loop": s.looped.Load(),
		},
	}
}

// ServeHTTP implements http.Handler.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "this is for SIP over WebSocket (RFC 7118)", http.StatusUpgradeRequired)
		return
	}
	if !offers(r, "sip") { // RFC 7118 §4.1
		http.Error(w, "the WebSocket subprotocol sip is missing", http.StatusBadRequest)
		return
	}
	k := &client{a: a, seen: remember(r), token: strings.Clone(r.URL.Query().Get("token"))}
	a.ws.Serve(w, r, func(c *wsconn.Conn) wsconn.Handler { k.c, k.id = c, c.ID(); return k })
}

func offers(r *http.Request, want string) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), want) {
				return true
			}
		}
	}
	return false
}

// remember keeps of a request what says under which address the client sees the server.
func remember(r *http.Request) *http.Request {
	kept := &http.Request{Host: strings.Clone(r.Host), RemoteAddr: strings.Clone(r.RemoteAddr), TLS: r.TLS, Header: make(http.Header)}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		for _, v := range r.Header.Values(name) {
			kept.Header.Add(name, strings.Clone(v))
		}
	}
	return kept
}
