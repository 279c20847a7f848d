package bench

import (
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for _, c := range []struct {
		name      string
		seqs      []uint16
		got, lost uint64
	}{
		{"nothing", nil, 0, 0},
		{"in order", []uint16{5, 6, 7}, 3, 0},
		{"one is missing", []uint16{5, 7}, 2, 1},
		{"late is not lost", []uint16{5, 7, 6}, 3, 0},
		{"over the end", []uint16{65534, 65535, 1}, 3, 1},
		{"first ones out of order", []uint16{6, 5, 7}, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &subscriber{}
			st := &stream{}
			s.streams = []*stream{st}
			s.count(st, 1, 0) // before the measurement
			s.begin()
			for _, seq := range c.seqs {
				s.count(st, seq, time.Millisecond)
			}
			got, lost, _ := s.end()
			if got != c.got || lost != c.lost {
				t.Errorf("%d received, %d lost, want %d and %d", got, lost, c.got, c.lost)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	list := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 6, 0.95: 10, 0.99: 10, 1: 10} {
		if got := quantile(list, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
