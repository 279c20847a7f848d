package room

// SetRole gives a member another role. Becoming a viewer ends what a viewer cannot do: its call,
// its tracks and what its state says it sends; the server stops forwarding on the Updated event.
type SetRole struct {
	Member MemberID
	Role   Role
}

// Message implements Command.
func (SetRole) Message() Message { return MsgRole }

func (c SetRole) apply(t *tx) error {
	m := t.members[c.Member]
	switch {
	case c.Role == 0 || c.Role > Moderator:
		return fail(CodeBadMessage, "role: unknown")
	case m == nil:
		return fail(CodeNoMember, "nobody with this id is here")
	case c.Role > m.Agent.ceiling():
		return fail(CodeNotAllowed, "this kind of client cannot have that role")
	case m.Role == c.Role:
		return nil
	case m.Role == Moderator && t.moderators() == 1:
		return fail(CodeNotAllowed, "somebody else must be moderator first")
	}
	m.Role = c.Role
	m.State = m.State.limitedTo(m.Role)
	if m.Role < Speaker {
		m.Tracks = nil
		t.endCall(m.call, CallUnavailable)
	}
	t.updated(m, "")
	t.dirty = true
	return nil
}
