package wheel

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type counter struct{ atomic.Int64 }

func (c *counter) Tick(int64) { c.Add(1) }

// TestWheel: each is called once a turn, from when it was added until it was removed.
func TestWheel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var after atomic.Int64
		w := New(func() { after.Add(1) })
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
			if n := c.Load(); n < 9 || n > 11 {
				t.Errorf("%d was called %d times in ten turns", i, n)
			}
		}
		w.Add(list[0]) // it begins again after a sleep
		was, calls := list[0].Load(), after.Load()
		time.Sleep(10 * Tick)
		if got := list[0].Load() - was; got < 9 || got > 11 {
			t.Errorf("%d calls after a sleep", got)
		}
		if got := after.Load() - calls; got < 9 || got > 11 {
			t.Errorf("%d calls of what follows", got)
		}
	})
}
