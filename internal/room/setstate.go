package room

// SetState changes what the actor says it sends; nil leaves a member of the state as it is. A
// viewer can only raise its hand: the rest stays off.
type SetState struct{ Mic, Camera, Screen, Hand *bool }

// Message implements Command.
func (SetState) Message() Message { return MsgState }

func (c SetState) apply(t *tx) error {
	m := t.actor
	s := m.State
	for _, f := range []struct {
		to   *bool
		from *bool
	}{{&s.Mic, c.Mic}, {&s.Camera, c.Camera}, {&s.Screen, c.Screen}, {&s.Hand, c.Hand}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if s = s.limitedTo(m.Role); s != m.State {
		m.State = s
		t.updated(m, m.ID)
	}
	return nil
}
