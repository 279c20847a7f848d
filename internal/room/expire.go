package room

import "strings"

// Expire says that the timer Key has run out. One that was stopped, or restarted and is not yet
// due, changes nothing.
type Expire struct{ Key string }

// Message implements Command.
func (Expire) Message() Message { return MsgExpire }

func (c Expire) apply(t *tx) error {
	due, armed := t.timers[c.Key]
	if !armed || t.now.Before(due) {
		return nil
	}
	delete(t.timers, c.Key)
	switch {
	case c.Key == timerSettle:
		t.settle()
	case c.Key == timerElect:
		t.dirty, t.elect = true, true
	}
	if id, ok := strings.CutPrefix(c.Key, timerGrace); ok {
		t.drop(t.members[id], ReasonGone, "")
	}
	if id, ok := strings.CutPrefix(c.Key, timerRing); ok {
		for _, m := range t.order {
			if m.call != nil && m.call.ID == id {
				t.endCall(m.call, CallTimeout)
			}
		}
	}
	return nil
}
