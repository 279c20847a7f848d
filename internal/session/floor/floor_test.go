package floor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// frame is how often microphones tell their level, tick how often the floor is asked.
const frame, tick = 20 * time.Millisecond, 60 * time.Millisecond

// mic smooths levels as tracks do: up within some packets, down within half a second.
type mic struct{ loud float64 }

func (m *mic) put(level int) int {
	d := float64(Silence-level) - m.loud
	if d > 0 {
		m.loud += d / 2
	} else {
		m.loud += d / 16
	}
	return Silence - int(m.loud+.5)
}

// scene is what happens in a room: for each member a level per frame, as it comes from the client.
type scene map[string]func(at time.Duration) int

// change is a new speaker.
type change struct {
	at time.Duration
	id string
}

// play runs a scene and returns the changes; each is asked whether its speaker spoke within the last 300 ms.
func (s scene) play(t *testing.T, f *Floor, long time.Duration) []change {
	t.Helper()
	mics, heard := map[string]*mic{}, map[string]time.Duration{}
	for id := range s {
		mics[id], heard[id] = &mic{}, -time.Hour
	}
	var out []change
	for at := time.Duration(0); at < long; at += frame {
		var voices []Voice
		for id, level := range s {
			raw := level(at)
			if raw <= Speech {
				heard[id] = at
			}
			voices = append(voices, Voice{id, mics[id].put(raw)})
		}
		if at%tick != 0 {
			continue
		}
		was := f.Speaker()
		f.Hear(at, voices)
		if now := f.Speaker(); now != was {
			out = append(out, change{at, now})
			if silent := at - heard[now]; silent > 300*time.Millisecond {
				t.Errorf("at %v %s, silent for %v, got the floor", at, now, silent)
			}
		}
	}
	return out
}

// talk is speech between these times: syllables of 200 ms with dips between them, and a background of noise.
func talk(level int, from, to time.Duration) func(time.Duration) int {
	return func(at time.Duration) int {
		switch {
		case at < from || at >= to:
			return 75
		case at%(200*time.Millisecond) >= 140*time.Millisecond:
			return level + 25
		}
		return level
	}
}

func recorded(t *testing.T, name string) []int {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, w := range strings.Fields(string(data)) {
		n, err := strconv.Atoi(w)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// after plays a recording from a time on, softer by so many dB.
func after(list []int, from time.Duration, softer int) func(time.Duration) int {
	return func(at time.Duration) int {
		if i := int((at - from) / frame); at >= from && i < len(list) {
			return min(list[i]+softer, Silence)
		}
		return 80
	}
}

func want(t *testing.T, got []change, want ...change) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("changes %v, want %v", got, want)
	}
	for i, w := range want {
		if got[i].id != w.id || got[i].at < w.at || got[i].at > w.at+600*time.Millisecond {
			t.Errorf("%s at %v, want %s within 600 ms after %v", got[i].id, got[i].at, w.id, w.at)
		}
	}
}

func TestOneAfterTheOther(t *testing.T) {
	s := scene{
		"a": talk(30, 0, 5*time.Second), "b": talk(35, 5*time.Second, 8*time.Second), "c": talk(28, 8*time.Second, 10*time.Second),
		"quiet": talk(75, 0, 0),
	}
	want(t, s.play(t, New(5), 12*time.Second), change{0, "a"}, change{5 * time.Second, "b"}, change{8 * time.Second, "c"})
}

func TestQuickTurns(t *testing.T) {
	s := scene{}
	var turns []change
	for i := range 8 {
		from := time.Duration(i) * 1200 * time.Millisecond
		id := string(rune('a' + i%2))
		next, last := talk(32, from, from+1200*time.Millisecond), s[id]
		s[id] = func(at time.Duration) int {
			if last != nil && at < from {
				return last(at)
			}
			return next(at)
		}
		turns = append(turns, change{from, id})
	}
	want(t, s.play(t, New(5), 10*time.Second), turns...)
}

