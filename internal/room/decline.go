package room

// Decline refuses a call that rings the actor.
type Decline struct{ Call CallID }

// Message implements Command.
func (Decline) Message() Message { return MsgDecline }

func (c Decline) apply(t *tx) error { return t.finish(c.Call) }
