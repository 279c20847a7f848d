package room

import "time"

// CallID names a call; issued by Options.NewID.
type CallID = string

// CallState is where a call is in its life.
type CallState string

// The states of a call.
const (
	CallRinging CallState = "ringing"
	CallActive  CallState = "active"
	CallEnded   CallState = "ended"
)

// CallReason says why a call ended.
type CallReason string

// The reasons.
const (
	CallDeclined    CallReason = "declined"
	CallBusy        CallReason = "busy"        // the callee rings or talks elsewhere
	CallTimeout     CallReason = "timeout"     // nobody answered
	CallCancelled   CallReason = "cancelled"   // by the caller, before an answer
	CallHangup      CallReason = "hangup"      // by either side
	CallGone        CallReason = "gone"        // a side left the room
	CallUnavailable CallReason = "unavailable" // the callee cannot be in a call (a viewer, an encoder)
)

// Call is one call between two members. A member has at most one that is not ended.
//
//	ring ──▶ ringing ──accept, or a ring the other way (glare)──▶ active ──▶ ended
//	            └──────── decline, cancel, timeout, gone ────────────────────▶
type Call struct {
	ID       CallID
	From, To MemberID
	Video    bool
	State    CallState
	Reason   CallReason // only when ended
	At       time.Time  // when it entered State
}

// callOf returns the actor's call named id; a stranger learns nothing.
func (t *tx) callOf(id CallID) (*Call, error) {
	if c := t.actor.call; c != nil && c.ID == id {
		return c, nil
	}
	return nil, fail(CodeNoCall, "unknown or finished call")
}

func (t *tx) activate(c *Call) {
	c.State, c.At = CallActive, t.now
	t.stop(timerRing + c.ID)
	t.tellCall(c)
}

// endCall ends c (nil is fine) and tells both sides, once.
func (t *tx) endCall(c *Call, why CallReason) {
	if c == nil {
		return
	}
	c.State, c.Reason, c.At = CallEnded, why, t.now
	t.stop(timerRing + c.ID)
	for _, id := range [2]MemberID{c.From, c.To} {
		if m := t.members[id]; m != nil && m.call == c {
			m.call = nil
		}
	}
	t.tellCall(c)
}

func (t *tx) tellCall(c *Call) {
	t.send(c.From, CallChanged{*c})
	t.send(c.To, CallChanged{*c})
}

// finish ends the actor's call: by a hangup once it was active, else it is cancelled or declined,
// depending on whose wish it is. Decline, Cancel and HangUp are all this: each may cross the
// other side's answer, and the wish to be out of the call counts.
func (t *tx) finish(id CallID) error {
	c, err := t.callOf(id)
	if err != nil {
		return err
	}
	why := CallDeclined
	switch {
	case c.State == CallActive:
		why = CallHangup
	case c.From == t.actor.ID:
		why = CallCancelled
	}
	t.endCall(c, why)
	return nil
}
