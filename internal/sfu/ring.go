package sfu

import (
	"sync/atomic"

	"veche.example/internal/media"
	"veche.example/internal/sfu/codec"
)

const (
	videoRing = 1024 // packets: about 1 s at 10 Mbit/s
	audioRing = 256  // packets: about 5 s
	// audioPacket is the room that every audio packet gets; a bigger one makes its place grow.
	audioPacket = 320
	// ringBlock is how many video places are allocated at a time, when they are first used.
	ringBlock = 64
)

// ring keeps the last packets of a track for all its slots: for retransmission, and for slots that begin
// with a key frame of the past. One goroutine writes; it may also read without ceremony (at). Any other
// reads by read, and neither waits for the other: a writer that finds a reader in its place leaves the
// place empty.
type ring struct {
	mask    int64
	entries atomic.Pointer[[]entry] // nil after close
	free    []byte                  // writer: rest of the block being handed out
	block   int                     // writer: size of a block
	room    int                     // writer: size of a place
}

// entry is one place. Who reads it counts himself in readers and then looks at seq; who writes it clears
// seq and then looks at readers, so that at least one of the two sees the other.
type entry struct {
	readers atomic.Int32
	seq     atomic.Int64 // -1 while empty or being written
	p       packet       // payload and dd lie in buf, num is num
	buf     []byte
	num     *numbers
}

func newRing(kind media.Kind) *ring {
	r := &ring{room: media.MaxPayload + 1}
	size := videoRing
	r.block = ringBlock * r.room
	if kind == media.Audio {
		size, r.room = audioRing, audioPacket
		r.block = size * audioPacket
	}
	r.mask = int64(size - 1)
	list := make([]entry, size)
	for i := range list {
		list[i].seq.Store(-1)
	}
	r.entries.Store(&list)
	return r
}

// close frees the packets; reads fail from now on.
func (r *ring) close() { r.entries.Store(nil) }

// put keeps a copy of p, with its picture id widened, and returns the entry, nil if a reader stood in the
// way. The sizes of p were checked: payload and descriptor fit into media.MaxPayload together.
func (r *ring) put(p *packet) *entry {
	list := r.entries.Load()
	if list == nil {
		return nil
	}
	e := &(*list)[p.seq&r.mask]
	e.seq.Store(-1)
	if e.readers.Load() != 0 {
		return nil
	}
	if need := len(p.payload) + len(p.dd) + 1; need > len(e.buf) {
		e.buf = r.place(need)
	}
	info := p.info
	n := info.Copy(e.buf, p.payload)
	e.p = *p
	e.p.info, e.p.payload = info, e.buf[:n]
	if p.dd != nil {
		e.p.dd = e.buf[n : n+copy(e.buf[n:], p.dd)]
	}
	if p.num != nil {
		if e.num == nil {
			e.num = new(numbers)
		}
		*e.num = *p.num
		e.p.num = e.num
	}
	e.seq.Store(p.seq)
	return e
}

// place hands out a buffer of at least need bytes.
func (r *ring) place(need int) []byte {
	if need > r.room {
		return make([]byte, media.MaxPayload+1)
	}
	if len(r.free) < r.room {
		r.free = make([]byte, r.block)
	}
	b := r.free[:r.room:r.room]
	r.free = r.free[r.room:]
	return b
}

// at is the packet of a number, nil if it is not there; for the writer's goroutine only.
func (r *ring) at(seq int64) *packet {
	list := r.entries.Load()
	if list == nil {
		return nil
	}
	if e := &(*list)[seq&r.mask]; e.seq.Load() == seq {
		return &e.p
	}
	return nil
}

// read copies the packet of a number into x; for any goroutine.
func (r *ring) read(seq int64, x *scratch) bool {
	list := r.entries.Load()
	if list == nil || seq < 0 {
		return false
	}
	e := &(*list)[seq&r.mask]
	if e.seq.Load() != seq { // without disturbing the writer
		return false
	}
	e.readers.Add(1)
	defer e.readers.Add(-1)
	if e.seq.Load() != seq {
		return false
	}
	x.seq = -1
	x.src = e.p
	x.src.payload = x.buf[osnSize : osnSize+copy(x.buf[osnSize:], e.p.payload)]
	if e.p.dd != nil {
		x.src.dd = x.srcDD[:copy(x.srcDD[:], e.p.dd)]
	}
	if e.p.num != nil {
		x.num = *e.p.num
		x.src.num = &x.num
	}
	return true
}

// frameNumber is that of the packet's dependency descriptor.
func frameNumber(p *packet) uint16 { return codec.FrameNumber(p.dd) }
