package udp

import "time"

const (
	// batchBytes and batchPackets are what a batch of the port's reader holds before it is sent early: as much as the
	// processor's second cache takes in passing, and enough for each system call.
	batchBytes   = 256 << 10
	batchPackets = 512
	// batchTable is the size of the table of open messages; a power of two.
	batchTable = 2 * batchPackets
	// maxRun is how many datagrams one message may hold, and maxRunBytes how many bytes (UDP_MAX_SEGMENTS, UDP's limit).
	maxRun      = 64
	maxRunBytes = 65000
	// What was put off waits when it will be at least holdFrom datagrams, and no longer than holdTime: then there is
	// enough to be saved. One at a time leaves at once.
	holdFrom = 16
	holdTime = time.Millisecond
)

// Batch collects datagrams and sends them together: consecutive ones of equal length to one destination become one message
// (UDP_SEGMENT), messages are handed to the kernel some dozens a call (sendmmsg). A batch belongs to one goroutine.
//
// A batch that a Sink is given belongs to the port's reader, which sends it when it has read all that was there.
type Batch struct {
	port  *Port
	buf   []byte
	used  int
	limit int // datagrams
	segs  []segment
	msgs  []bundle
	table []int32 // by hash of a target: 1 + its open message
	last  *bundle // that was added to last, nil = none
	runs  bool    // messages may hold several
	sys   rawOutbox

	later   []Later
	weight  int   // datagrams that they will be
	waiting int   // datagrams that are there and may wait
	since   int64 // Port.now when the first of them came
	eager   bool  // others must not wait
}

// Later is work that can wait for more of the same: packets of a picture that go to many.
type Later interface {
	// Release does it, and sends by out.
	Release(out *Batch)
}

// After calls l.Release before Flush does its work; the port's reader does that when it has dealt with all that was read,
// a millisecond later if much is to be sent: weight is how many datagrams it may be.
func (b *Batch) After(l Later, weight int) {
	if !b.waits() {
		b.since = b.port.now()
	}
	b.later = append(b.later, l)
	b.weight += weight
}

// segment is one datagram.
type segment struct {
	off, n int32
	next   int32 // of the same message, -1 = none
}

// bundle is a message: a run of datagrams to one target. All but the last have the same size.
type bundle struct {
	to          *Target
	dest        *destination
	first, last int32
	count       int32
	size, bytes int32
	place       int32 // in the table
}

// NewBatch makes a batch for a goroutine that reads from elsewhere. It holds up to 64 KiB.
func (m *Mux) NewBatch() *Batch { return newBatch(m.port, 64<<10, 64) }

func newBatch(p *Port, bytes, packets int) *Batch {
	b := &Batch{port: p, buf: make([]byte, bytes), limit: packets}
	size := batchTable
	for size > 4*packets {
		size /= 2
	}
	b.table = make([]int32, size)
	return b
}

// Reserve gives room for a datagram of up to n bytes, n at most 2048. It is valid until Send, Flush or the next Reserve.
func (b *Batch) Reserve(n int) []byte {
	if len(b.buf)-b.used < n+channelHeader || len(b.segs) >= b.limit {
		b.flush()
	}
	return b.buf[b.used : b.used+n : b.used+n]
}

// Send puts the first n bytes of what Reserve gave into the batch.
func (b *Batch) Send(t *Target, n int) {
	b.eager = true
	b.put(t, n)
}

// SendLater is Send for what may wait for more of the same, a millisecond if there is much.
func (b *Batch) SendLater(t *Target, n int) {
	if !b.waits() {
		b.since = b.port.now()
	}
	b.waiting++
	b.put(t, n)
}

func (b *Batch) put(t *Target, n int) {
	if len(b.segs) == 0 {
		b.runs = b.port.sock.runs() && !b.port.noGSO.Load()
	}
	m, at := b.last, uint32(0)
	if m == nil || m.to != t {
		m, at = b.find(t)
	}
	var d *destination
	if m != nil {
		d, at = m.dest, uint32(m.place)
	} else {
		d = t.destination()
	}
	if d.number != 0 {
		n = frame(b.buf[b.used:], d.number, n)
	}
	seg := int32(len(b.segs))
	b.segs = append(b.segs, segment{off: int32(b.used), n: int32(n), next: -1})
	b.used += n
	if m != nil && b.extend(m, seg, int32(n)) {
		return
	}
	b.msgs = append(b.msgs, bundle{to: t, dest: d, first: seg, last: seg, count: 1, size: int32(n), bytes: int32(n), place: int32(at)})
	b.table[at] = int32(len(b.msgs))
	b.last = &b.msgs[len(b.msgs)-1]
}

