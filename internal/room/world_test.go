package room

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// failer is what testing.T and rapid.T have in common here.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world drives a room with arbitrary commands and watches it from outside: every member has a
// replica that starts as its welcome and is changed by its events only, as a client's would be.
// After each command every replica must equal the truth, and the room must keep its rules.
type world struct {
	t        failer
	o        Options
	r        *Room
	now      time.Time
	timers   map[string]time.Time
	replicas map[MemberID]*Snapshot
	calls    []CallID // issued so far
	files    []string
	modeWas  Mode
}

func newWorld(t failer, o Options) *world {
	return &world{
		t: t, o: o, r: New("w", o), now: time.Unix(1_700_000_000, 0),
		timers: map[string]time.Time{}, replicas: map[MemberID]*Snapshot{},
	}
}

// step applies one command and checks everything.
func (w *world) step(actor MemberID, c Command) {
	w.t.Helper()
	before := views(w.r)
	e, err := w.r.Apply(actor, c, w.now)
	if err != nil {
		w.failed(actor, c, err, e, before)
		return
	}
	for _, op := range e.Timers {
		if op.After > 0 {
			w.timers[op.Key] = w.now.Add(op.After)
		} else {
			delete(w.timers, op.Key)
		}
	}
	w.collect(e.Reply)
	w.receive(actor, c, e, before)
	if _, end := c.(End); e.Closed != (w.r.Len() == 0 && (len(w.replicas) < len(before)-1 || end)) {
		w.t.Fatalf("%#v: closed %t with %d members", c, e.Closed, w.r.Len())
	}
	if e.Closed {
		if len(w.timers) > 0 || len(w.replicas) > 0 {
			w.t.Fatalf("%#v: closed with timers %v and members %v", c, w.timers, slices.Collect(maps.Keys(w.replicas)))
		}
		w.r, w.modeWas = New("w", w.o), 0
		return
	}
	w.converged(actor, c)
	w.rules(c)
}

// failed: an error has a code and a text, and is as if nothing had been asked.
func (w *world) failed(actor MemberID, c Command, err error, e Effects, before map[MemberID]Snapshot) {
	w.t.Helper()
	re, ok := err.(*Error)
	if !ok || re.Code == "" || re.Text == "" {
		w.t.Fatalf("%s: %#v: error %#v", actor, c, err)
	}
	if e.Deliver != nil || e.Timers != nil || e.Reply != (Reply{}) || e.Closed {
		w.t.Fatalf("%s: %#v: %v with effects %+v", actor, c, err, e)
	}
	if now := views(w.r); !reflect.DeepEqual(before, now) {
		w.t.Fatalf("%s: %#v: %v and a change:\n%s", actor, c, err, cmp.Diff(before, now))
	}
}

func (w *world) collect(r Reply) {
	if r.Call != nil {
		w.calls = append(w.calls, r.Call.ID)
	}
	if r.Chat != nil && r.Chat.File != nil {
		w.files = append(w.files, r.Chat.File.ID)
	}
}

// receive gives the events to the replicas: only members get events, whoever leaves gets Removed,
// last and once, and private things reach only those they are for.
func (w *world) receive(actor MemberID, c Command, e Effects, before map[MemberID]Snapshot) {
	w.t.Helper()
	after := views(w.r)
	removed := map[MemberID]bool{}
	for _, d := range e.Deliver {
		if _, ok := before[d.To]; !ok || d.To == "" || removed[d.To] {
			w.t.Fatalf("%#v: %q is told %s", c, d.To, show(d.Event))
		}
		_, stays := after[d.To]
		switch ev := d.Event.(type) {
		case Removed:
			if stays {
				w.t.Fatalf("%#v: %q is removed and still here", c, d.To)
			}
			removed[d.To] = true
		case CallChanged:
			if d.To != ev.Call.From && d.To != ev.Call.To {
				w.t.Fatalf("%#v: %q hears of the call %+v", c, d.To, ev.Call)
			}
		case ChatPosted:
			if d.To == ev.Chat.From || ev.Chat.To != "" && ev.Chat.To != d.To || ev.Chat.From != actor {
				w.t.Fatalf("%#v: %q reads %+v", c, d.To, ev.Chat)
			}
		case Signalled:
			w.signalled(actor, c, d.To, ev)
		}
		w.replicas[d.To].take(d.Event)
	}
	for id := range before {
		if _, stays := after[id]; !stays && !removed[id] {
			w.t.Fatalf("%#v: %q is out without a word", c, id)
		}
	}
	for id := range removed {
		delete(w.replicas, id)
	}
	w.actorKnows(actor, c, e.Reply, after)
}

