package reception

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

const ms = int64(1e6)

// TestHoles: the list of missing packets.
func TestHoles(t *testing.T) {
	var h Holes
	h.Note(65534, 0)
	for _, step := range []struct {
		seq  uint16
		now  int64
		want []uint16
	}{
		{1, 1 * ms, []uint16{65535, 0}},
		{2, 10 * ms, nil}, // asked a moment ago
		{65535, 20 * ms, nil},
		{5, 30 * ms, nil}, // packets come out of order: wait for them
		{6, 60 * ms, []uint16{3, 4}},
		{7, 110 * ms, []uint16{0}}, // again
		{0, 112 * ms, nil},
		{8, 170 * ms, []uint16{3, 4}},
	} {
		h.Note(step.seq, step.now)
		if got := h.Due(step.now); !slices.Equal(got, step.want) {
			t.Errorf("after %d at %d ms: %v, want %v", step.seq, step.now/ms, got, step.want)
		}
	}
	if asked, needless := h.Counts(); asked != 4 || needless != 2 {
		t.Error(asked, needless)
	}
	h.Got(3, 171*ms)
	h.Got(3, 172*ms)
	if h.Due(2e9); len(h.list) != 0 || h.Next() != 0 {
		t.Error("old ones are not given up", h.list)
	}
	h.Note(8+maxJump+1, 2e9)
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

// line is what a simulated sender and network do.
type line struct {
	every   int64                    // between packets
	delay   func(r *rand.Rand) int64 // of a packet
	lost    float64
	trip    int64 // of requests and answers
	seconds int64
}

// outcome is what became of it.
type outcome struct {
	packets, asked, requests, needless, lost, repaired int
}

// run sends packets along a line.
func (l line) run(h *Holes) outcome {
	type arrival struct {
		seq   uint16
		at    int64
		again bool
	}
	r := rand.New(rand.NewPCG(1, 2))
	var todo []arrival
	var out outcome
	missing := map[uint16]int64{}
	for at, seq := int64(1e9), uint16(0); at < 1e9+l.seconds*1e9; at, seq = at+l.every, seq+1 {
		out.packets++
		if r.Float64() < l.lost {
			out.lost++
			missing[seq] = 0
			continue
		}
		todo = append(todo, arrival{seq, at + l.delay(r), false})
	}
	for len(todo) > 0 {
		slices.SortStableFunc(todo[:min(len(todo), 400)], func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
		a := todo[0]
		todo = todo[1:]
		if a.again {
			if since, ok := missing[a.seq]; ok && since >= 0 {
				out.repaired++
				delete(missing, a.seq)
			}
			h.Got(a.seq, a.at)
		} else {
			h.Note(a.seq, a.at)
		}
		for _, seq := range h.Due(a.at) {
			out.requests++
			there, back := r.Float64(), r.Float64()
			if there < l.lost || back < l.lost {
				continue
			}
			b := arrival{seq, a.at + l.trip + l.delay(r), true}
			i, _ := slices.BinarySearchFunc(todo, b, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
			todo = slices.Insert(todo, i, b)
		}
	}
	asked, needless := h.Counts()
	out.asked, out.needless = int(asked), int(needless)
	return out
}

// TestNeedless: on lines where packets are late and out of order hardly any is asked for that comes by itself, and what is
// lost is repaired all the same.
func TestNeedless(t *testing.T) {
	steady := func(*rand.Rand) int64 { return 20 * ms }
	for name, c := range map[string]struct {
		line
		needless float64 // at most, of all packets
		requests float64 // at most, for each packet that is lost
	}{
		"lan":                      {line{every: 3 * ms, delay: func(*rand.Rand) int64 { return ms }, lost: 0.05, trip: ms, seconds: 20}, 0, 1.3},
		"loss 5 %":                 {line{every: 3 * ms, delay: steady, lost: 0.05, trip: 20 * ms, seconds: 20}, 0, 1.3},
		"loss 5 %, 300 ms":         {line{every: 3 * ms, delay: steady, lost: 0.05, trip: 280 * ms, seconds: 20}, 0, 1.6},
		"reorder 5 % by 50 ms":     {line{every: 3 * ms, delay: func(r *rand.Rand) int64 { return 50 * ms * int64(min(r.IntN(20), 1)) }, seconds: 20}, 0.01, 0},
		"jitter 50 ms, unordered":  {line{every: 3 * ms, delay: func(r *rand.Rand) int64 { return r.Int64N(100 * ms) }, seconds: 20}, 0.01, 0},
		"jitter 50 ms, slow":       {line{every: 20 * ms, delay: func(r *rand.Rand) int64 { return r.Int64N(100 * ms) }, seconds: 60}, 0.01, 0},
		"jitter, reorder and loss": {line{every: 3 * ms, delay: func(r *rand.Rand) int64 { return r.Int64N(50*ms) + 30*ms*int64(r.IntN(20)/19) }, lost: 0.03, trip: 40 * ms, seconds: 20}, 0.01, 2},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.run(new(Holes))
			part := float64(o.needless) / float64(o.packets)
			t.Logf("%+v, %.2f %% needless", o, 100*part)
			if part > c.needless {
				t.Error("too many are needless")
			}
			if o.lost > 0 {
				if float64(o.repaired) < 0.97*float64(o.lost) {
					t.Error("not repaired")
				}
				if float64(o.requests) > c.requests*float64(o.lost)+float64(o.needless)*2 {
					t.Error("too many requests")
				}
			}
		})
	}
}