// find gives the open message for a target, or the place in the table for one.
func (b *Batch) find(t *Target) (*bundle, uint32) {
	mask := uint32(len(b.table) - 1)
	at := (t.id * 0x9e3779b1) >> 12 & mask
	for b.table[at] != 0 {
		if m := &b.msgs[b.table[at]-1]; m.to == t {
			return m, at
		}
		at = (at + 1) & mask
	}
	return nil, at
}

// extend puts a datagram into a message if it fits.
func (b *Batch) extend(m *bundle, seg, n int32) bool {
	if !b.runs || !m.takes(n) {
		return false
	}
	b.segs[m.last].next = seg
	m.last = seg
	m.count++
	m.bytes += n
	return true
}

// takes tells whether a datagram of n bytes may follow: none is longer than the first, and only the last is shorter. An
// empty one cannot be part of a run.
func (m *bundle) takes(n int32) bool {
	return n > 0 && !m.to.noGSO.Load() && n <= m.size && m.bytes == m.count*m.size && m.count < maxRun && m.bytes+n <= maxRunBytes
}

// Len is the number of datagrams in the batch.
func (b *Batch) Len() int { return len(b.segs) }

// waits reports whether there is anything to be patient about.
func (b *Batch) waits() bool { return len(b.later)+b.waiting > 0 }

// patience is how long what was put off may wait for more; 0 = it is to be done now.
func (b *Batch) patience() time.Duration {
	if b.weight+b.waiting < holdFrom {
		return 0
	}
	return max(holdTime-time.Duration(b.port.now()-b.since), 0)
}

// Flush does what was put off and sends what is in the batch. What the system refuses is counted and dropped.
func (b *Batch) Flush() {
	for i := range b.later {
		b.later[i].Release(b)
	}
	clear(b.later)
	b.later, b.weight = b.later[:0], 0
	b.flush()
}

// flush sends what is in the batch.
func (b *Batch) flush() {
	if len(b.segs) == 0 {
		return
	}
	for i := range b.msgs {
		m := &b.msgs[i]
		b.table[m.place] = 0
		if c := m.dest.count; c != nil {
			header := int32(0)
			if m.dest.number != 0 {
				header = channelHeader
			}
			c.Add(int(m.count), int(m.bytes-m.count*header))
		}
	}
	for at := 0; at < len(b.msgs); {
		end, o := at+1, b.msgs[at].to.outlet
		for end < len(b.msgs) && b.msgs[end].to.outlet == o {
			end++
		}
		b.leave(o, b.msgs[at:end])
		at = end
	}
	clear(b.msgs) // lets go of the targets
	b.segs, b.msgs, b.used, b.last = b.segs[:0], b.msgs[:0], 0, nil
	b.eager, b.waiting = false, 0
}

// leave sends messages by the socket of a relay, or the port's.
func (b *Batch) leave(o *Outlet, msgs []bundle) {
	if o != nil {
		if o.guard.enter() {
			_, _ = o.sock.flush(b, msgs)
			o.guard.leave()
		}
		return
	}
	if b.port.guard.enter() {
		packets, bytes := b.port.sock.flush(b, msgs)
		b.port.guard.leave()
		b.port.out.packets.Add(uint64(packets))
		b.port.out.bytes.Add(uint64(bytes))
	}
}

// each sends the datagrams one by one.
func (b *Batch) each(w writer, msgs []bundle) (packets, bytes int) {
	for i := range msgs {
		p, n := b.one(w, &msgs[i])
		packets, bytes = packets+p, bytes+n
	}
	return packets, bytes
}

// one sends the datagrams of a message one by one.
func (b *Batch) one(w writer, m *bundle) (packets, bytes int) {
	for s := m.first; s >= 0; s = b.segs[s].next {
		seg := &b.segs[s]
		if err := w.write(b.buf[seg.off:seg.off+seg.n], m.dest.to, m.dest.via); err != nil {
			b.port.drops[writeReason(err)].Add(1)
			continue
		}
		packets, bytes = packets+1, bytes+int(seg.n)
	}
	return packets, bytes
}
