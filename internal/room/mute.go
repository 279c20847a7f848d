package room

// Mute switches off a source of a member, who may switch it on again. The server stops forwarding
// it meanwhile.
type Mute struct {
	Member MemberID
	Source Source
}

// Message implements Command.
func (Mute) Message() Message { return MsgMute }

func (c Mute) apply(t *tx) error {
	m := t.members[c.Member]
	switch {
	case c.Source.Kind() == "":
		return fail(CodeBadMessage, "source: unknown")
	case m == nil:
		return fail(CodeNoMember, "nobody with this id is here")
	}
	s := m.State
	switch c.Source {
	case SourceMic:
		s.Mic = false
	case SourceCamera:
		s.Camera = false
	case SourceScreen:
		s.Screen = false
	}
	t.send(m.ID, MutedBy{c.Source, t.actor.ID})
	if s != m.State {
		m.State = s
		t.updated(m, "")
	}
	return nil
}
