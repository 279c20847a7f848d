package bench

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 19 20 1000 99"
	got, ok := parseStat([]byte("42 (a) name)" + rest))
	want := cost{cpu: 3 * time.Second, rss: 1000 * uint64(os.Getpagesize())}
	if !ok || got != want {
		t.Errorf("%+v %t, want %+v", got, ok, want)
	}
	for _, text := range []string{"", "42 (name", "42 (name) S 1 2", "42 (name) S 1 2 3 4 5 6 7 8 9 10 x 50 13 14 15 16 17 18 19 20 1000"} {
		if _, ok := parseStat([]byte(text)); ok {
			t.Errorf("%q was understood", text)
		}
	}
}

func TestUsage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	if c, ok := usage(os.Getpid()); !ok || c.rss < 1<<20 {
		t.Errorf("%+v %t", c, ok)
	}
	if _, ok := usage(0); ok {
		t.Error("process 0 has a cost")
	}
}
