package allot

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// three is the usual simulcast of a camera.
func three() []Option {
	return []Option{
		{Encoding: 0, Temporal: 0, Rate: 60_000, Width: 320, Height: 180, Live: true},
		{Encoding: 0, Temporal: 2, Rate: 150_000, Width: 320, Height: 180, Live: true},
		{Encoding: 1, Temporal: 2, Rate: 500_000, Width: 640, Height: 360, Live: true},
		{Encoding: 2, Temporal: 2, Rate: 1_500_000, Width: 1280, Height: 720, Live: true},
	}
}

func camera(n, w, h int) Seat {
	return Seat{Number: n, Source: fmt.Sprint("camera ", n), Options: three(), Width: w, Height: h}
}

func (s Seat) with(f func(*Seat)) Seat { f(&s); return s }

func TestShare(t *testing.T) {
	dark := func(dead ...int) func(*Seat) {
		return func(s *Seat) {
			for _, k := range dead {
				s.Options[k].Live = false
			}
		}
	}
	for _, c := range []struct {
		name    string
		budget  int
		seats   []Seat
		want    []Choice
		limited bool
	}{
		{"nobody", 1e6, nil, nil, false},
		{"no limit", 0, []Seat{camera(0, 1280, 720)}, []Choice{{3, 3, ""}}, false},
		{"a tile of unknown size gets the best", 9e6, []Seat{camera(0, 0, 0)}, []Choice{{3, 3, ""}}, false},
		{"a small tile", 9e6, []Seat{camera(0, 320, 180)}, []Choice{{1, 1, ByTile}}, false},
		{"a tile a little larger than a layer", 9e6, []Seat{camera(0, 400, 225)}, []Choice{{1, 1, ByTile}}, false},
		{"a tile larger than that", 9e6, []Seat{camera(0, 500, 300)}, []Choice{{2, 2, ByTile}}, false},
		{"a high tile of a wide picture", 9e6, []Seat{camera(0, 320, 700)}, []Choice{{1, 1, ByTile}}, false},
		{"a tile larger than everything", 9e6, []Seat{camera(0, 4000, 3000)}, []Choice{{3, 3, ""}}, false},
		{"one layer less", 1_600_000, []Seat{camera(0, 1280, 720)}, []Choice{{2, 3, ByBandwidth}}, true},
		{"the margin counts", 1_724_999, []Seat{camera(0, 1280, 720)}, []Choice{{2, 3, ByBandwidth}}, true},
		{"and is enough", 1_725_000, []Seat{camera(0, 1280, 720)}, []Choice{{3, 3, ""}}, false},
		{"fewer pictures a second before none", 100_000, []Seat{camera(0, 1280, 720)}, []Choice{{0, 3, ByBandwidth}}, true},
		{"none before sound suffers", 50_000, []Seat{camera(0, 1280, 720)}, []Choice{{None, 3, ByBandwidth}}, true},
		{"paused by choice", 9e6, []Seat{camera(0, 1280, 720).with(func(s *Seat) { s.Paused = true })}, []Choice{{None, None, ByChoice}}, false},
		{"nothing there", 9e6, []Seat{{Number: 1}}, []Choice{{None, None, ""}}, false},
		{"the best is not sent", 9e6, []Seat{camera(0, 1280, 720).with(dark(3))}, []Choice{{2, 3, ByPublisher}}, false},
		{"only more than needed is sent", 9e6, []Seat{camera(0, 320, 180).with(dark(0, 1))}, []Choice{{2, 1, ByPublisher}}, false},
		{"nothing is sent", 9e6, []Seat{camera(0, 320, 180).with(dark(0, 1, 2, 3))}, []Choice{{None, 1, ByPublisher}}, false},
		{
			"the screen first, then who speaks, all have something", 3_300_000,
			[]Seat{
				camera(0, 1280, 720), camera(1, 1280, 720).with(func(s *Seat) { s.Rank = Speaker }),
				camera(2, 1280, 720).with(func(s *Seat) { s.Rank = Screen }),
			},
			[]Choice{{2, 3, ByBandwidth}, {2, 3, ByBandwidth}, {3, 3, ""}}, true,
		},
		{
			"the larger tile first", 2_000_000,
			[]Seat{camera(0, 640, 360), camera(1, 1280, 720)},
			[]Choice{{2, 2, ByTile}, {2, 3, ByBandwidth}}, true,
		},
		{
			"the last in the order goes without", 150_000,
			[]Seat{camera(0, 320, 180), camera(1, 320, 180), camera(2, 1280, 720)},
			[]Choice{{0, 1, ByBandwidth}, {None, 1, ByBandwidth}, {0, 3, ByBandwidth}}, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a Allocator
			got := a.Share(0, c.budget, c.seats)
			if !slices.Equal(got.Choices, c.want) || got.Limited != c.limited {
				t.Errorf("got %+v, limited %t; want %+v", got.Choices, got.Limited, c.want)
			}
		})
	}
}

