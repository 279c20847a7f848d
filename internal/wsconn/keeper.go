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
			c.check(now)
		}
	}
}

// check looks after one connection; called by the keeper only.
func (c *Conn) check(now int64) {
	l := c.s.limits
	seen := c.seen.Load()
	c.s.mu.Lock()
	ready := c.ready
	c.s.mu.Unlock()
	switch {
	case !ready && now-c.since > int64(l.Handshake):
		c.shut(Timeout)
	case now-seen > int64(l.Idle) || l.Quiet > 0 && now-c.heard.Load() > int64(l.Quiet):
		c.shut(Idle)
	case now-max(seen, c.pinged) > int64(l.Ping):
		c.pinged = now
		_ = c.push(frame{opPing, nil})
	}
}
