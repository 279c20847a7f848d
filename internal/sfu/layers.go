package sfu

import (
	"sync/atomic"

	"veche.example/internal/sfu/codec"
)

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
	// risePatience is when a key frame is asked for, if no switching point of temporal layers has come.
	risePatience = int64(1500e6)
)

// Top is everything that a track has.
var Top = Level{layersMax - 1, layersMax - 1}

// index is a number for the level, 0 to top.
func (l Level) index() int {
	return int(min(max(l.Spatial, 0), layersMax-1))*layersMax + int(min(max(l.Temporal, 0), layersMax-1))
}

// levelAt is the inverse of index.
func levelAt(i int) Level { return Level{int8(i / layersMax), int8(i % layersMax)} }

// layers is what a track knows of its layers and their size, for any goroutine.
type layers struct {
	seen atomic.Uint32 // spatial<<8 | temporal: the highest ones seen
	size atomic.Uint32 // width<<16 | height of the last key frame
	rate rates
}

// reset forgets the layers of a sequence that ended.
func (y *layers) reset() { y.seen.Store(0) }

// note keeps the highest layers. A key frame that tells its spatial layers may lower them.
func (y *layers) note(i *codec.Info, spatial int) {
	v := y.seen.Load()
	s, t := max(v>>8, uint32(i.Spatial)), max(v&0xff, uint32(i.Temporal))
	if spatial > 0 {
		s = uint32(min(spatial, layersMax) - 1)
	}
	if n := s<<8 | t; n != v {
		y.seen.Store(n)
	}
}

// Levels is how many spatial and temporal layers the track has in its present sequence, at least one each and at most
// three.
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

// describe reads what a key frame tells of its size and layers.
func (t *Track) describe(c *packet) {
	d, ok := codec.Describe(t.cfg.Codec, c.payload)
	if c.dd != nil {
		d, ok = t.lines.dds.Picture(d)
	}
	if !ok {
		return
	}
	t.layers.note(&c.info, d.Spatial)
	if d.Width > 0 && d.Width < 1<<16 && d.Height > 0 && d.Height < 1<<16 {
		t.layers.size.Store(uint32(d.Width)<<16 | uint32(d.Height))
	}
}

// wish notes the level that the slot's subscriber is to get.
func (f *forward) wish(l Level, now int64) {
	if i := int32(l.index()); f.level.Swap(i) != i {
		f.since.Store(now)
	}
}

// rise asks for the key frame at which the level can rise to the one wished for: more spatial layers begin there only,
// temporal ones may have switching points of their own. Any goroutine may call it.
func (f *forward) rise(now int64) {
	history := *f.slot.history.Load()
	if len(history) == 0 {
		return
	}
	is, want := levelAt(int(history[0].index)), levelAt(int(f.level.Load()))
	if is == want {
		return
	}
	spatial, temporal := f.track.Levels()
	if int8(spatial-1) > is.Spatial && want.Spatial > is.Spatial ||
		int8(temporal-1) > is.Temporal && want.Temporal > is.Temporal && now-f.since.Load() > risePatience {
		f.track.key.renew(now)
	}
}

// climb goes over to the level wished for, or towards it, if the picture that p begins allows it; in a busy section.
func (f *forward) climb(e *epoch, p *packet) *epoch {
	if p.late || p.info.Flags&codec.First == 0 && p.info.Rank == codec.Delta {
		return e
	}
	is := levelAt(int(e.index))
	next := reach(is, levelAt(int(f.level.Load())), &p.info)
	if next == is {
		return e
	}
	n := *e
	n.level, n.first, n.out, n.talk = levelOf(next.index()), p.seq, e.number(p), false
	pid := p.picture(int(e.index)) + e.pidOff
	if !e.has(p) {
		n.out++
		pid++
	}
	n.seqOff = n.out - p.count(int(n.index))
	n.pidOff = pid - p.picture(int(n.index))
	f.slot.remember(&n)
	f.slot.stats.levels.Add(1)
	return &n
}

// reach is how far the level may go towards want at the beginning of a picture. A picture that is not of the new
// level changes nothing, so that each level begins with a packet of its own.
func reach(is, want Level, i *codec.Info) Level {
	next := is
	if i.Rank != codec.Delta {
		next = want
	} else {
		next.Spatial = min(is.Spatial, want.Spatial)
		layer := int8(i.Temporal)
		switch {
		case want.Temporal <= is.Temporal:
			next.Temporal = want.Temporal
		case i.Flags&codec.Sync != 0 && layer == is.Temporal+1:
			next.Temporal = layer
		case layer <= is.Temporal:
			next.Temporal = max(is.Temporal, min(want.Temporal, int8(i.Open)))
		}
	}
	if int8(i.Temporal) > next.Temporal {
		return is
	}
	return next
}
