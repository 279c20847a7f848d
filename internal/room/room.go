package room

import (
	"slices"
	"strconv"
	"time"
)

// Room is one room. It is not safe for concurrent use: one goroutine owns it.
type Room struct {
	id  ID
	opt Options

	members map[MemberID]*member
	order   []*member // the same, in order of joining
	former  former

	mode     Mode
	epoch    int
	settling bool
	locked   bool
	publish  string

	history []ChatMessage
	timers  map[string]time.Time // armed timers and when they are due
	lastID  int                  // counter of the fallback for Options.NewID
	closed  bool
}

// New returns an empty room. Zero and senseless options take their defaults.
func New(id ID, o Options) *Room {
	o = o.withDefaults()
	r := &Room{
		id: id, opt: o, epoch: 1, locked: o.Locked,
		members: map[MemberID]*member{},
		timers:  map[string]time.Time{},
	}
	r.mode, r.publish = r.wantMode(), r.publishVideo()
	return r
}

// Command is something that happens to a room. The set is closed: one file per command.
type Command interface {
	// Message is the row of the authorisation table that the command needs.
	Message() Message
	apply(*tx) error
}

// Apply does c in the name of actor at the time now. The actor of Join is the joiner, that of
// Expire is "" (the room's own timer); End by "" is the operator's. An error is always a *Error;
// the room is then unchanged and the effects are empty.
func (r *Room) Apply(actor MemberID, c Command, now time.Time) (Effects, error) {
	if r.closed {
		return Effects{}, ErrEnded
	}
	if c == nil {
		return Effects{}, fail(CodeBadMessage, "no command")
	}
	if err := r.authorise(actor, c.Message()); err != nil {
		return Effects{}, err
	}
	t := &tx{Room: r, now: now, actor: r.members[actor]}
	if err := c.apply(t); err != nil {
		return Effects{}, err
	}
	if t.dirty {
		t.reconcile()
	}
	return t.effects, nil
}

func (r *Room) authorise(actor MemberID, msg Message) error {
	switch {
	case msg == MsgHello:
		return nil // the one message of PhaseOutside; Join judges the joiner
	case actor == "" && (msg == MsgExpire || msg == MsgEnd):
		return nil
	}
	phase, role := r.phase(actor)
	if !Allowed(role, phase, msg) {
		return fail(CodeNotAllowed, "your role or state does not permit "+msg.String())
	}
	if !r.opt.Kind.Has(msg) {
		return fail(CodeNotAllowed, "a "+r.opt.Kind.String()+" has no "+msg.String())
	}
	return nil
}

func (r *Room) phase(id MemberID) (Phase, Role) {
	m := r.members[id]
	switch {
	case m == nil && r.former.removed(id):
		return PhaseRemoved, 0
	case m == nil:
		return PhaseOutside, 0
	case m.Connected:
		return PhaseJoined, m.Role
	default:
		return PhaseDetached, m.Role
	}
}

// Len returns the number of members, those in their grace included.
func (r *Room) Len() int { return len(r.order) }

func (r *Room) newID() string {
	if r.opt.NewID != nil {
		return r.opt.NewID()
	}
	r.lastID++
	return "id-" + strconv.Itoa(r.lastID)
}

// moderators counts members with that role.
func (r *Room) moderators() int {
	n := 0
	for _, m := range r.order {
		if m.Role == Moderator {
			n++
		}
	}
	return n
}

// former remembers departed members, so that a resume token brings back neither somebody who was
// removed nor a role that was taken away. It is bounded: the oldest is forgotten.
type former struct {
	roles map[MemberID]Role // 0 = removed
	order []MemberID
}

func (f *former) add(id MemberID, role Role) {
	if f.roles == nil {
		f.roles = map[MemberID]Role{}
	}
	f.forget(id)
	if len(f.order) >= maxFormer {
		f.forget(f.order[0])
	}
	f.roles[id] = role
	f.order = append(f.order, id)
}

func (f *former) forget(id MemberID) {
	if _, ok := f.roles[id]; !ok {
		return
	}
	delete(f.roles, id)
	f.order = slices.DeleteFunc(f.order, func(o MemberID) bool { return o == id })
}

func (f *former) removed(id MemberID) bool {
	role, ok := f.roles[id]
	return ok && role == 0
}
