package room

// Accept answers a call that rings the actor. A second Accept changes nothing.
type Accept struct{ Call CallID }

// Message implements Command.
func (Accept) Message() Message { return MsgAccept }

func (c Accept) apply(t *tx) error {
	call, err := t.callOf(c.Call)
	switch {
	case err != nil:
		return err
	case call.To != t.actor.ID && call.State == CallRinging:
		return fail(CodeNotAllowed, "only the callee can accept")
	case call.State == CallRinging:
		t.activate(call)
	}
	return nil
}
