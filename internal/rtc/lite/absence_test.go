package lite

import (
	"slices"
	"testing"
)

// TestAbsence: who was away is told from who is always quiet.
func TestAbsence(t *testing.T) {
	here, there := new(int), new(int)
	for name, c := range map[string]struct {
		heard []float64 // s
		want  []int     // which of them end an absence
	}{
		"steady":          {[]float64{1, 1.2, 1.4, 1.4, 1.4, 1.6}, nil},
		"hole of 3 s":     {[]float64{1, 1.2, 1.4, 4.4, 4.6}, []int{3}},
		"hole of 60 s":    {[]float64{1, 1.2, 61.4, 61.6, 61.8}, []int{2}},
		"checks only":     {[]float64{1, 3.5, 6, 8.5, 11, 13.5}, []int{1}}, // the first could be one
		"two holes":       {[]float64{1, 1.5, 5, 5.2, 5.4, 5.6, 5.8, 6, 6.2, 6.4, 6.6, 6.8, 7, 7.2, 12}, []int{2, 14}},
		"a short silence": {[]float64{1, 1.2, 2.7, 2.9}, nil},
	} {
		var a Absence
		var got []int
		for i, s := range c.heard {
			if a.Over(int64(s*1e9), here) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	var a Absence
	if a.Over(1, nil) || a.Over(2, here) || a.Over(3, nil) || a.Over(4, here) || !a.Over(5, there) || a.Over(6, there) {
		t.Error("moving")
	}
}
