package room

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// house drives one room the way a hub does, with a clock of its own.
type house struct {
	t      *testing.T
	r      *Room
	now    time.Time
	timers map[string]time.Time
}

func build(t *testing.T, o Options) *house {
	t.Helper()
	return &house{t: t, r: New("room", o), now: time.Unix(1_700_000_000, 0), timers: map[string]time.Time{}}
}

// apply keeps the timers and returns the effects.
func (h *house) apply(actor MemberID, c Command) (Effects, error) {
	e, err := h.r.Apply(actor, c, h.now)
	for _, op := range e.Timers {
		if op.After > 0 {
			h.timers[op.Key] = h.now.Add(op.After)
		} else {
			delete(h.timers, op.Key)
		}
	}
	return e, err
}

// do applies a command that must succeed.
func (h *house) do(actor MemberID, c Command) Effects {
	h.t.Helper()
	e, err := h.apply(actor, c)
	if err != nil {
		h.t.Fatalf("%s: %#v: %v", actor, c, err)
	}
	return e
}

// expect applies a command that must cause exactly these events, written as by tell.
func (h *house) expect(actor MemberID, c Command, want ...string) Effects {
	h.t.Helper()
	e := h.do(actor, c)
	h.same(e, want...)
	return e
}

func (h *house) same(e Effects, want ...string) {
	h.t.Helper()
	if d := cmp.Diff(want, told(e)); d != "" {
		h.t.Errorf("events (-want +got):\n%s", d)
	}
}

// refuse applies a command that must fail with code and change nothing.
func (h *house) refuse(actor MemberID, c Command, code Code) *Error {
	h.t.Helper()
	before := views(h.r)
	e, err := h.apply(actor, c)
	var re *Error
	if !errors.As(err, &re) {
		h.t.Fatalf("%s: %#v: error %v, want code %s", actor, c, err, code)
	}
	if re.Code != code || re.Text == "" {
		h.t.Errorf("%s: %#v: error %v, want code %s", actor, c, re, code)
	}
	if d := cmp.Diff(Effects{}, e); d != "" {
		h.t.Errorf("%#v failed with effects:\n%s", c, d)
	}
	if d := cmp.Diff(before, views(h.r)); d != "" {
		h.t.Errorf("%#v failed and changed the room:\n%s", c, d)
	}
	return re
}

// pass lets time go by and applies what is due, returning what was told.
func (h *house) pass(d time.Duration) []string {
	h.t.Helper()
	end := h.now.Add(d)
	var log []string
	for {
		key, ok := nextTimer(h.timers, end)
		if !ok {
			break
		}
		h.now = h.timers[key]
		delete(h.timers, key)
		log = append(log, told(h.do("", Expire{key}))...)
	}
	h.now = end
	return log
}

func (h *house) expectPass(d time.Duration, want ...string) {
	h.t.Helper()
	if d := cmp.Diff(want, h.pass(d)); d != "" {
		h.t.Errorf("events (-want +got):\n%s", d)
	}
}

// nextTimer names the earliest timer that is due at end.
func nextTimer(timers map[string]time.Time, end time.Time) (string, bool) {
	var keys []string
	for k, at := range timers {
		if !at.After(end) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return "", false
	}
	return slices.MinFunc(keys, func(a, b string) int {
		return cmpOr(timers[a].Compare(timers[b]), strings.Compare(a, b))
	}), true
}

func cmpOr(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

// web joins members by name with the rights of an open room.
func (h *house) web(ids ...MemberID) {
	h.t.Helper()
	for _, id := range ids {
		h.do(id, Join{ID: id, Name: strings.ToUpper(id)})
	}
}

// grant joins a member with a role from a token.
func (h *house) grant(id MemberID, role Role) {
	h.t.Helper()
	h.do(id, Join{ID: id, Name: strings.ToUpper(id), Role: role, Granted: true})
}

// ring makes a ringing call and returns its id.
func (h *house) ring(from, to MemberID) CallID {
	h.t.Helper()
	e := h.do(from, Ring{To: to, Video: true})
	if e.Reply.Call == nil || e.Reply.Call.State != CallRinging {
		h.t.Fatalf("ring %s→%s: reply %+v", from, to, e.Reply.Call)
	}
	return e.Reply.Call.ID
}

// talk makes an active call and returns its id.
func (h *house) talk(from, to MemberID) CallID {
	h.t.Helper()
	id := h.ring(from, to)
	h.do(to, Accept{id})
	return id
}

func (h *house) role(id MemberID) Role { return h.r.Snapshot(id).You.Role }

// roles writes all members as "a:moderator b:viewer".
func (h *house) roles() string {
	var s []string
	for _, m := range h.r.Snapshot("").Members {
		s = append(s, m.ID+":"+m.Role.String())
	}
	return strings.Join(s, " ")
}

// views is the room as everybody in it sees it.
func views(r *Room) map[MemberID]Snapshot {
	v := map[MemberID]Snapshot{"": r.Snapshot("")}
	for _, m := range v[""].Members {
		v[m.ID] = r.Snapshot(m.ID)
	}
	return v
}

// told writes deliveries as "to: what".
func told(e Effects) []string {
	var out []string
	for _, d := range e.Deliver {
		out = append(out, d.To+": "+show(d.Event))
	}
	return out
}

func show(e Event) string {
	switch e := e.(type) {
	case Joined:
		return "joined " + showMember(e.Member)
	case Left:
		return fmt.Sprintf("left %s %s", e.Member, e.Reason)
	case Updated:
		return "updated " + showMember(e.Member)
	case RoomChanged:
		return fmt.Sprintf("room locked=%t publish=%s", e.Locked, e.Publish.Video)
	case TopologyChanged:
		return fmt.Sprintf("topology %s %d", e.Mode, e.Epoch)
	case Settled:
		return fmt.Sprintf("settled %d", e.Epoch)
	case CallChanged:
		return strings.TrimSpace(fmt.Sprintf("call %s>%s %s %s", e.Call.From, e.Call.To, e.Call.State, e.Call.Reason))
	case ChatPosted:
		return fmt.Sprintf("chat %s>%s %s", e.Chat.From, e.Chat.To, e.Chat.Text)
	case Signalled:
		return fmt.Sprintf("signal %s %s %s", e.From, e.Link, e.Data)
	case MutedBy:
		return fmt.Sprintf("muted %s by %s", e.Source, e.By)
	case Removed:
		return strings.TrimSpace(fmt.Sprintf("removed %s %s", e.Code, e.By))
	default:
		return fmt.Sprintf("%T?", e)
	}
}

func showMember(m Member) string {
	s := m.ID + " " + m.Role.String()
	if !m.Connected {
		s += " away"
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{m.State.Mic, "mic"}, {m.State.Camera, "camera"}, {m.State.Screen, "screen"}, {m.State.Hand, "hand"}} {
		if f.on {
			s += " " + f.name
		}
	}
	for _, t := range m.Tracks {
		s += fmt.Sprintf(" [%s %s %s]", t.Source, t.Kind, t.Codec)
	}
	return s
}

func yes() *bool { return ptr(true) }
func no() *bool  { return ptr(false) }

func ptr[T any](v T) *T { return &v }
