package room

import "slices"

// Leave ends the actor's membership. An unknown Reason is ReasonLeft.
type Leave struct{ Reason Reason }

// Message implements Command.
func (Leave) Message() Message { return MsgLeave }

func (c Leave) apply(t *tx) error {
	switch c.Reason {
	case ReasonSlow, ReasonGone:
	default:
		c.Reason = ReasonLeft
	}
	t.drop(t.actor, c.Reason, "")
	return nil
}

// drop takes m out of the room for a reason, by a moderator or "". The codes of Removed are
// the names of the reasons.
func (t *tx) drop(m *member, why Reason, by MemberID) {
	t.endCall(m.call, CallGone)
	t.stop(timerGrace + m.ID)
	delete(t.members, m.ID)
	t.order = slices.DeleteFunc(t.order, func(o *member) bool { return o == m })
	if why == ReasonRemoved {
		t.former.add(m.ID, 0)
	} else {
		t.former.add(m.ID, m.Role)
	}
	t.tell("", Left{m.ID, why})
	t.send(m.ID, Removed{Code(why), by})
	t.dirty = true
	t.elect = t.elect || m.Role == Moderator
}
