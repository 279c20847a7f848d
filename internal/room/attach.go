package room

// Attach says that the actor has a socket again.
type Attach struct{}

// Message implements Command.
func (Attach) Message() Message { return MsgAttach }

func (Attach) apply(t *tx) error {
	m := t.actor
	if m.Connected {
		return nil // a new socket took over the old one
	}
	m.Connected = true
	t.stop(timerGrace + m.ID)
	t.updated(m, m.ID) // who is back can only delay a settle: nothing to reconcile
	return nil
}
