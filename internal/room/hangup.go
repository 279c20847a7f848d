package room

// HangUp ends a call of the actor.
type HangUp struct{ Call CallID }

// Message implements Command.
func (HangUp) Message() Message { return MsgHangUp }

func (c HangUp) apply(t *tx) error { return t.finish(c.Call) }
