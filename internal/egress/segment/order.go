package segment

import "time"

const (
	// orderMax packets wait at most for one that is missing, and for no longer than orderWait.
	orderMax  = 256
	orderWait = int64(150 * time.Millisecond)
)

// Packet is one RTP packet.
type Packet struct {
	Seq       uint16
	Timestamp uint32
	Marker    bool
	Arrival   int64 // ns
	Payload   []byte
}

// Order puts packets into the order of their numbers again: one that was lost on its way to the server comes late. The
// zero value is ready.
type Order struct {
	begun   bool
	next    uint16
	waiting map[uint16]Packet
	since   int64 // arrival of the first that waits
}

// Push takes a packet and gives those that are in order now.
func (o *Order) Push(p Packet) []Packet {
	if !o.begun {
		o.begun, o.next, o.waiting = true, p.Seq, map[uint16]Packet{}
	}
	switch d := int16(p.Seq - o.next); {
	case d < 0:
		return nil // late or twice
	case d > 0:
		if len(o.waiting) == 0 {
			o.since = p.Arrival
		}
		o.waiting[p.Seq] = p
		return o.Expire(p.Arrival)
	}
	o.next++
	return o.follow([]Packet{p}, p.Arrival)
}

// follow adds those that were waiting for the last one in the list.
func (o *Order) follow(list []Packet, now int64) []Packet {
	for {
		p, ok := o.waiting[o.next]
		if !ok {
			o.since = now
			return list
		}
		delete(o.waiting, o.next)
		list = append(list, p)
		o.next++
	}
}

// Expire gives up what has not come in time, and returns what was waiting for it.
func (o *Order) Expire(now int64) []Packet {
	if len(o.waiting) == 0 || len(o.waiting) < orderMax && now-o.since < orderWait {
		return nil
	}
	nearest := uint16(1<<16 - 1)
	for seq := range o.waiting {
		nearest = min(nearest, seq-o.next)
	}
	o.next += nearest
	return o.follow(nil, now)
}
