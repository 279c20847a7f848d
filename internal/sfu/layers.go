package sfu

import "sync/atomic"

// Level is how much of a layered stream is wanted: spatial layers (sizes) and temporal layers (frame rates) up to
// and with these, counted from 0. Numbers beyond what a stream has mean all of it.
type Level struct{ Spatial, Temporal int8 }

const (
	// layersMax is how many layers of a kind are told apart; higher ones count as the highest.
	layersMax = 3
	// levels is the number of all combinations.
	levels = layersMax * layersMax
	// top is the index of Top.
	top = levels - 1
)

// Top is everything that a track has.
var Top = Level{layersMax - 1, layersMax - 1}

// index is a number for the level, 0 to top.
func (l Level) index() int {
	return int(min(max(l.Spatial, 0), layersMax-1))*layersMax + int(min(max(l.Temporal, 0), layersMax-1))
}

// levelAt is the inverse of index.
func levelAt(i int) Level { return Level{int8(i / layersMax), int8(i % layersMax)} }

// wish notes the level that the slot's subscriber is to get.
func (f *forward) wish(l Level, now int64) {
	if i := int32(l.index()); f.level.Swap(i) != i {
		f.since.Store(now)
	}
}

// layers is what a track knows of its layers and their size, for any goroutine.
type layers struct {
	seen atomic.Uint32 // spatial<<8 | temporal: the highest ones seen
	size atomic.Uint32 // width<<16 | height of the last key frame
	rate rates
}

// Levels is how many spatial and temporal layers the track has had in its present sequence, at least one each and
// at most three.
func (t *Track) Levels() (spatial, temporal int) {
	v := t.layers.seen.Load()
	return int(v>>8) + 1, int(v&0xff) + 1
}

// Size is the picture's width and height in the last key frame, of the highest spatial layer; 0, 0 if not known.
func (t *Track) Size() (width, height int) {
	v := t.layers.size.Load()
	return int(v >> 16), int(v & 0xffff)
}

// Rate is what l costs now in bit/s, headers included, over the last second; 0 when nothing comes.
func (t *Track) Rate(l Level) int { return t.layers.rate.of(l, t.now()) }
