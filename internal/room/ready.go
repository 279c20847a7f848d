package room

// Ready says that the actor's media of this epoch flows. Any other epoch is ignored: a slow
// answer to a change that was overtaken is nobody's fault.
type Ready struct{ Epoch int }

// Message implements Command.
func (Ready) Message() Message { return MsgReady }

func (c Ready) apply(t *tx) error {
	if t.settling && c.Epoch == t.epoch {
		t.actor.ready = true
		t.dirty = true
	}
	return nil
}
