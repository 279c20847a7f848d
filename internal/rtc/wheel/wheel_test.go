package wheel

import (
	"testing"
	"testing/synctest"
	"time"
)

type counter struct{ n int }

func (c *counter) Tick(int64) { c.n++ }

// TestWheel: each is called once a turn, from when it was added until it was removed.
func TestWheel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New()
		defer w.Close()
		time.Sleep(time.Hour) // asleep
		list := make([]*counter, 3*spokes+1)
		for i := range list {
			list[i] = new(counter)
			w.Add(list[i])
		}
		time.Sleep(10 * Tick)
		for _, c := range list {
			w.Remove(c)
		}
		w.Remove(list[0]) // again: nothing
		time.Sleep(10 * Tick)
		for i, c := range list {
			if c.n < 9 || c.n > 11 {
				t.Errorf("%d was called %d times in ten turns", i, c.n)
			}
		}
		w.Add(list[0]) // it begins again after a sleep
		was := list[0].n
		time.Sleep(10 * Tick)
		if got := list[0].n - was; got < 9 || got > 11 {
			t.Errorf("%d calls after a sleep", got)
		}
	})
}
