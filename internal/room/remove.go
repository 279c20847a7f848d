package room

// Remove takes a member out of the room; its resume token is dead from now on.
type Remove struct{ Member MemberID }

// Message implements Command.
func (Remove) Message() Message { return MsgRemove }

func (c Remove) apply(t *tx) error {
	m := t.members[c.Member]
	switch {
	case m == nil:
		return fail(CodeNoMember, "nobody with this id is here")
	case m == t.actor:
		return fail(CodeBadMessage, "member: leave instead")
	}
	t.drop(m, ReasonRemoved, t.actor.ID)
	return nil
}