func (w *world) signalled(actor MemberID, c Command, to MemberID, ev Signalled) {
	w.t.Helper()
	s, ok := c.(Signal)
	if !ok || s.To != to || ev.From != actor || ev.Link != s.Link || string(ev.Data) != string(s.Data) {
		w.t.Fatalf("%#v by %q: %q is told %+v", c, actor, to, ev)
	}
	media := !strings.HasPrefix(s.Link, "f:")
	if media && (w.o.Kind == Broadcast || w.r.members[actor].Role < Speaker) {
		w.t.Fatalf("%q signalled media", actor)
	}
	if strings.HasPrefix(s.Link, "m:") && (w.o.Kind != Meeting || w.r.mode == SFU && !w.r.settling) {
		w.t.Fatalf("%q signalled %q in a %s in mode %s", actor, s.Link, w.o.Kind, w.r.mode)
	}
}

// actorKnows does to the actor's replica what a client does by itself: it knows its own wishes
// and the replies to them; a joiner starts with its welcome.
func (w *world) actorKnows(actor MemberID, c Command, reply Reply, after map[MemberID]Snapshot) {
	now, here := after[actor]
	mine := w.replicas[actor]
	switch c := c.(type) {
	case Join:
		now = after[c.ID]
		w.replicas[c.ID] = &now
		return
	case SetState, Publish, Unpublish, Attach, Detach:
		if here {
			mine.You = now.You
		}
	case Ring:
		if reply.Call.State == CallRinging {
			mine.call(*reply.Call)
		}
	case Chat:
		mine.remember(*reply.Chat)
	}
}

// take changes a replica by one event.
func (s *Snapshot) take(e Event) {
	switch e := e.(type) {
	case Joined:
		s.Members = append(s.Members, e.Member)
	case Left:
		s.Members = slices.DeleteFunc(s.Members, func(m Member) bool { return m.ID == e.Member })
	case Updated:
		if e.Member.ID == s.You.ID {
			s.You = e.Member
			s.May = may(s.You.Role, s.Kind.Has)
			return
		}
		i := slices.IndexFunc(s.Members, func(m Member) bool { return m.ID == e.Member.ID })
		s.Members[i] = e.Member
	case RoomChanged:
		s.Locked, s.Video, s.Audio, s.Publish = e.Locked, e.Video, e.Audio, e.Publish
	case TopologyChanged:
		s.Mode, s.Epoch, s.Settling = e.Mode, e.Epoch, true
	case Settled:
		if e.Epoch == s.Epoch {
			s.Settling = false
		}
	case CallChanged:
		s.call(e.Call)
	case ChatPosted:
		s.remember(e.Chat)
	}
}

// call keeps calls that are not ended. An end of another call (busy) leaves them alone.
func (s *Snapshot) call(c Call) {
	s.Calls = slices.DeleteFunc(s.Calls, func(o Call) bool { return o.ID == c.ID })
	if c.State != CallEnded {
		s.Calls = append(s.Calls, c)
	}
	if len(s.Calls) == 0 {
		s.Calls = nil
	}
}

func (s *Snapshot) remember(m ChatMessage) { s.Chat = append(s.Chat, m) }

// converged compares the replicas with the truth. A client keeps more chat than the room does, so
// only what the room remembers is compared.
func (w *world) converged(actor MemberID, c Command) {
	w.t.Helper()
	for id, truth := range views(w.r) {
		if id == "" {
			continue
		}
		replica := w.replicas[id]
		if replica == nil {
			w.t.Fatalf("%s: %#v: %s is here and was not welcomed", actor, c, id)
			return
		}
		if extra := len(replica.Chat) - len(truth.Chat); extra > 0 && len(w.r.history) == MaxHistory {
			replica.Chat = replica.Chat[extra:]
			if len(replica.Chat) == 0 {
				replica.Chat = nil
			}
		}
		if !reflect.DeepEqual(truth, *replica) {
			w.t.Fatalf("%s: %#v: %s sees another world (-room +member):\n%s", actor, c, id, cmp.Diff(truth, *replica))
		}
	}
}

