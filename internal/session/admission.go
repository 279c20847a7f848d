package session

import (
	"errors"

	"veche.example/internal/auth"
	"veche.example/internal/room"
)

// admission is how somebody comes in: as what, and into what kind of room if it has to be made.
type admission struct {
	options room.Options
	join    room.Join
}

// admit judges the tokens of a request. What only the room can know, it judges itself.
func (m *Manager) admit(r JoinRequest) (admission, error) {
	if r.Resume != "" {
		if old, err := m.cfg.Keys.VerifyResume(r.Resume, m.cfg.Now()); err == nil && old.Room == r.Room {
			switch m.buried(Who{old.Room, old.Member}) {
			case room.CodeRemoved:
				return admission{}, &room.Error{Code: room.CodeToken, Text: "a moderator has removed this member"}
			case "":
				return m.restore(r, old), nil
			}
		} // not valid, or its room was ended: as good as none
	}
	a := admission{options: m.cfg.Room(r), join: room.Join{ID: m.cfg.NewID(), Name: r.Name, Agent: r.Agent, Viewer: r.Viewer}}
	a.options.Kind, a.options.Topology = r.Kind, r.Topology
	a.codecs(r.Audio, r.Video)
	if r.Trusted != 0 {
		a.join.Granted, a.join.Role = true, r.Trusted
	} else if r.Token != "" {
		g, err := m.cfg.Keys.Verify(r.Token, r.Room, m.cfg.Now())
		if err != nil {
			return admission{}, tokenError(err)
		}
		a.join.Granted = true
		a.join.Role, _ = room.ParseRole(g.Role) // auth knows no other words
		if g.Name != "" {
			a.join.Name = g.Name
		}
	}
	a.speak(r)
	return a, nil
}

// restore makes a member, and its room if need be, from what a resume token says. The request
// counts only for what a client says anew each time.
func (m *Manager) restore(r JoinRequest, old auth.Resume) admission {
	a := admission{options: m.cfg.Room(r)}
	a.options.Kind, _ = room.ParseKind(old.Kind)
	a.options.Topology, _ = room.ParseTopology(old.Topology)
	a.codecs(old.Audio, old.Video)
	a.options.Locked = old.Locked
	a.join = room.Join{ID: old.Member, Name: old.Name, Agent: room.Agent(old.Agent), Restored: true}
	a.join.Role, _ = room.ParseRole(old.Role)
	a.speak(r)
	return a
}

// codecs restricts the room, if somebody wants that.
func (a *admission) codecs(audio, video []string) {
	if len(audio) > 0 {
		a.options.Audio = audio
	}
	if len(video) > 0 {
		a.options.Video = video
	}
}

// speak fills in what the client says of itself.
func (a *admission) speak(r JoinRequest) {
	a.join.State, a.join.Decode, a.join.Encode = r.State, r.Decode, r.Encode
	if a.join.Agent.Publishes() { // has no words for it: what it publishes is on
		a.join.State = room.State{Mic: true, Camera: true}
	}
}

// resumeOf is what a resume token remembers of a snapshot.
func resumeOf(s room.Snapshot) auth.Resume {
	topology := room.Auto
	if s.Forced && s.Kind == room.Meeting {
		topology = room.ForceSFU
		if s.Mode == room.P2P {
			topology = room.ForceP2P
		}
	}
	return auth.Resume{
		Room: s.ID, Member: s.You.ID, Name: s.You.Name, Role: s.You.Role.String(), Agent: string(s.You.Agent),
		Kind: s.Kind.String(), Topology: topology.String(), Audio: s.Audio, Video: s.Video, Locked: s.Locked,
	}
}

// token makes a resume token. "" never happens with names that the room took.
func (m *Manager) token(r auth.Resume) string {
	r.Expires = m.cfg.Now().Add(m.cfg.ResumeTTL)
	t, err := m.cfg.Keys.MintResume(r)
	if err != nil {
		m.log.Error("no resume token", "room", r.Room, "member", r.Member, "error", err)
	}
	return t
}

// tokenError tells a client what is wrong with its grant, and nothing of the cause.
func tokenError(err error) error {
	text := "the token is not valid"
	for known, say := range map[error]string{
		auth.ErrExpired: "the token has expired",
		auth.ErrNotYet:  "the token is not valid yet",
		auth.ErrRoom:    "the token is for another room",
	} {
		if errors.Is(err, known) {
			text = say
		}
	}
	return &room.Error{Code: room.CodeToken, Text: text}
}
