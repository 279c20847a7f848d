package room

// End sends everybody away and closes the room. Without an actor it is the operator's wish.
type End struct{}

// Message implements Command.
func (End) Message() Message { return MsgEnd }

func (End) apply(t *tx) error {
	var by MemberID
	if t.actor != nil {
		by = t.actor.ID
	}
	t.tell("", Removed{CodeEnded, by})
	clear(t.members)
	t.order = nil
	t.close()
	return nil
}
