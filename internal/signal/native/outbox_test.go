package native

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestOutbox compares with a list of everything: what is replayed is what was told, whole and in
// order, or nothing.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o outbox
		var all [][]byte
		gone := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				seen := rapid.IntRange(0, len(all)).Draw(t, "seen")
				o.forget(uint64(seen))
				gone = max(gone, seen)
			case 1:
				seen := rapid.IntRange(0, len(all)+2).Draw(t, "since")
				got, ok := o.since(uint64(seen))
				if seen > len(all) || seen < gone {
					if ok && seen > len(all) || ok && seen+1 < int(o.first()) {
						t.Fatalf("since %d of %d", seen, len(all))
					}
					continue
				}
				if ok != (seen+1 >= int(o.first())) || ok && !bytes.Equal(bytes.Join(got, nil), bytes.Join(all[seen:], nil)) {
					t.Fatalf("since %d of %d: %d frames, %t", seen, len(all), len(got), ok)
				}
			default:
				f := bytes.Repeat([]byte{byte(len(all))}, rapid.IntRange(0, maxBytes/8).Draw(t, "size"))
				all = append(all, f)
				o.add(f)
			}
			sum := 0
			for _, f := range o.frames {
				sum += len(f)
			}
			if o.last != uint64(len(all)) || o.bytes != sum || sum > maxBytes || len(o.frames) > maxEvents {
				t.Fatalf("last %d of %d, %d bytes (%d), %d frames", o.last, len(all), o.bytes, sum, len(o.frames))
			}
		}
	})
}
