package room

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// dice yields numbers made of bytes; zeros when they are used up. The bytes are stirred, so that
// generators with a liking for small ones still make every command.
type dice struct {
	bytes []byte
	stir  uint32
}

func (d *dice) n(limit int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	d.stir = d.stir*1664525 + 1013904223
	b := d.bytes[0] ^ byte(d.stir>>24)
	d.bytes = d.bytes[1:]
	return int(b) % limit
}

func (d *dice) flag() bool { return d.n(2) == 1 }

func pick[T any](d *dice, list ...T) T { return list[d.n(len(list))] }

// run builds a room and a history out of bytes.
func run(t failer, data []byte) {
	t.Helper()
	d := &dice{bytes: data}
	w := newWorld(t, Options{
		Kind: Kind(d.n(3)), Topology: Topology(d.n(3)), Open: d.flag(), MaxMembers: pick(d, 0, 2, 3, 5),
		Video: pick(d, nil, []string{"h264", "vp8"}, []string{"av1"}),
	})
	for range 1000 {
		if len(d.bytes) == 0 {
			return
		}
		if d.n(5) == 4 {
			w.pass(d)
			continue
		}
		actor, c := w.command(d)
		w.step(actor, c)
	}
}

// pass lets some time go by, or goes straight to the next timer.
func (w *world) pass(d *dice) {
	w.t.Helper()
	if d.flag() {
		w.now = w.now.Add(time.Duration(d.n(60)) * time.Second)
	}
	end := w.now
	for _, at := range w.timers {
		if end.Equal(w.now) || at.Before(end) && at.After(w.now) {
			end = at
		}
	}
	for {
		key, ok := nextTimer(w.timers, end)
		if !ok {
			w.now = end
			return
		}
		if at := w.timers[key]; at.After(w.now) {
			w.now = at
		}
		delete(w.timers, key)
		w.step("", Expire{key})
	}
}

var people = []MemberID{"a", "b", "c", "d", "e", "f", "", "__proto__"}

// somebody is mostly a member, sometimes a stranger.
func (w *world) somebody(d *dice) MemberID {
	if n := w.r.Len(); n > 0 && d.n(8) > 0 {
		return w.r.order[d.n(n)].ID
	}
	return people[d.n(len(people))]
}

// absent is mostly not a member yet.
func (w *world) absent(d *dice) MemberID {
	i := d.n(len(people))
	for range people {
		if id := people[i%len(people)]; w.r.members[id] == nil && id != "" || d.n(16) == 0 {
			return id
		}
		i++
	}
	return people[0]
}

func (w *world) command(d *dice) (MemberID, Command) {
	actor, other := w.somebody(d), w.somebody(d)
	call, file := "none", "none"
	if m := w.r.members[actor]; m != nil && m.call != nil && d.n(4) > 0 {
		call = m.call.ID
		other = pick(d, other, m.call.From, m.call.To)
	} else if len(w.calls) > 0 {
		call = w.calls[max(0, len(w.calls)-1-d.n(3))]
	}
	if len(w.files) > 0 {
		file = w.files[max(0, len(w.files)-1-d.n(3))]
	}
	if w.r.Len() < 2 && d.flag() {
		actor = w.absent(d)
		return actor, w.join(d, actor)
	}
	switch d.n(24) {
	case 0, 1, 2:
		actor = w.absent(d)
		return actor, w.join(d, actor)
	case 3:
		if d.n(3) > 0 {
			return actor, Attach{}
		}
		return actor, Leave{pick(d, ReasonLeft, ReasonSlow, ReasonGone, "x")}
	case 4:
		return actor, Detach{d.flag()}
	case 5:
		return actor, Attach{}
	case 6:
		b := func() *bool { return pick(d, nil, yes(), no()) }
		return actor, SetState{b(), b(), b(), b()}
	case 7:
		return actor, Publish{[]Track{
			{pick(d, SourceMic, SourceCamera, SourceScreen, "x"), pick(d, "", "audio", "video"), pick(d, "", "opus", "vp8")},
		}}
	case 8:
		return actor, Unpublish{pick(d, nil, []Source{SourceMic}, []Source{SourceCamera, "x"})}
	case 9:
		return actor, Ready{w.r.epoch - d.n(2)}
	case 10, 11:
		return actor, Ring{other, d.flag()}
	case 12:
		if m := w.r.members[actor]; m != nil && m.call != nil && d.flag() {
			actor = m.call.To
		}
		return actor, Accept{call}
	case 13:
		return actor, Decline{call}
	case 14:
		return actor, Cancel{call}
	case 15:
		return actor, HangUp{call}
	case 16:
		return actor, Chat{Text: pick(d, "", "hi", "\xff"), To: pick(d, "", other)}
	case 17:
		return actor, Chat{To: pick(d, "", other), File: &File{ID: pick(d, "", "fixed"), Name: "n", Size: int64(d.n(3) - 1)}}
	case 18:
		return actor, Signal{other, pick(d, "m:1", "c:"+call, "f:"+file, "x"), []byte{byte(d.n(256))}}
	case 19:
		return actor, Mute{other, pick(d, SourceMic, SourceScreenAudio, "x")}
	case 20:
		return actor, Remove{other}
	case 21:
		return actor, Lock{d.n(4) == 0}
	case 22:
		return actor, SetRole{other, Role(d.n(5))}
	default:
		if d.n(8) > 0 {
			return pick(d, actor, ""), Expire{pick(d, "settle", "grace:"+other, "ring:"+call, "x")}
		}
		return actor, End{}
	}
}

func (w *world) join(d *dice, id MemberID) Join {
	caps := func() Caps {
		return Caps{Video: pick(d, nil, []string{"vp8"}, []string{"vp8", "h264"}, []string{"h264", "av1", "x"})}
	}
	j := Join{ID: id, Name: fmt.Sprint("N", d.n(3)), Agent: AgentWeb}
	if d.n(3) == 0 {
		j.Agent = pick(d, "", AgentWHIP, AgentWHEP, AgentBot, "x")
	}
	switch how := d.n(5); {
	case how == 0 || how > 2 && !w.o.Open:
		j.Granted, j.Role = true, pick(d, Speaker, Moderator, Viewer, Speaker, Moderator, 0, 9)
	case how == 1:
		j.Restored, j.Role = true, pick(d, Speaker, Speaker, Moderator, Viewer, 0)
	case how == 2:
		j.Viewer = d.flag()
	}
	j.State = State{Mic: d.flag(), Camera: d.flag()}
	j.Decode, j.Encode = caps(), caps()
	return j
}

func FuzzRoom(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x00\x01\x00\x00" + strings.Repeat("\x00\x00\x00\x00", 8)))
	for seed := range 24 { // a spread of long histories
		data := make([]byte, 6000)
		rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { run(t, data) })
}
