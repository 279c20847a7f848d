package native

// Bounds of an outbox.
const (
	maxEvents = 1000
	maxBytes  = 1 << 20
)

// outbox keeps the last events of a session, as frames, for a client that comes back. What falls
// out at the old end makes a replay from before it impossible; it never refuses an event.
type outbox struct {
	last   uint64   // number of the newest event ever, 0 = none yet
	frames [][]byte // of the events last-len+1 … last
	bytes  int
}

// add keeps the frame of event last+1.
func (o *outbox) add(frame []byte) {
	o.last++
	o.frames = append(o.frames, frame)
	o.bytes += len(frame)
	for len(o.frames) > maxEvents || o.bytes > maxBytes {
		o.drop()
	}
}

// forget drops what the client has seen.
func (o *outbox) forget(seen uint64) {
	for len(o.frames) > 0 && o.first() <= seen {
		o.drop()
	}
	if len(o.frames) == 0 {
		o.frames = nil // quiet sessions hold nothing
	}
}

// first is the number of the oldest event kept, last+1 if there is none.
func (o *outbox) first() uint64 { return o.last - uint64(len(o.frames)) + 1 }

func (o *outbox) drop() {
	o.bytes -= len(o.frames[0])
	o.frames[0] = nil
	o.frames = o.frames[1:]
}

// since returns the frames of all events after seen; false if some are gone, or if seen is from
// the future: then the client does not speak of this session.
func (o *outbox) since(seen uint64) ([][]byte, bool) {
	if seen > o.last || seen+1 < o.first() {
		return nil, false
	}
	return o.frames[len(o.frames)-int(o.last-seen):], true
}
