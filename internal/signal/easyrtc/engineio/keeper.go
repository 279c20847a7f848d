package engineio

import (
	"time"

	"veche.example/internal/wsconn"
)

// wake makes the keeper look now.
func (s *Server) wake() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// keep looks after all sessions: pings, silence, logins that do not come, and telling handlers of the end. It ends
// when the server is closed and nobody is left.
func (s *Server) keep() {
	every := min(s.config.Ping, s.config.Timeout, s.login, time.Second) / 4
	ticker := time.NewTicker(max(every, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-s.poke:
		case <-ticker.C:
			s.look(time.Now())
		}
		s.bury()
		s.mu.Lock()
		done := s.closed && len(s.ended) == 0
		for _, x := range s.sessions {
			done = done && x.told
		}
		s.mu.Unlock()
		if done {
			return
		}
	}
}

// look goes over the sessions.
func (s *Server) look(now time.Time) {
	s.mu.Lock()
	all := make([]*Session, 0, len(s.sessions))
	for _, x := range s.sessions {
		all = append(all, x)
	}
	s.mu.Unlock()
	for _, x := range all {
		x.look(now)
	}
}

func (x *Session) look(now time.Time) {
	x.mu.Lock()
	over, ready := x.reason != "", x.ready
	late := now.After(x.loginBy)
	dead := !x.pongBy.IsZero() && now.After(x.pongBy)
	probing := x.probing
	due := !over && x.pongBy.IsZero() && now.After(x.pingAt)
	if due {
		x.pongBy = now.Add(x.s.config.Timeout)
	}
	x.mu.Unlock()
	switch {
	case over && late:
		x.s.forget(x)
		if probing != nil {
			probing.Close(wsconn.Farewell{Code: 1008, Text: "the session has ended"})
		}
	case over:
	case dead:
		x.shut(wsconn.Idle)
	case !ready && late:
		x.shut(wsconn.Timeout)
	case due:
		_ = x.Send([]byte{ping}) // closing meanwhile: nothing is lost
	}
}

// bury tells the handlers of sessions that have ended. Those with last words that wait for a poll stay a while.
func (s *Server) bury() {
	s.mu.Lock()
	ended := s.ended
	s.ended = nil
	s.mu.Unlock()
	for _, x := range ended {
		x.in.Lock()
		x.handler.Closed(x.reason) // does not change any more
		x.in.Unlock()
		x.mu.Lock()
		words := len(x.queue) > 0
		x.mu.Unlock()
		s.mu.Lock()
		x.told = true
		s.mu.Unlock()
		if !words {
			s.forget(x)
		}
	}
}
