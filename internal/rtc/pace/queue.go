package pace

import (
	"sync"

	"github.com/pion/rtp"

	"veche.example/internal/sfu"
)

// held is a packet that waits: header and payload as they will be sent, but for the transport-wide number and the seal.
type held struct {
	n        int
	index    int64
	numbered bool
	buf      [2048]byte
}

var spares = sync.Pool{New: func() any { return new(held) }}

// queue keeps packets in order. When it is full, what comes is dropped until half of it has gone, so that a picture is missed
// as a whole and not in holes.
type queue struct {
	list     [queueLen]*held
	head, n  int
	bytes    int
	dropping bool
}

// put keeps a packet, unless more than most bytes would wait.
func (q *queue) put(h *rtp.Header, payload []byte, way sfu.Way, most int) bool {
	most = max(most, 6000)
	if q.n == queueLen || q.bytes > most || q.dropping && q.bytes > most/2 {
		q.dropping = true
		return false
	}
	q.dropping = false
	e := spares.Get().(*held)
	if h.MarshalSize()+len(payload) > len(e.buf) {
		spares.Put(e)
		return false
	}
	n, err := h.MarshalTo(e.buf[:])
	if err != nil {
		spares.Put(e)
		return false
	}
	e.n, e.index, e.numbered = n+copy(e.buf[n:], payload), way.Index, way.Number != nil
	q.list[(q.head+q.n)%queueLen] = e
	q.n++
	q.bytes += e.n
	return true
}

// take gives the first packet; there must be one.
func (q *queue) take() *held {
	e := q.list[q.head]
	q.list[q.head] = nil
	q.head = (q.head + 1) % queueLen
	q.n--
	q.bytes -= e.n
	return e
}
