package room

// Ring calls another member; the reply is the call. Ringing the same member again while it rings
// gives the same call, and ringing somebody who rings the actor makes that call active (glare). A
// callee who cannot answer ends the call at once, which both are told.
type Ring struct {
	To    MemberID
	Video bool
}

// Message implements Command.
func (Ring) Message() Message { return MsgRing }

func (c Ring) apply(t *tx) error {
	from, to := t.actor, t.members[c.To]
	switch {
	case to == nil:
		return fail(CodeNoMember, "nobody with this id is here")
	case to == from:
		return fail(CodeBadMessage, "to: you cannot ring yourself")
	}
	if has := from.call; has != nil {
		between := has.State == CallRinging && (has.From == to.ID || has.To == to.ID)
		if !between {
			return fail(CodeBusy, "you are in a call already")
		}
		if has.From == to.ID {
			t.activate(has)
		}
		t.reply(has)
		return nil
	}
	call := &Call{ID: t.newID(), From: from.ID, To: to.ID, Video: c.Video, State: CallRinging, At: t.now}
	switch {
	case to.Role < Speaker || to.Agent.streams():
		t.endCall(call, CallUnavailable)
	case to.call != nil:
		t.endCall(call, CallBusy)
	default:
		from.call, to.call = call, call
		t.start(timerRing+call.ID, t.opt.RingTimeout)
		t.send(to.ID, CallChanged{*call})
	}
	t.reply(call)
	return nil
}

func (t *tx) reply(c *Call) {
	has := *c
	t.effects.Reply.Call = &has
}
