package wsconn

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Serve upgrades a request and hands the connection to the handler that accept returns; it answers
// refused requests itself and returns when the connection is under way. Order of the checks: is it
// WebSocket at all (426, 400), origin (403), subprotocol (400), caps (429, 503).
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, accept func(*Conn) Handler) {
	if status, why := s.refuse(r); status != 0 {
		s.stats.end(Refused)
		s.log.Debug("websocket refused", "why", why, "ip", s.clientIP(r))
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "5")
		}
		if status == http.StatusUpgradeRequired {
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
		}
		http.Error(w, why, status)
		return
	}
	c := &Conn{s: s, ip: s.clientIP(r), protocol: s.subprotocol(r)}
	_, _ = rand.Read(c.id[:]) // never fails (crypto/rand)
	if status, why := s.admit(c); status != 0 {
		s.stats.end(Refused)
		w.Header().Set("Retry-After", "5")
		http.Error(w, why, status)
		return
	}
	conn, early, err := hijack(w, r, c.protocol)
	if err != nil { // the client is gone, or this server cannot
		s.forget(c)
		s.stats.end(Refused)
		s.log.Debug("websocket handshake failed", "err", err, "ip", c.ip)
		return
	}
	c.begin(conn, early)
	c.handler = accept(c)
	if !s.launch(c) {
		c.shut(Shutdown) // nobody reads any more: write the farewell and go
		c.writers.Wait()
		_ = c.net.Close()
		c.finish(End{Reason: Shutdown, Code: codeAbnormal})
	}
}

// launch starts the connection's reader unless the server is closing.
func (s *Server) launch(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	c.started = true
	s.gone.Add(1)
	s.wg.Go(c.r.run)
	return true
}

// refuse says why a request cannot become a connection, 0 = it can.
func (s *Server) refuse(r *http.Request) (status int, why string) {
	switch {
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return http.StatusUpgradeRequired, "this is a WebSocket endpoint"
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1:
		return http.StatusBadRequest, "a WebSocket begins with a GET of HTTP/1.1"
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return http.StatusBadRequest, "WebSocket version 13 only"
	case !validKey(r.Header.Values("Sec-WebSocket-Key")):
		return http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64"
	case !s.config.origins().Allows(r):
		return http.StatusForbidden, "this origin is not allowed"
	case len(s.config.Subprotocols) > 0 && !s.config.Unspoken && s.subprotocol(r) == "":
		return http.StatusBadRequest, "subprotocol: one of " + strings.Join(s.config.Subprotocols, ", ")
	}
	return 0, ""
}

// subprotocol picks our best one that the client offers, "" if there is none.
func (s *Server) subprotocol(r *http.Request) string {
	for _, p := range s.config.Subprotocols {
		if hasToken(r.Header, "Sec-WebSocket-Protocol", p) {
			return p
		}
	}
	return ""
}

// hasToken says whether a comma-separated header has the token; names of tokens ignore case
// (RFC 9110 §7.8), which does no harm for subprotocols either.
func hasToken(h http.Header, key, token string) bool {
	for _, line := range h.Values(key) {
		for _, t := range strings.Split(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

func (s *Server) clientIP(r *http.Request) netip.Addr {
	if s.config.ClientIP != nil {
		return s.config.ClientIP(r)
	}
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap()
}

// admit counts the connection in, or says why there is no place for it.
func (s *Server) admit(c *Conn) (status int, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := site(c.ip)
	switch {
	case s.closed:
		return http.StatusServiceUnavailable, "the server stops"
	case len(s.conns) >= s.limits.Connections:
		return http.StatusServiceUnavailable, "too many connections"
	case s.pending[key] >= s.limits.PendingPerIP:
		return http.StatusTooManyRequests, "too many unfinished connections from your address"
	case s.limits.PerIP > 0 && s.perIP[key] >= s.limits.PerIP:
		return http.StatusTooManyRequests, "too many connections from your address"
	}
	s.pending[key]++
	s.perIP[key]++
	s.conns[c] = struct{}{}
	c.since = s.now()
	c.seen.Store(c.since)
	c.heard.Store(c.since)
	return 0, ""
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

// settle takes the connection off the pending ones, once.
func (s *Server) settle(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ready {
		return
	}
	c.ready = true
	key := site(c.ip)
	if s.pending[key]--; s.pending[key] <= 0 {
		delete(s.pending, key)
	}
}

func (s *Server) forget(c *Conn) {
	s.settle(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.conns[c]; !there {
		return
	}
	delete(s.conns, c)
	key := site(c.ip)
	if s.perIP[key]--; s.perIP[key] <= 0 {
		delete(s.perIP, key)
	}
}

// validKey checks the client's challenge (RFC 6455 §4.2.1).
func validKey(keys []string) bool {
	if len(keys) != 1 {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(keys[0])
	return err == nil && len(raw) == 16
}

// hijack takes the connection from net/http and answers the handshake (RFC 6455 §4.2.2). early is what the client has
// sent behind it. Buffers of net/http are not kept.
func hijack(w http.ResponseWriter, r *http.Request, protocol string) (conn net.Conn, early []byte, err error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "no WebSocket here", http.StatusInternalServerError)
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		peeked, _ := rw.Reader.Peek(n)
		early = bytes.Clone(peeked)
	}
	answer := make([]byte, 0, 256)
	answer = append(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	answer = base64.StdEncoding.AppendEncode(answer, sum[:])
	if protocol != "" {
		answer = append(append(answer, "\r\nSec-WebSocket-Protocol: "...), protocol...)
	}
	_ = conn.SetDeadline(time.Time{}) // net/http's
	if _, err := conn.Write(append(answer, "\r\n\r\n"...)); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, early, nil
}
