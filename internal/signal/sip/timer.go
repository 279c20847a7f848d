package sip

import "time"

// tick looks after what nobody answers.
func (a *Adapter) tick() {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-a.stop:
			return
		case <-ticker.C:
			a.mu.Lock()
			a.overdue(a.now())
			if n%sweep == 0 {
				a.sweep(a.now())
			}
			a.mu.Unlock()
		}
	}
}

// beat is how exact the timers are.
var beat = 250 * time.Millisecond

const sweep = 240 // beats between looks at all registrations; one that is over counts no more before

// sweep ends registrations that are over.
func (a *Adapter) sweep(now time.Time) {
	for aor := range a.users {
		a.expire(aor, now)
	}
}

// overdue ends what has waited long enough.
func (a *Adapter) overdue(now time.Time) {
	for t := range a.transactions {
		if t.final != 0 && now.After(t.until) {
			t.forget()
			continue
		}
		t.overdue(now)
	}
}

func (t *transaction) overdue(now time.Time) {
	late := false
	for _, b := range t.branches {
		if b.done || now.Before(b.deadline) {
			continue
		}
		if t.q.Method == "INVITE" && b.status >= 100 && !b.told { // timer C: RFC 3261 §16.8
			b.stop()
			continue
		}
		t.a.stats.expired.Add(1)
		late = true
		if b.cancel && t.cancelled {
			b.end(t.q.Respond(487, "Request Terminated", randomHex(5)))
		} else {
			b.end(t.q.Respond(408, "Request Timeout", randomHex(5)))
		}
	}
	if late {
		t.decide()
	}
}
