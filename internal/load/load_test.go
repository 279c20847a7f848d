package load

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	var m Meter
	at := time.Now()
	var used time.Duration
	for i, step := range []struct {
		after, used time.Duration
		want        float64
	}{
		{0, 0, 0},
		{500 * time.Millisecond, time.Second, 0}, // too soon
		{500 * time.Millisecond, 0, 0.5},
		{900 * time.Millisecond, time.Second, 0.5},
		{100 * time.Millisecond, time.Second, 1},
		{stale + 1, 0, 0}, // begun anew
		{2 * time.Second, time.Second, 0.25},
	} {
		at, used = at.Add(step.after), used+step.used
		if got := m.note(at, used, 2); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// TestShare: work is seen.
func TestShare(t *testing.T) {
	before, ok := processTime()
	if !ok {
		t.Skip("not known on this system")
	}
	for end := time.Now().Add(10 * time.Second); ; {
		if after, _ := processTime(); after > before {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no time passes")
		}
	}
	if got := new(Meter).Share(); got != 0 {
		t.Error(got, "from one look")
	}
}
