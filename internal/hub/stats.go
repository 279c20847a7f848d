package hub

import "sync/atomic"

// Stats are figures for the metrics. Rooms and Members are gauges, the rest only grow.
type Stats struct {
	Rooms, Members int64
	Commands       int64 // acted upon, refused ones included
	Dropped        int64 // commands refused because a queue was full
	Slow           int64 // members removed because their mailbox was full
	Panics         int64 // rooms ended by a panic
}

type counters struct {
	rooms, members, commands, dropped, slow, panics atomic.Int64
}

// Stats returns the figures of this moment; cheap, from any goroutine.
func (h *Hub) Stats() Stats {
	s := &h.stats
	return Stats{
		Rooms: s.rooms.Load(), Members: s.members.Load(), Commands: s.commands.Load(),
		Dropped: s.dropped.Load(), Slow: s.slow.Load(), Panics: s.panics.Load(),
	}
}
