package session

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"veche.example/internal/room"
	"veche.example/internal/sfu"
)

// Traffic is what media did: counters that only grow.
type Traffic struct {
	PacketsIn, BytesIn         uint64 // of publishers, payload bytes
	Recovered                  uint64 // packets of these that came late or again
	KeyFrames                  uint64 // of publishers
	KeyFrameRequests           uint64 // sent to publishers
	PacketsOut, BytesOut       uint64 // to subscribers, sent for the first time, payload bytes
	Lost                       uint64 // packets that subscribers report as never received
	Nacked                     uint64 // packets that subscribers ask for again
	Retransmitted, Unavailable uint64 // of these: sent again, or not there any more
	KeyFrameWishes             uint64 // of subscribers
	LayerSwitches              uint64 // of a seat's picture: another encoding or level of the same source
}

// RoomTraffic is the traffic of one room.
type RoomTraffic struct {
	Room room.ID
	Traffic
}

func (t *Traffic) add(o Traffic) {
	t.PacketsIn += o.PacketsIn
	t.BytesIn += o.BytesIn
	t.Recovered += o.Recovered
	t.KeyFrames += o.KeyFrames
	t.KeyFrameRequests += o.KeyFrameRequests
	t.PacketsOut += o.PacketsOut
	t.BytesOut += o.BytesOut
	t.Lost += o.Lost
	t.Nacked += o.Nacked
	t.Retransmitted += o.Retransmitted
	t.Unavailable += o.Unavailable
	t.KeyFrameWishes += o.KeyFrameWishes
	t.LayerSwitches += o.LayerSwitches
}

func (t *Traffic) track(s sfu.TrackStats) {
	t.add(Traffic{
		PacketsIn: s.Packets, BytesIn: s.Bytes, Recovered: s.Recovered, KeyFrames: s.KeyFrames, KeyFrameRequests: s.KeyFrameRequests,
	})
}

func (t *Traffic) slot(s sfu.SlotStats) {
	t.add(Traffic{
		PacketsOut: s.Packets, BytesOut: s.Bytes, Lost: uint64(max(s.Lost, 0)), Nacked: s.Nacked, Retransmitted: s.Retransmitted,
		Unavailable: s.NackUnknown + s.NackOld, KeyFrameWishes: s.KeyFrameRequests,
	})
}

// ledger sums up the traffic of a room: what tracks and slots have counted that are gone, and which there are.
type ledger struct {
	switches atomic.Uint64

	mu     sync.Mutex // guards the following
	gone   Traffic
	tracks map[*sfu.Track]struct{}
	slots  map[*sfu.Slot]struct{}
}

func newLedger() *ledger {
	return &ledger{tracks: map[*sfu.Track]struct{}{}, slots: map[*sfu.Slot]struct{}{}}
}

func (l *ledger) begin(t *sfu.Track) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tracks[t] = struct{}{}
}

// end closes the account of a track, once.
func (l *ledger) end(t *sfu.Track) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.tracks[t]; ok {
		delete(l.tracks, t)
		l.gone.track(t.Stats())
	}
}

func (l *ledger) open(s *sfu.Slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[s] = struct{}{}
}

// close closes the account of a slot, once.
func (l *ledger) close(s *sfu.Slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.slots[s]; ok {
		delete(l.slots, s)
		l.gone.slot(s.Stats())
	}
}

// sum is the traffic so far.
func (l *ledger) sum() Traffic {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.gone
	for track := range l.tracks {
		t.track(track.Stats())
	}
	for slot := range l.slots {
		t.slot(slot.Stats())
	}
	t.LayerSwitches += l.switches.Load()
	return t
}

// Traffic is that of all rooms since the Manager was made, and of the rooms that there are now, the busiest most of them.
func (m *Manager) Traffic(most int) (all Traffic, rooms []RoomTraffic) {
	m.mu.Lock()
	all = m.traffic
	stages := make(map[room.ID]*stage, len(m.stages))
	for id, g := range m.stages {
		stages[id] = g
	}
	m.mu.Unlock()
	for id, g := range stages {
		t := g.ledger.sum()
		all.add(t)
		rooms = append(rooms, RoomTraffic{id, t})
	}
	slices.SortFunc(rooms, func(a, b RoomTraffic) int {
		return cmp.Or(-cmp.Compare(a.PacketsIn+a.PacketsOut, b.PacketsIn+b.PacketsOut), cmp.Compare(a.Room, b.Room))
	})
	return all, rooms[:min(most, len(rooms))]
}
