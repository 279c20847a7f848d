package hub

import (
	"cmp"
	"slices"
	"time"
)

// timers are a room's timers, kept by its goroutine: one runtime timer for the earliest of them,
// so that an expiry never has to find room in the command queue.
type timers struct {
	due     map[string]time.Time
	alarm   *time.Timer
	changed bool // since the alarm was set
}

func newTimers() *timers {
	t := &timers{due: map[string]time.Time{}, alarm: time.NewTimer(time.Hour)}
	t.alarm.Stop()
	return t
}

func (t *timers) start(key string, at time.Time) {
	t.due[key] = at
	t.changed = true
}

func (t *timers) stop(key string) {
	delete(t.due, key)
	t.changed = true
}

// arm sets the alarm for the earliest timer.
func (t *timers) arm() {
	if !t.changed {
		return
	}
	t.changed = false
	var first time.Time
	for _, at := range t.due {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if first.IsZero() {
		t.alarm.Stop()
		return
	}
	t.alarm.Reset(time.Until(first))
}

// expired removes and returns the timers due at now, earliest first.
func (t *timers) expired(now time.Time) []string {
	type entry struct {
		key string
		at  time.Time
	}
	var list []entry
	t.changed = true
	for key, at := range t.due {
		if !at.After(now) {
			list = append(list, entry{key, at})
			delete(t.due, key)
		}
	}
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key))
	})
	keys := make([]string, len(list))
	for i, e := range list {
		keys[i] = e.key
	}
	return keys
}
