package session

import (
	"slices"
	"time"

	"veche.example/internal/media"
	"veche.example/internal/room"
	"veche.example/internal/session/floor"
)

// listen is how often the levels of a room's microphones are looked at while some are not sent; else it is three times that.
const listen = 20 * time.Millisecond

// hearing is who is heard in a room at the moment. It is immutable.
type hearing struct {
	speaker room.MemberID   // "" = nobody has spoken yet
	loud    []room.MemberID // whose sound is sent, in no order
	talking []room.MemberID // of them, whoever spoke lately
	quiet   []room.MemberID // whose sound is not sent
}

// sent says whether the sound of a member is sent.
func (h hearing) sent(id room.MemberID) bool { return !slices.Contains(h.quiet, id) }

// same says whether nothing has changed that matters.
func (h hearing) same(o hearing) bool {
	return h.speaker == o.speaker && slices.Equal(h.loud, o.loud) && slices.Equal(h.quiet, o.quiet) && slices.Equal(h.talking, o.talking)
}

// hears returns what the stage's floor has found.
func (g *stage) hears() hearing {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hearing
}

// heed notes whether a member's microphone is on by the room's word, which is stronger than what its client sends.
func (g *stage) heed(id room.MemberID, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if open {
		g.open[id] = struct{}{}
	} else {
		delete(g.open, id)
	}
}

// hear looks at the levels once; false if there are no microphones.
func (g *stage) hear(now time.Duration, round int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if round%3 != 0 && len(g.hearing.quiet) == 0 {
		return true
	}
	g.voices, g.mute = g.voices[:0], g.mute[:0]
	any := false
	for _, a := range g.acts {
		t := a.feeds[room.SourceMic].one()
		if t == nil {
			continue
		}
		any = true
		if _, open := g.open[a.member]; !open {
			continue
		}
		if t.Levelled() {
			g.voices = append(g.voices, floor.Voice{ID: a.member, Level: t.Level()})
		} else {
			g.mute = append(g.mute, a.member)
		}
	}
	g.floor.Hear(now, g.voices)
	g.listened(now)
	return any
}

// listened tells whom it concerns what the floor says now; mu is held.
func (g *stage) listened(now time.Duration) {
	loud, quiet := g.mute, []room.MemberID(nil) // who tells no levels cannot be judged: is sent
	loud = append(loud, g.floor.Sent()...)
	for _, v := range g.voices {
		if !g.floor.Loud(v.ID) {
			quiet = append(quiet, v.ID)
		}
	}
	g.mute = loud
	next := hearing{speaker: g.floor.Speaker(), loud: loud, talking: g.floor.Talking(now), quiet: quiet}
	if g.hearing.same(next) {
		return
	}
	next.loud = slices.Clone(loud)
	g.hearing = next
	g.wake()
}

// attend has the manager look after the levels of a stage.
func (m *Manager) attend(g *stage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.voiced[g] {
		return
	}
	m.voiced[g] = true
	if !m.listening {
		m.listening = true
		m.wg.Go(m.listen)
	}
}

// listen is the goroutine that looks at the levels in all rooms; there is one while anybody has a microphone.
func (m *Manager) listen() {
	clock := time.NewTicker(listen)
	defer clock.Stop()
	for round, step := 0, 1; ; round += step {
		select {
		case <-clock.C:
		case <-m.stop:
			return
		}
		m.mu.Lock()
		stages := make([]*stage, 0, len(m.voiced))
		for g := range m.voiced {
			stages = append(stages, g)
		}
		if len(stages) == 0 {
			m.listening = false
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
		now := time.Duration(media.Now())
		next := 3 // each time costs as much as dozens of packets: no more than is looked at
		for _, g := range stages {
			if !g.hear(now, round) {
				m.unattend(g)
			} else if len(g.hears().quiet) > 0 {
				next = 1
			}
		}
		if next != step {
			step, round = next, round-round%next
			clock.Reset(time.Duration(step) * listen)
		}
	}
}

// unattend forgets a stage without microphones, unless it has one by now.
func (m *Manager) unattend(g *stage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.acts {
		if a.feeds[room.SourceMic].one() != nil {
			return
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.voiced, g)
}

// seated puts ids in the place of Speaker and Loud in wishes. For Speaker it is who speaks or was the last to, besides
// the subscriber itself. Seats of sound get the loudest whom no other seat shows, each another one; had is whom they have had.
func seated(wishes []Wish, h hearing, speaker, self room.MemberID, had func(seat int) room.MemberID) []Wish {
	out := slices.Clone(wishes)
	taken := map[room.MemberID]bool{"": true, self: true}
	var free []int
	for i, w := range out {
		switch {
		case w.Member == Speaker:
			if out[i].Member = speaker; speaker == "" {
				out[i].Member = First
			}
		case w.Member == Loud:
			out[i].Member = ""
			free = append(free, i)
		}
		if out[i].Source == room.SourceCamera {
			taken[out[i].Member] = true
		}
	}
	give := func(i int, id room.MemberID) bool {
		if taken[id] || !h.sent(id) {
			return false
		}
		out[i].Member, taken[id] = id, true
		return true
	}
	keep := func(list []room.MemberID) { // who is in its seat
		free = slices.DeleteFunc(free, func(i int) bool {
			id := had(out[i].Seat)
			return slices.Contains(list, id) && give(i, id)
		})
	}
	fill := func(list []room.MemberID) { // the last seats first: whoever is quiet has the first
		for _, id := range list {
			if len(free) > 0 && give(free[len(free)-1], id) {
				free = free[:len(free)-1]
			}
		}
	}
	keep(h.talking)
	fill(h.talking)
	keep(h.loud)
	fill(h.loud)
	return out
}
