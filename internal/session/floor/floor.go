// Package floor says who of a room speaks, and whose sound is worth sending.
//
// It judges smoothed audio levels (RFC 6464, -dBov: 0 is the loudest, 127 silence) that somebody reads off the tracks at
// regular times. It has no clock, goroutine or lock.
package floor

import (
	"cmp"
	"slices"
	"time"
)

const (
	// Speech is the level at which somebody speaks: louder than the noise of a room, quieter than somebody far from the microphone.
	Speech = 50
	// Silence is the level of nothing.
	Silence = 127

	// begun is how long somebody must speak to have the floor when whoever has it is silent, gap how long a pause between
	// words does not count.
	begun, gap = 330 * time.Millisecond, 200 * time.Millisecond
	// over is how long whoever has the floor must be silent to lose it to somebody quieter.
	over = 300 * time.Millisecond
	// louder and longer are what it takes to get the floor from somebody who speaks: so many dB on average, so long; and
	// whoever has just got it keeps it for held.
	louder, longer, held = 6, 400 * time.Millisecond, 2 * time.Second

	// away is how long somebody among the loudest must be silent before a place is given to somebody louder without
	// regard to margin; margin is what it takes in dB otherwise.
	away, margin = 500 * time.Millisecond, 6
)

// Voice is one open microphone at one moment.
type Voice struct {
	ID    string
	Level int // smoothed, Silence = nothing is heard
}

// Floor remembers what has been heard in one room.
type Floor struct {
	loudest int
	voices  map[string]*voice
	speaker string
	since   time.Duration // when the speaker got the floor
	loud    []string      // in no order that matters
}

// voice is what is known of a microphone.
type voice struct {
	level   int
	average float64       // of the level while it speaks
	from    time.Duration // when it began to speak, if it does
	last    time.Duration // when it last spoke
	talks   bool
	seen    bool // in this round
}

// New makes a floor that sends the sound of so many at most; 0 = of everybody.
func New(loudest int) *Floor { return &Floor{loudest: loudest, voices: map[string]*voice{}} }

// Hear takes the levels of all open microphones at the time now, of any clock that only goes forward. Microphones that
// are not named are closed or gone.
func (f *Floor) Hear(now time.Duration, voices []Voice) {
	for _, v := range f.voices {
		v.seen = false
	}
	for _, v := range voices {
		have := f.voices[v.ID]
		if have == nil {
			have = &voice{level: Silence, last: now - time.Hour}
			f.voices[v.ID] = have
		}
		have.hear(now, v.Level)
	}
	for id, v := range f.voices {
		if !v.seen {
			delete(f.voices, id)
		}
	}
	f.give(now)
	f.choose(now)
}

// hear notes a level.
func (v *voice) hear(now time.Duration, level int) {
	v.seen, v.level = true, level
	if level > Speech {
		v.talks = v.talks && now-v.last <= gap
		return
	}
	if !v.talks {
		v.talks, v.from, v.average = true, now, float64(level)
	}
	v.average += (float64(level) - v.average) / 8
	v.last = now
}

// speaks says whether a voice is heard at this moment and has been for so long.
func (v *voice) speaks(now, long time.Duration) bool {
	return v.talks && v.level <= Speech && now-v.from >= long
}

// give gives the floor to somebody else if that is due.
func (f *Floor) give(now time.Duration) {
	have := f.voices[f.speaker]
	busy := have != nil && now-have.last < over
	need := begun
	if busy {
		if now-f.since < held {
			return
		}
		need = longer
	}
	best, name := (*voice)(nil), ""
	for id, v := range f.voices {
		if id == f.speaker || !v.speaks(now, need) || busy && v.average > have.average-louder {
			continue
		}
		if best == nil || v.average < best.average || v.average == best.average && id < name {
			best, name = v, id
		}
	}
	if best != nil {
		f.speaker, f.since = name, now
	}
}

// Speaker is who speaks, or did last; "" = nobody has yet. Whoever has left or closed the microphone keeps the floor until
// somebody else speaks.
func (f *Floor) Speaker() string { return f.speaker }

// Leave says that somebody is gone for good.
func (f *Floor) Leave(id string) {
	if f.speaker == id {
		f.speaker = ""
	}
}

// choose keeps the loudest.
func (f *Floor) choose(now time.Duration) {
	f.loud = slices.DeleteFunc(f.loud, func(id string) bool { return f.voices[id] == nil })
	rest := make([]string, 0, len(f.voices))
	for id := range f.voices {
		if !slices.Contains(f.loud, id) {
			rest = append(rest, id)
		}
	}
	slices.SortFunc(rest, func(a, b string) int {
		return cmp.Or(cmp.Compare(f.voices[a].level, f.voices[b].level), cmp.Compare(a, b))
	})
	for _, id := range rest {
		if f.loudest <= 0 || len(f.loud) < f.loudest {
			f.loud = append(f.loud, id)
			continue
		}
		if f.voices[id].level >= Silence {
			return
		}
		k := f.weakest(now)
		w := f.voices[f.loud[k]]
		if c := f.voices[id]; c.level >= w.level || now-w.last < away && c.level > w.level-margin {
			return
		}
		f.loud[k] = id
	}
}

// weakest is the place of whoever is the first to go: silent for the longest, or else the quietest, but not the speaker.
func (f *Floor) weakest(now time.Duration) int {
	worst := 0
	rank := func(id string) (silent time.Duration, level int) {
		v := f.voices[id]
		silent = now - v.last
		switch {
		case silent >= away:
			return silent, v.level
		case id == f.speaker && f.loudest > 1:
			return 0, -1
		}
		return 0, v.level
	}
	for k, id := range f.loud {
		silent, level := rank(id)
		most, quietest := rank(f.loud[worst])
		if silent > most || silent == most && level > quietest {
			worst = k
		}
	}
	return worst
}

// Loud says whether somebody's sound is to be sent.
func (f *Floor) Loud(id string) bool { return slices.Contains(f.loud, id) }

// Sent lists whose sound is sent, in no order; to be read only, until the next call of Hear.
func (f *Floor) Sent() []string { return f.loud }

// Talking lists who has spoken lately among those whose sound is sent, whoever began first is first.
func (f *Floor) Talking(now time.Duration) []string {
	var out []string
	for _, id := range f.loud {
		if now-f.voices[id].last < 2*time.Second {
			out = append(out, id)
		}
	}
	return out
}
