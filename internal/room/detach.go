package room

// Detach says that the actor's socket is gone. It stays a member for the grace, shorter when the
// page was closed or reloaded (Reload). A second Detach changes nothing.
type Detach struct{ Reload bool }

// Message implements Command.
func (Detach) Message() Message { return MsgDetach }

func (c Detach) apply(t *tx) error {
	m := t.actor
	if !m.Connected {
		return nil
	}
	grace := t.opt.Grace
	if c.Reload {
		grace = t.opt.ReloadGrace
	}
	m.Connected = false
	t.start(timerGrace+m.ID, grace)
	t.updated(m, m.ID)
	t.dirty = true
	return nil
}
