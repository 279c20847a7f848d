package room

// Lock closes the room to newcomers, or opens it again.
type Lock struct{ Locked bool }

// Message implements Command.
func (Lock) Message() Message { return MsgLock }

func (c Lock) apply(t *tx) error {
	if t.locked != c.Locked {
		t.locked = c.Locked
		t.tell("", t.changed())
	}
	return nil
}
