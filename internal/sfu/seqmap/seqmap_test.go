package seqmap

import (
	"testing"

	"pgregory.net/rapid"
)

func TestPut(t *testing.T) {
	type step struct {
		seq   uint16
		empty bool
		again bool
		want  Verdict
		line  int64 // relative to the first number; checked unless the verdict has none
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{seq: 5}, {seq: 6, line: 1}, {seq: 7, line: 2}}},
		{"wrap", []step{{seq: 65534}, {seq: 65535, line: 1}, {seq: 0, line: 2}, {seq: 1, line: 3}}},
		{"loss and late", []step{{seq: 5}, {seq: 8, line: 3}, {seq: 6, want: Filled, line: 1}, {seq: 7, want: Filled, line: 2}}},
		{"late over the wrap", []step{{seq: 65535}, {seq: 1, line: 2}, {seq: 0, want: Filled, line: 1}}},
		{"duplicates", []step{{seq: 5}, {seq: 5, want: Duplicate}, {seq: 6, line: 1}, {seq: 5, want: Duplicate}, {seq: 6, want: Duplicate}}},
		{"padding", []step{{seq: 5}, {seq: 6, empty: true, want: Closed}, {seq: 7, empty: true, want: Closed}, {seq: 8, line: 1}}},
		{"padding twice", []step{{seq: 5}, {seq: 6, empty: true, want: Closed}, {seq: 6, empty: true, want: Duplicate}}},
		{"hole before padding", []step{{seq: 5}, {seq: 7, empty: true, want: Closed}, {seq: 8, line: 2}, {seq: 6, want: Filled, line: 1}}},
		{"late padding", []step{{seq: 5}, {seq: 7, line: 2}, {seq: 6, empty: true, want: Filled, line: 1}}},
		{"out of order at the beginning", []step{{seq: 5}, {seq: 4, want: Filled, line: -1}, {seq: 6, line: 1}}},
		{"far before the beginning", []step{{seq: 100}, {seq: 60, want: Late}}},
		{"padding does not begin", []step{{seq: 900, empty: true, want: Closed}, {seq: 5}, {seq: 6, line: 1}}},
		{"older than the window", []step{{seq: 100}, {seq: 200, line: 100}, {seq: 136, want: Late}, {seq: 137, want: Filled, line: 37}}},
		{"stray", []step{{seq: 100}, {seq: 30000, want: Late}, {seq: 101, line: 1}, {seq: 30001, want: Late}, {seq: 102, line: 2}}},
		{"new sequence", []step{{seq: 100}, {seq: 30000, want: Late}, {seq: 30001, want: Reset, line: 33}, {seq: 30002, line: 34}, {seq: 30000, want: Filled, line: 32}}},
		{"new sequence with padding", []step{{seq: 100}, {seq: 30000, want: Late}, {seq: 30001, empty: true, want: Closed}, {seq: 30002, want: Late}, {seq: 30003, want: Reset, line: 33}}},
		{"old retransmissions are no new sequence", []step{{seq: 5000}, {seq: 3000, again: true, want: Late}, {seq: 3001, again: true, want: Late}, {seq: 3002, again: true, want: Late}, {seq: 5001, line: 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New(64)
			base, based := int64(0), false
			for i, s := range tt.steps {
				line, v := m.Put(s.seq, s.empty, s.again)
				if v != s.want {
					t.Fatalf("step %d: verdict %d, want %d", i, v, s.want)
				}
				if v != Next && v != Filled && v != Reset {
					continue
				}
				if !based {
					base, based = line, true
				}
				if line-base != s.line {
					t.Fatalf("step %d: line %d, want %d", i, line-base, s.line)
				}
			}
		})
	}
}

func TestRestart(t *testing.T) {
	m := New(64)
	a, _ := m.Put(500, false, false)
	m.Restart()
	b, v := m.Put(499, false, false)
	if v != Reset || b != a+1+headroom {
		t.Fatalf("line %d verdict %d after %d", b, v, a)
	}
	if c, v := m.Put(500, false, false); v != Next || c != b+1 {
		t.Fatalf("the old sequence is not forgotten: line %d verdict %d", c, v)
	}
}

func TestNewRefusesSizes(t *testing.T) {
	for _, size := range []int{0, 32, 100, 8192} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("size %d was accepted", size)
				}
			}()
			New(size)
		}()
	}
}

// TestModel compares with a model that keeps everything: a publisher sends media and padding, the network
// loses, repeats and reorders within the window.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 128
		m := New(size)
		start := rapid.Uint16().Draw(t, "start")
		n := rapid.IntRange(1, 400).Draw(t, "n")
		padding := make([]bool, n)
		for i := 1; i < n; i++ {
			padding[i] = rapid.IntRange(0, 4).Draw(t, "padding") == 0
		}
		var (
			seen = map[int]bool{}
			line = map[int64]int{} // line number -> index
			base int64
			high = -1 // highest index received
			cum  int  // paddings closed up
			off  = map[int]int{}
		)
		receive := func(i int) {
			got, v := m.Put(start+uint16(i), padding[i], rapid.Bool().Draw(t, "again"))
			switch {
			case high >= 0 && i <= high-size:
				if v != Late {
					t.Fatalf("%d after %d: verdict %d", i, high, v)
				}
				return
			case seen[i]:
				if v != Duplicate {
					t.Fatalf("%d again: verdict %d", i, v)
				}
				return
			}
			seen[i] = true
			if i < high {
				if v != Filled || got != base+int64(i-off[i]) {
					t.Fatalf("%d late: line %d verdict %d", i, got, v)
				}
			} else {
				for h := high + 1; h <= i; h++ {
					off[h] = cum
				}
				high = i
				if padding[i] {
					if cum++; v != Closed {
						t.Fatalf("padding %d: verdict %d", i, v)
					}
					return
				}
				if i == 0 {
					base = got
				}
				if v != Next || got != base+int64(i-off[i]) {
					t.Fatalf("%d: line %d verdict %d, want %d", i, got, v, base+int64(i-off[i]))
				}
			}
			if was, ok := line[got]; ok {
				t.Fatalf("%d and %d share line number %d", was, i, got)
			}
			line[got] = i
		}
		receive(0)
		for i := 1; i < n; i++ {
			switch rapid.IntRange(0, 9).Draw(t, "fate") {
			case 0: // lost for now
			case 1:
				receive(i)
				receive(i)
			case 2:
				receive(i)
				receive(rapid.IntRange(0, i).Draw(t, "old"))
			default:
				receive(i)
			}
		}
	})
}

// FuzzPut: no order of numbers makes two packets share a line number or panics.
func FuzzPut(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 1, 0xff, 0xff, 2, 0x10, 0, 0})
	f.Add([]byte{0, 100, 0, 0x75, 0x30, 0, 0x75, 0x31, 0, 0, 101, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m := New(64)
		used := map[int64]bool{}
		for ; len(data) >= 3; data = data[3:] {
			if data[2]&4 != 0 {
				m.Restart()
			}
			line, v := m.Put(uint16(data[0])<<8|uint16(data[1]), data[2]&1 != 0, data[2]&2 != 0)
			if v != Next && v != Filled && v != Reset {
				continue
			}
			if used[line] || line < 0 {
				t.Fatalf("line number %d twice or negative", line)
			}
			used[line] = true
		}
	})
}

func BenchmarkPut(b *testing.B) {
	m := New(1024)
	b.ReportAllocs()
	for i := range b.N {
		m.Put(uint16(i), false, false)
	}
}
