package reception

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHoles: the list of missing packets.
func TestHoles(t *testing.T) {
	var h Holes
	h.Note(65534, 0)
	for _, step := range []struct {
		seq  uint16
		now  int64
		want []uint16
	}{
		{1, 0, []uint16{65535, 0}},
		{2, 10e6, nil}, // asked a moment ago
		{65535, 20e6, nil},
		{5, 30e6, []uint16{3, 4}},
		{6, 41e6, []uint16{0}},
		{0, 42e6, nil},
		{7, 75e6, []uint16{3, 4}},
	} {
		h.Note(step.seq, step.now)
		if got := h.Due(step.now); !slices.Equal(got, step.want) {
			t.Errorf("after %d at %d: %v, want %v", step.seq, step.now, got, step.want)
		}
	}
	if h.Due(2e9); len(h.list) != 0 {
		t.Error("old ones are not given up", h.list)
	}
	h.Note(7+maxJump+1, 2e9)
	if len(h.Due(2e9)) != 0 {
		t.Error("a jump is asked for")
	}
	for range 100 {
		h.Note(h.high+uint16(rand.IntN(maxJump)), 3e9)
		if len(h.list) > maxHoles {
			t.Fatal(len(h.list))
		}
	}
}
