package wsconn

import "time"

// keep pings connections that are silent and closes those that are dead or never got ready. One
// goroutine for all: a timer per connection would cost more than the look.
func (s *Server) keep() {
	l := s.limits
	tick := min(l.Ping, l.Idle, l.Handshake)
	if l.Quiet > 0 {
		tick = min(tick, l.Quiet)
	}
	tick = max(tick/8, 5*time.Millisecond)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		now := s.now()
		for _, c := range s.all() {
			s.check(c, now)
		}
	}
}

// check looks after one connection; called by the keeper only.
func (s *Server) check(c *Conn, now int64) {
	l := s.limits
	if own := c.keepalive.Load(); own != nil {
		l.Ping, l.Idle = own.ping, own.idle
	}
	seen := c.seen.Load()
	s.mu.Lock()
	ready := c.ready
	s.mu.Unlock()
	switch {
	case !ready && now-c.since > int64(l.Handshake):
		c.shut(Timeout)
	case l.Idle > 0 && now-seen > int64(l.Idle) || l.Quiet > 0 && now-c.heard.Load() > int64(l.Quiet):
		c.shut(Idle)
	case l.Ping > 0 && now-max(seen, c.pinged) > int64(l.Ping):
		c.pinged = now
		_ = c.push(frame{opPing, nil})
	}
}

// keepalive is what a connection wants instead of Limits.Ping and Limits.Idle.
type keepalive struct{ ping, idle time.Duration }

// Keepalive changes how long this connection may be silent before it is pinged, and before it is closed; 0 = for
// ever. The keeper looks eight times in the shortest of the server's own limits.
func (c *Conn) Keepalive(ping, idle time.Duration) { c.keepalive.Store(&keepalive{ping, idle}) }