func TestCoughsAndNoiseGetNothing(t *testing.T) {
	s := scene{
		"a":     talk(40, 0, 20*time.Second),
		"cough": func(at time.Duration) int { return []int{80, 15}[b2i(at%(3*time.Second) < 160*time.Millisecond)] },
		"fan":   func(time.Duration) int { return 60 },
	}
	want(t, s.play(t, New(5), 20*time.Second), change{0, "a"})
	silent := scene{"fan": func(time.Duration) int { return 55 }, "nobody": func(time.Duration) int { return Silence }}
	want(t, silent.play(t, New(5), 5*time.Second))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTwoAtOnceDoNotFlap(t *testing.T) {
	s := scene{"a": talk(30, 0, time.Minute), "b": talk(31, 100*time.Millisecond, time.Minute)}
	if got := s.play(t, New(5), time.Minute); len(got) != 1 {
		t.Errorf("equally loud: %v", got)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	wild := scene{}
	for i := range 6 { // six who shout at once, each now louder, now softer
		base := 25 + i
		wild[fmt.Sprint(i)] = func(time.Duration) int { return base + rng.IntN(15) }
	}
	if got := wild.play(t, New(5), time.Minute); len(got) > 6 {
		t.Errorf("%d changes in a minute of shouting: %v", len(got), got)
	}
}

func TestLouderTakesTheFloor(t *testing.T) {
	s := scene{"soft": talk(48, 0, 20*time.Second), "loud": talk(25, 10*time.Second, 20*time.Second)}
	want(t, s.play(t, New(5), 20*time.Second), change{0, "soft"}, change{10 * time.Second, "loud"})
}

// The recordings are levels of synthesised speech, 20 ms each: 440 and 365 of them (testdata), with the pauses between its sentences.
func TestRecordedSpeech(t *testing.T) {
	a, b := recorded(t, "a"), recorded(t, "b")
	end := time.Duration(len(a)) * frame
	last := time.Duration(0) // when a is last loud
	for i, l := range a {
		if l <= Speech {
			last = time.Duration(i) * frame
		}
	}
	first := 0
	for b[first] > Speech {
		first++
	}
	s := scene{"a": after(a, 0, 0), "b": after(b, end, 0), "softer": after(b, end, 12), "idle": func(time.Duration) int { return 78 }}
	got := s.play(t, New(3), end+time.Duration(len(b))*frame)
	want(t, got, change{0, "a"}, change{max(last, end+time.Duration(first)*frame), "b"})
}

func TestLeave(t *testing.T) {
	f := New(2)
	f.Hear(0, []Voice{{"a", 30}})
	f.Hear(time.Second, []Voice{{"a", 30}})
	if f.Speaker() != "a" {
		t.Fatalf("speaker %q", f.Speaker())
	}
	f.Hear(2*time.Second, nil)
	if f.Speaker() != "a" {
		t.Error("a closed microphone takes the floor away")
	}
	f.Leave("b")
	f.Leave("a")
	if f.Speaker() != "" || f.Loud("a") {
		t.Error("who has left has the floor")
	}
}

func TestLoudest(t *testing.T) {
	f := New(2)
	level := map[string]int{"a": 60, "b": 70, "c": 80, "d": Silence}
	at := time.Duration(0)
	hear := func() string {
		at += frame
		var list []Voice
		for id, l := range level {
			list = append(list, Voice{id, l})
		}
		f.Hear(at, list)
		loud := slices.Clone(f.loud)
		slices.Sort(loud)
		return strings.Join(loud, "")
	}
	for i, c := range []struct {
		id    string
		level int
		want  string
	}{
		{"a", 60, "ab"}, {"c", 50, "ac"}, {"d", 30, "cd"}, // who is silent makes way
		{"a", 49, "cd"},      // speaks now, but so do they, as loud
		{"a", 43, "ad"},      // louder by the margin
		{"d", 55, "ad"},      // a pause between words
		{"c", Silence, "ad"}, // nobody wants the place
		{"b", 54, "ad"},      // no margin
	} {
		level[c.id] = c.level
		if got := hear(); got != c.want {
			t.Errorf("step %d: %s are sent, want %s", i, got, c.want)
		}
	}
	if all := New(0); true {
		all.Hear(0, []Voice{{"a", Silence}, {"b", Silence}, {"c", 3}})
		if len(all.loud) != 3 {
			t.Error("without a limit somebody is not sent")
		}
	}
}

// Whoever begins to speak is among the loudest at the next look, unless all places are taken by people who speak as loud.
func TestSpeechGetsAPlaceAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "places")
		f := New(n)
		ids := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		at := time.Duration(0)
		for range rapid.IntRange(1, 30).Draw(t, "rounds") {
			at += time.Duration(rapid.IntRange(1, 60).Draw(t, "frames")) * frame
			var list []Voice
			for _, id := range ids {
				if rapid.IntRange(0, 5).Draw(t, "open") > 0 {
					list = append(list, Voice{id, rapid.SampledFrom([]int{20, 30, 40, 70, 80, Silence}).Draw(t, "level")})
				}
			}
			f.Hear(at, list)
			if len(f.loud) != min(n, len(list)) {
				t.Fatalf("%d of %d have a place", len(f.loud), len(list))
			}
			worst := 0
			for _, v := range list {
				if f.Loud(v.ID) && v.ID != f.Speaker() {
					worst = max(worst, v.Level)
				}
			}
			for _, v := range list {
				if !f.Loud(v.ID) && v.Level <= Speech && worst > v.Level+margin && worst > Speech {
					t.Fatalf("%s with %d has no place, somebody with %d has", v.ID, v.Level, worst)
				}
			}
		}
	})
}
