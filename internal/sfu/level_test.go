package sfu

import (
	"testing"

	"veche.example/internal/media"
)

func TestLevel(t *testing.T) {
	var m meter
	at := int64(0)
	say := func(level int8, n int) int {
		for range n {
			at += 20 * ms
			m.note(level, at)
		}
		return m.level(at)
	}
	equal(t, "before anything", m.level(0), media.Silence)
	if l := say(20, 1); l < 60 || l > 80 {
		t.Errorf("after one loud packet: %d", l)
	}
	if l := say(20, 5); l > 25 {
		t.Errorf("after six loud packets: %d", l)
	}
	loud := m.level(at)
	if l := say(127, 5); l > loud+40 {
		t.Errorf("a pause between words falls to %d", l)
	}
	if l := say(127, 100); l < 125 {
		t.Errorf("after two seconds of silence: %d", l)
	}
	say(20, 6)
	equal(t, "a packet without level changes nothing", say(-1, 1), loud)
	equal(t, "no packets for long", m.level(at+600*ms), media.Silence)
	at += 2000 * ms
	if l := say(20, 1); l < 60 {
		t.Errorf("begins anew at %d", l)
	}
	say(0, 50)
	if l := m.level(at); l > 1 {
		t.Errorf("loudest is %d", l)
	}
}

func TestTrackLevel(t *testing.T) {
	src := newSource(1, media.Opus)
	tr := newTrack(src, nil)
	equal(t, "silence", tr.Level(), media.Silence)
	for range 10 {
		f := src.next(true, 1)
		write(tr, f...)
		write(tr, f...) // duplicates do not count
	}
	if l := tr.Level(); l < 29 || l > 32 {
		t.Errorf("level %d, want about 30", l)
	}
	src.at += 1000 * ms
	equal(t, "gone", tr.Level(), media.Silence)
}
