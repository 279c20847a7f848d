package room

// Cancel takes back a ring that nobody has answered.
type Cancel struct{ Call CallID }

// Message implements Command.
func (Cancel) Message() Message { return MsgCancel }

func (c Cancel) apply(t *tx) error { return t.finish(c.Call) }
