package engineio

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"veche.example/internal/wsconn"
)

// Session is one client. Its methods may be called from any goroutine, also by its handler.
type Session struct {
	s       *Server
	id      string
	req     *http.Request
	ip      netip.Addr
	handler Handler
	waits   bool // guarded by Server.mu: counts as pending
	told    bool // guarded by Server.mu: the handler knows of the end

	in   sync.Mutex // held while a packet is acted upon; guards the following
	rate bucket     // of a client that polls

	mu      sync.Mutex    // guards the following; taken after in
	ws      *wsconn.Conn  // the transport, nil = polling
	probing *wsconn.Conn  // wants to become it
	queue   [][]byte      // for the next poll
	bytes   int           // in the queue
	poll    *waiter       // the poll that waits
	reason  wsconn.Reason // why it ends, "" = it does not
	ready   bool          // Ready was called
	pingAt  time.Time     // when to ping
	pongBy  time.Time     // when it is dead unless something comes; zero = no ping is open
	loginBy time.Time     // when it must be Ready; after the end: when last words are forgotten
}

// waiter is a poll that waits: closed when there is something for it.
type waiter struct{ done chan struct{} }

// Request is the request that the session began with: host, addresses, and the headers of proxies.
func (x *Session) Request() *http.Request { return x.req }

// IP is the client's address.
func (x *Session) IP() netip.Addr { return x.ip }

// ID is the session's id, a secret of the client's.
func (x *Session) ID() string { return x.id }

// essence is what is worth keeping of a request.
func essence(r *http.Request) *http.Request {
	out := &http.Request{Method: r.Method, Host: strings.Clone(r.Host), RemoteAddr: r.RemoteAddr, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor}
	if r.TLS != nil {
		out.TLS = &tls.ConnectionState{Version: r.TLS.Version}
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"} {
		if v := r.Header.Values(name); len(v) > 0 {
			if out.Header == nil {
				out.Header = make(http.Header)
			}
			out.Header[name] = append([]string(nil), v...)
		}
	}
	return out
}

// Ready says that the client is known: it no longer counts as pending.
func (x *Session) Ready() {
	x.s.settle(x)
	x.mu.Lock()
	x.ready = true
	ws := x.ws
	x.mu.Unlock()
	if ws != nil {
		ws.Ready()
	}
}

// Send queues a packet, which begins with Message, and never blocks. The session owns it from now on; sending one
// slice to many is fine, changing it is not. Errors are those of wsconn.
func (x *Session) Send(packet []byte) error {
	x.mu.Lock()
	if x.reason != "" {
		x.mu.Unlock()
		return wsconn.ErrClosed
	}
	if ws := x.ws; ws != nil {
		x.mu.Unlock()
		err := ws.Send(packet)
		if errors.Is(err, wsconn.ErrSlow) {
			x.end(wsconn.Slow, wsconn.Farewell{}) // its words are said by the socket
		}
		return err
	}
	if len(x.queue) >= queueMost || x.bytes+len(packet) > queueBytes {
		x.mu.Unlock()
		x.shut(wsconn.Slow)
		return wsconn.ErrSlow
	}
	x.queue = append(x.queue, packet)
	x.bytes += len(packet)
	x.serve()
	x.mu.Unlock()
	return nil
}

// serve wakes the poll that waits; mu is held.
func (x *Session) serve() {
	if x.poll != nil {
		close(x.poll.done)
		x.poll = nil
	}
}

// Probe wants to hear something of the client soon, or it is taken for dead.
func (x *Session) Probe(within time.Duration) {
	x.mu.Lock()
	by := time.Now().Add(within)
	if x.reason != "" || !x.pongBy.IsZero() && x.pongBy.Before(by) {
		x.mu.Unlock()
		return
	}
	x.pongBy = by
	x.mu.Unlock()
	_ = x.Send([]byte{ping}) // it is closing: as wanted
	x.s.wake()
}

// Close ends the session after what is queued; last is one more packet, nil = none.
func (x *Session) Close(last []byte, text string) {
	x.end(wsconn.Closed, wsconn.Farewell{Last: last, Text: text})
}

// shut ends the session for a reason of the transport's.
func (x *Session) shut(why wsconn.Reason) {
	x.end(why, wsconn.Farewell{Last: x.handler.LastWords(why), Text: string(why)})
}

// end ends the session, once.
func (x *Session) end(why wsconn.Reason, f wsconn.Farewell) {
	x.mu.Lock()
	if x.reason != "" {
		x.mu.Unlock()
		return
	}
	x.reason = why
	x.loginBy = time.Now().Add(linger)
	ws := x.ws
	if ws == nil { // a WebSocket that wants to become the transport may yet: who upgrades does not poll any more
		if why == wsconn.Slow { // what it did not fetch it will not fetch now
			x.queue = nil
		}
		if f.Last != nil {
			x.queue = append(x.queue, f.Last)
		}
		x.queue = append(x.queue, []byte{closing})
		x.serve()
	}
	x.mu.Unlock()
	if f.Code == 0 && why != wsconn.Closed {
		f.Code = closeCode(why)
	}
	if ws != nil {
		ws.Close(f)
	}
	x.s.mu.Lock()
	x.s.ended = append(x.s.ended, x)
	x.s.mu.Unlock()
	x.s.wake()
}

// closeCode is the code of RFC 6455 §7.4.1 for a reason of ours; those of wsconn it knows itself.
func closeCode(why wsconn.Reason) int {
	switch why {
	case wsconn.Idle, wsconn.Shutdown:
		return 1001
	case wsconn.Protocol:
		return 1002
	case wsconn.TooBig:
		return 1009
	case wsconn.Panic:
		return 1011
	}
	return 1008
}

// heard notes that the client lives.
func (x *Session) heard() {
	x.mu.Lock()
	if !x.pongBy.IsZero() {
		x.pongBy = time.Time{}
		x.pingAt = time.Now().Add(x.s.config.Ping)
	}
	x.mu.Unlock()
}

// take acts on packets in order. limited: the transport has not counted them.
func (x *Session) take(packets []packet, limited bool) {
	x.in.Lock()
	defer x.in.Unlock()
	defer func() {
		if p := recover(); p != nil {
			x.s.config.Front.Logger().Error("engineio: handler panics", "panic", p)
			x.shut(wsconn.Panic)
		}
	}()
	x.heard()
	for _, p := range packets {
		switch {
		case x.over():
			return
		case p.kind == closing:
			x.end(wsconn.Gone, wsconn.Farewell{})
			return
		case p.kind == pong, p.kind == noop:
		case p.kind != Message:
			x.shut(wsconn.Protocol)
			return
		case limited && !x.rate.take(time.Now(), x.s.rate, x.s.burst):
			if x.rate.refused >= offences {
				x.shut(wsconn.Rate)
				return
			}
			x.handler.Limited(p.data)
		default:
			x.handler.Message(p.data, p.binary)
		}
	}
}

// bucket limits the messages of a client that polls, as wsconn limits those of a WebSocket.
type bucket struct {
	tokens    float64
	taken     time.Time // when they were counted
	refused   int       // in a row: no pause of a second between them
	refusedAt time.Time
}

// offences is how many refused messages in a row end a session.
const offences = 100

// take takes a token, if there is one.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	b.tokens = min(burst, b.tokens+now.Sub(b.taken).Seconds()*rate)
	b.taken = now
	if b.tokens >= 1 {
		b.tokens--
		return true
	}
	if now.Sub(b.refusedAt) > time.Second {
		b.refused = 0
	}
	b.refusedAt = now
	b.refused++
	return false
}

func (x *Session) over() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.reason != ""
}