func TestShownIsKeptAtItsPrice(t *testing.T) {
	var a Allocator
	seat := []Seat{camera(0, 1280, 720)}
	for _, step := range []struct {
		at     time.Duration
		budget int
		want   int
	}{
		{0, 1_800_000, 3}, {1 * time.Second, 1_500_000, 3}, // no margin for what is there
		{2 * time.Second, 1_499_999, 2},
		{3 * time.Second, 9_000_000, 2}, // held
		{4 * time.Second, 1_600_000, 2}, // free, but there is no margin
		{5 * time.Second, 9_000_000, 3},
		{6 * time.Second, 1_000_000, 2}, // it did not last
		{9 * time.Second, 9_000_000, 2}, // held for twice as long
		{10 * time.Second, 9_000_000, 3},
		{30 * time.Second, 1_000_000, 2}, // it did last
		{32 * time.Second, 9_000_000, 3},
	} {
		if got := a.Share(step.at, step.budget, seat).Choices[0].Option; got != step.want {
			t.Fatalf("at %v with %d: option %d, want %d", step.at, step.budget, got, step.want)
		}
	}
	seat[0].Source = "another"
	if got := a.Share(33*time.Second, 1_550_000, seat).Choices[0].Option; got != 2 {
		t.Errorf("another source has a past: option %d", got)
	}
}

func TestTileThatSwaysKeepsItsLayer(t *testing.T) {
	var a Allocator
	for i, width := range []int{400, 420, 440, 420, 400, 440} {
		if got := a.Share(time.Duration(i)*time.Second, 0, []Seat{camera(0, width, width*9/16)}).Choices[0].Option; got != 1 {
			t.Errorf("width %d: option %d", width, got)
		}
	}
	if got := a.Share(time.Minute, 0, []Seat{camera(0, 500, 281)}).Choices[0].Option; got != 2 {
		t.Errorf("width 500: option %d", got)
	}
	if got := a.Share(time.Minute, 0, []Seat{camera(0, 420, 236)}).Choices[0].Option; got != 2 {
		t.Errorf("back to 420: option %d", got)
	}
}

// options draws layers, each with more bits than the one before.
func options(t *rapid.T) []Option {
	n := rapid.IntRange(0, 5).Draw(t, "options")
	var out []Option
	rate := 0
	for k := range n {
		rate += rapid.IntRange(1_000, 800_000).Draw(t, "step")
		o := Option{Encoding: k, Rate: rate, Live: rapid.IntRange(0, 9).Draw(t, "live") > 0}
		if rapid.Bool().Draw(t, "sized") {
			o.Width, o.Height = 160<<k, 90<<k
		}
		out = append(out, o)
	}
	return out
}

func seats(t *rapid.T) []Seat {
	var out []Seat
	for i := range rapid.IntRange(0, 12).Draw(t, "seats") {
		out = append(out, Seat{
			Number: i, Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"), Options: options(t),
			Width: rapid.IntRange(0, 2000).Draw(t, "width"), Height: rapid.IntRange(0, 1200).Draw(t, "height"),
			Rank: rapid.SampledFrom([]Rank{Plain, Plain, Speaker, Screen}).Draw(t, "rank"), Paused: rapid.IntRange(0, 9).Draw(t, "paused") == 0,
		})
	}
	return out
}

func TestNeverOverTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Allocator
		now := time.Duration(0)
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			now += time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond
			budget := rapid.IntRange(1, 5_000_000).Draw(t, "budget")
			list := seats(t)
			got := a.Share(now, budget, list)
			sum := 0
			for i, c := range got.Choices {
				s := list[i]
				if c.Option == None {
					continue
				}
				sum += s.Options[c.Option].Rate
				if s.Paused || !s.Options[c.Option].Live {
					t.Fatalf("seat %d shows what it must not: %+v of %+v", i, c, s)
				}
			}
			if sum > budget || sum != got.Used {
				t.Fatalf("%d of %d used, told %d", sum, budget, got.Used)
			}
			if got.Limited != slices.ContainsFunc(got.Choices, func(c Choice) bool { return c.Why == ByBandwidth }) {
				t.Fatalf("limited %t: %+v", got.Limited, got.Choices)
			}
			if len(a.seats) > len(list) {
				t.Fatalf("%d seats are remembered of %d", len(a.seats), len(list))
			}
		}
	})
}

