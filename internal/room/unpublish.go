package room

import "slices"

// Unpublish says that the actor no longer sends these sources; none named = all.
type Unpublish struct{ Sources []Source }

// Message implements Command.
func (Unpublish) Message() Message { return MsgUnpublish }

func (c Unpublish) apply(t *tx) error {
	t.setTracks(t.actor, slices.DeleteFunc(slices.Clone(t.actor.Tracks), func(o Track) bool {
		return len(c.Sources) == 0 || slices.Contains(c.Sources, o.Source)
	}))
	return nil
}