// rules checks what must always be true.
func (w *world) rules(c Command) {
	w.t.Helper()
	s := w.r.Snapshot("")
	want := map[string]bool{}
	if s.Settling {
		want["settle"] = true
	}
	members := map[MemberID]Member{}
	for _, m := range s.Members {
		members[m.ID] = m
		if !m.Connected {
			want["grace:"+m.ID] = true
		}
		if m.Role < Viewer || m.Role > Moderator || m.Role > m.Agent.ceiling() {
			w.t.Fatalf("%#v: %+v has an impossible role", c, m)
		}
		if m.Role == Viewer && (len(m.Tracks) > 0 || m.State.limitedTo(Viewer) != m.State) {
			w.t.Fatalf("%#v: the viewer %+v sends", c, m)
		}
	}
	if len(members) > w.r.opt.MaxMembers || len(members) != len(s.Members) {
		w.t.Fatalf("%#v: %d members, %d ids, limit %d", c, len(s.Members), len(members), w.r.opt.MaxMembers)
	}
	w.callRules(c, members, want)
	w.modeRules(c, s)
	for key := range w.timers {
		if !want[key] && key != timerElect {
			w.t.Fatalf("%#v: timer %q is left over", c, key)
		}
		delete(want, key)
	}
	if !maps.Equal(w.timers, w.r.timers) {
		w.t.Fatalf("%#v: timers %v, the room believes in %v", c, w.timers, w.r.timers)
	}
	if len(want) > 0 {
		w.t.Fatalf("%#v: timers %v are missing", c, want)
	}
}

// callRules: at most one call each, seen alike from both sides, between members who may call.
func (w *world) callRules(c Command, members map[MemberID]Member, timers map[string]bool) {
	w.t.Helper()
	for id := range members {
		calls := w.r.Snapshot(id).Calls
		if len(calls) == 0 {
			continue
		}
		call := calls[0]
		other := call.From
		if other == id {
			other = call.To
		}
		theirs := w.r.Snapshot(other).Calls
		if len(calls) > 1 || len(theirs) != 1 || theirs[0] != call || call.From == call.To {
			w.t.Fatalf("%#v: %s has %+v, %s has %+v", c, id, calls, other, theirs)
		}
		if w.o.Kind == Broadcast || members[id].Role < Speaker || call.State == CallEnded || call.Reason != "" {
			w.t.Fatalf("%#v: %s (%s in a %s) has %+v", c, id, members[id].Role, w.o.Kind, call)
		}
		if call.State == CallRinging {
			timers["ring:"+call.ID] = true
		}
	}
}

// modeRules says the mode and the codec once more, in other words.
func (w *world) modeRules(c Command, s Snapshot) {
	w.t.Helper()
	allWeb, decode, encode := true, map[string]int{}, map[string]int{}
	var watchers, talkers int
	for _, m := range s.Members {
		if m.Agent != AgentWeb || m.Role == Viewer {
			allWeb = false
		}
		if m.Agent != AgentWeb {
			continue
		}
		watchers++
		talks := m.Role != Viewer
		if talks {
			talkers++
		}
		for _, v := range s.Video {
			if len(m.Decode.Video) == 0 || slices.Contains(m.Decode.Video, v) {
				decode[v]++
			}
			if talks && (len(m.Encode.Video) == 0 || slices.Contains(m.Encode.Video, v)) {
				encode[v]++
			}
		}
	}
	mode := SFU
	switch {
	case w.o.Kind == Lobby, w.o.Kind == Meeting && w.o.Topology == ForceP2P:
		mode = P2P
	case w.o.Kind == Meeting && w.o.Topology == Auto && len(s.Members) <= 2 && allWeb:
		mode = P2P
	}
	if s.Mode != mode {
		w.t.Fatalf("%#v: mode %s, want %s, with %+v", c, s.Mode, mode, s.Members)
	}
	if s.Forced && (s.Epoch != 1 || s.Settling) {
		w.t.Fatalf("%#v: a forced topology has epoch %d, settling %t", c, s.Epoch, s.Settling)
	}
	if w.o.Kind == Lobby {
		if s.Publish.Video != "" {
			w.t.Fatalf("%#v: a lobby wants %s", c, s.Publish.Video)
		}
		return
	}
	for _, v := range s.Video {
		if decode[v] == watchers && encode[v] == talkers {
			if s.Publish.Video != v {
				w.t.Fatalf("%#v: codec %q, all can do %q", c, s.Publish.Video, v)
			}
			return
		}
	}
	if !slices.Contains(s.Video, s.Publish.Video) {
		w.t.Fatalf("%#v: codec %q is not one of the room's %v", c, s.Publish.Video, s.Video)
	}
}