// With room for everything, everybody gets what its tile needs, at once.
func TestRoomForAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Allocator
		list := seats(t)
		for i, c := range a.Share(0, 1<<40, list).Choices {
			if s := list[i]; c.Why == ByBandwidth || c.Want >= 0 && s.Options[c.Want].Live && c.Option != c.Want {
				t.Fatalf("seat %+v: %+v", s, c)
			}
		}
	})
}

// While nothing changes, the choice settles within a minute, and nobody goes without what there is room for.
func TestSettlesAndStarvesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Allocator
		list := seats(t)
		for range 3 { // a past
			a.Share(0, rapid.IntRange(1, 5_000_000).Draw(t, "before"), list)
		}
		budget := rapid.IntRange(1, 5_000_000).Draw(t, "budget")
		var last Share
		changes := 0
		for now := time.Second; now < time.Minute; now += 250 * time.Millisecond {
			got := a.Share(now, budget, list)
			if now > time.Second+HoldMost && !slices.Equal(got.Choices, last.Choices) {
				changes++
			}
			last = got
		}
		if changes > 1 {
			t.Fatalf("%d changes although nothing changes", changes)
		}
		for i, c := range last.Choices {
			if c.Why != ByBandwidth {
				continue
			}
			s, have := list[i], 0
			if c.Option != None {
				have = s.Options[c.Option].Rate
			}
			for k := c.Option + 1; k <= c.Want; k++ {
				if !s.Options[k].Live {
					continue
				}
				if need := s.Options[k].Rate * (100 + Margin) / 100; last.Used-have+need <= budget*85/100 {
					t.Fatalf("seat %d could have option %d: %d of %d are used", i, k, last.Used, budget)
				}
				break
			}
		}
	})
}

// Who is more important is not without a picture that would fit into the room of those who are less.
func TestRankIsObeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Allocator
		var list []Seat
		for i := range rapid.IntRange(2, 9).Draw(t, "seats") {
			list = append(list, camera(i, 1280, 720).with(func(s *Seat) {
				s.Rank = rapid.SampledFrom([]Rank{Plain, Speaker, Screen}).Draw(t, "rank")
			}))
		}
		got := a.Share(0, rapid.IntRange(1, 9_000_000).Draw(t, "budget"), list)
		for i, c := range got.Choices {
			for k, o := range got.Choices {
				if list[i].Rank > list[k].Rank && c.Option < o.Option {
					t.Fatalf("rank %d has option %d, rank %d has %d", list[i].Rank, c.Option, list[k].Rank, o.Option)
				}
			}
		}
	})
}

// Rates that sway by a fifth around what the way carries do not make the picture sway with them.
func TestSwayingRates(t *testing.T) {
	var a Allocator
	seat := camera(0, 1280, 720)
	changes, last := 0, None
	for i := range 240 { // a minute
		sway := []int{0, 8, 15, 20, 12, 4, -6, -14, -20, -10}[i%10]
		options := three()
		for k := range options {
			options[k].Rate += options[k].Rate * sway / 100
		}
		seat.Options = options
		got := a.Share(time.Duration(i)*250*time.Millisecond, 1_600_000, []Seat{seat}).Choices[0].Option
		if got != last {
			changes++
		}
		last = got
	}
	if changes > 16 { // without margin and hold there are 48
		t.Errorf("%d changes in a minute", changes)
	}
}

// TestLossy is a way that loses much: everybody is shown as small as can be until that is over, and no more is asked for.
func TestLossy(t *testing.T) {
	var a Allocator
	seats := []Seat{camera(0, 1280, 720), camera(1, 1280, 720)}
	now, share := time.Duration(0), Share{}
	run := func(lost float64, budget int) []int {
		for range 40 { // 10 s
			now += 250 * time.Millisecond
			a.Lost(now, lost)
			share = a.Share(now, budget, seats)
		}
		return []int{share.Choices[0].Option, share.Choices[1].Option}
	}
	for _, c := range []struct {
		lost   float64
		budget int
		want   int
	}{{0.12, 9e6, 3}, {0.20, 9e6, 0}, {0.20, 0, 0}, {0.12, 9e6, 0}, {0.05, 9e6, 3}, {0.20, 9e6, 0}, {0, 0, 3}} {
		if got := run(c.lost, c.budget); !slices.Equal(got, []int{c.want, c.want}) {
			t.Errorf("%.2f lost of %d: options %v, not %d", c.lost, c.budget, got, c.want)
		}
		if c.want == 0 && (share.Wanted != 120_000 || !share.Limited || share.Choices[0].Why != ByBandwidth) {
			t.Errorf("%+v", share)
		}
	}
	for range 4 { // a moment of it, as when a way gets slow, is soon over
		now += 250 * time.Millisecond
		a.Lost(now, 0.25)
	}
	if a.lossy {
		t.Error("a moment counts for much")
	}
}
