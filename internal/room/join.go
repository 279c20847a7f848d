package room

import "unicode/utf8"

// Join makes a new member. The snapshot taken afterwards is what the joiner is told; events are
// for the others.
type Join struct {
	ID             MemberID // issued by the caller, never a client's choice
	Name           string
	Agent          Agent // "" = AgentWeb
	Role           Role  // with Granted or Restored: the role to have
	Granted        bool  // a verified token says Role
	Restored       bool  // a verified resume token says ID and Role: the server has restarted
	Viewer         bool  // asks to be no more than a viewer
	State          State
	Decode, Encode Caps
}

// Message implements Command.
func (Join) Message() Message { return MsgHello }

func (c Join) apply(t *tx) error {
	if c.Agent == "" {
		c.Agent = AgentWeb
	}
	if err := c.check(); err != nil {
		return err
	}
	role, err := t.admit(c)
	if err != nil {
		return err
	}
	m := &member{Member: Member{
		ID: c.ID, Name: c.Name, Role: role, Agent: c.Agent, Connected: true,
		State: c.State.limitedTo(role), Decode: cleanCaps(c.Decode), Encode: cleanCaps(c.Encode),
	}}
	t.former.forget(c.ID)
	t.members[c.ID] = m
	t.order = append(t.order, m)
	t.hidden = c.ID
	t.dirty = true
	t.tell(c.ID, Joined{m.clone()})
	if _, armed := t.timers[timerElect]; c.Restored && t.opt.Open && !armed {
		// After a restart the moderator may be the one who does not come back.
		t.start(timerElect, t.opt.Grace)
	}
	return nil
}

func (c Join) check() error {
	switch {
	case c.ID == "" || len(c.ID) > MaxLink:
		return fail(CodeBadMessage, "id: missing or too long")
	case !c.Agent.valid():
		return fail(CodeBadMessage, "agent: unknown")
	case !utf8.ValidString(c.Name) || utf8.RuneCountInString(c.Name) > MaxName:
		return fail(CodeBadMessage, "name: not UTF-8 or over 64 code points")
	case (c.Granted || c.Restored) && (c.Role == 0 || c.Role > Moderator):
		return fail(CodeBadMessage, "role: unknown")
	}
	return nil
}

// admit says with which role c comes in, or why not.
func (t *tx) admit(c Join) (Role, error) {
	serverMedia := t.opt.Kind != Lobby && t.opt.Topology != ForceP2P
	switch {
	case t.members[c.ID] != nil:
		return 0, ErrPresent
	case t.former.removed(c.ID):
		return 0, fail(CodeToken, "a moderator has removed this member")
	case !t.opt.Open && !c.Granted && !c.Restored:
		return 0, fail(CodeToken, "this room needs a token")
	case !serverMedia && c.Agent.streams():
		return 0, fail(CodeNotAllowed, "this room has no media through the server")
	}
	role := min(t.roleFor(c), c.Agent.ceiling())
	passesLock := c.Restored || c.Granted && role == Moderator
	switch {
	case t.locked && !passesLock:
		return 0, fail(CodeLocked, "a moderator has locked the room")
	case len(t.order) >= t.opt.MaxMembers:
		return 0, fail(CodeFull, "the room is full")
	}
	return role, nil
}

func (t *tx) roleFor(c Join) Role {
	remembered := t.former.roles[c.ID]
	switch {
	case c.Viewer:
		return Viewer
	case c.Restored && remembered != 0:
		return remembered // it may have changed since the token was made
	case c.Granted || c.Restored:
		return c.Role
	case t.opt.Kind == Lobby || c.Agent.Publishes():
		return Speaker
	case t.moderators() == 0 && !t.hasHeir():
		return Moderator
	case t.opt.Kind == Broadcast:
		return Viewer
	default:
		return Speaker
	}
}

// hasHeir says whether the meeting has somebody who speaks already: then a newcomer is not its
// first. A broadcast has no heirs: whoever comes to host while nobody does is the host.
func (r *Room) hasHeir() bool {
	for _, m := range r.order {
		if r.opt.Kind == Meeting && m.Agent == AgentWeb && m.Role >= Speaker {
			return true
		}
	}
	return false
}

// limitedTo masks what a role cannot send.
func (s State) limitedTo(r Role) State {
	if r < Speaker {
		return State{Hand: s.Hand}
	}
	return s
}
