package room

import "slices"

// Snapshot is everything a welcome needs, a deep copy. You, Calls and May are empty when it was
// taken for nobody.
type Snapshot struct {
	ID           ID
	Kind         Kind
	Mode         Mode
	Forced       bool // the mode cannot change
	Epoch        int
	Settling     bool // a change of topology waits for Ready{Epoch}
	Locked       bool
	Video, Audio []string
	Publish      Advice
	You          Member
	Members      []Member // without You, in order of joining
	Calls        []Call   // yours, not ended (at most one)
	Chat         []ChatMessage
	May          []string // May(You.Role), without what this kind of room does not have
}

// Snapshot returns the room as the member with this id sees it; for "" or a stranger only what
// every member sees.
func (r *Room) Snapshot(id MemberID) Snapshot {
	s := Snapshot{
		ID: r.id, Kind: r.opt.Kind, Mode: r.mode,
		Forced: r.opt.Kind != Meeting || r.opt.Topology != Auto,
		Epoch:  r.epoch, Settling: r.settling, Locked: r.locked,
		Video: slices.Clone(r.opt.Video), Audio: slices.Clone(r.opt.Audio),
		Publish: Advice{Video: r.publish},
		Members: make([]Member, 0, len(r.order)),
	}
	for _, m := range r.order {
		if m.ID != id {
			s.Members = append(s.Members, m.clone())
			continue
		}
		s.You = m.clone()
		s.May = may(m.Role, r.opt.Kind.Has)
		if m.call != nil {
			s.Calls = []Call{*m.call}
		}
	}
	for i := range r.history {
		if r.history[i].visibleTo(id) {
			s.Chat = append(s.Chat, r.history[i].clone())
		}
	}
	return s
}

func (r *Room) changed() RoomChanged {
	return RoomChanged{
		Locked: r.locked, Video: slices.Clone(r.opt.Video), Audio: slices.Clone(r.opt.Audio),
		Publish: Advice{Video: r.publish},
	}
}
