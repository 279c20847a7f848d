package veche

import (
	"context"
	"time"

	"veche.example/internal/metrics"
	"veche.example/internal/session"
)

// join is the one way in for all adapters; it is what the metrics call a join.
func (s *Server) join(ctx context.Context, r session.JoinRequest, out session.Outlet) (*session.Session, session.Welcome, error) {
	began := time.Now()
	p, w, err := s.sessions.Join(ctx, r, out)
	if err == nil {
		s.metrics.Joined(time.Since(began))
	}
	return p, w, err
}

// snapshot reads the counters of all parts, at each scrape.
func (s *Server) snapshot() metrics.Snapshot {
	h, n := s.hub.Stats(), s.native.Stats()
	out := metrics.Snapshot{
		Rooms: h.Rooms, Members: h.Members, Commands: uint64(h.Commands), Sessions: s.sessions.Stats().Sessions,
		Signalling: metrics.Signalling{
			Sockets: int64(n.Socket.Open), Pending: int64(n.Socket.Pending),
			In: uint64(n.Socket.Messages), Out: uint64(n.Socket.Sent), Ended: make(map[string]uint64),
		},
	}
	for reason, count := range n.Socket.Ended {
		out.Signalling.Ended[string(reason)] = uint64(count)
	}
	drop := func(part string, counts map[string]uint64) {
		for reason, count := range counts {
			out.Drops = append(out.Drops, metrics.Drop{Part: part, Reason: reason, Count: count})
		}
	}
	drop("hub", map[string]uint64{"overloaded": uint64(h.Dropped), "slow": uint64(h.Slow)})
	drop("signalling", map[string]uint64{"rate": uint64(n.Socket.Limited), "slow": uint64(n.Slow)})
	s.net.figures(&out, drop)
	mediaFigures(&out, s.sessions)
	s.frontFigures(&out)
	return out
}

// maxRooms is how many rooms have figures of their own.
const maxRooms = 20

// mediaFigures adds what rooms have counted of their media.
func mediaFigures(out *metrics.Snapshot, sessions *session.Manager) {
	of := func(t session.Traffic) metrics.Traffic {
		return metrics.Traffic{
			In: t.PacketsIn, BytesIn: t.BytesIn, Recovered: t.Recovered, Out: t.PacketsOut, BytesOut: t.BytesOut, Lost: t.Lost,
			Nacked: t.Nacked, Retransmitted: t.Retransmitted, Unavailable: t.Unavailable,
			KeyFrames: t.KeyFrames, KeyFrameRequests: t.KeyFrameRequests, KeyFrameWishes: t.KeyFrameWishes, LayerSwitches: t.LayerSwitches,
		}
	}
	all, rooms := sessions.Traffic(maxRooms)
	out.Media.Traffic = of(all)
	for _, r := range rooms {
		out.Media.Rooms = append(out.Media.Rooms, metrics.Room{Label: metrics.Label(r.Room), Traffic: of(r.Traffic)})
	}
}

// figures adds what the network has counted.
func (n *network) figures(out *metrics.Snapshot, drop func(part string, counts map[string]uint64)) {
	u, t, r := n.udp.Stats(), n.turn.Stats(), n.engine.Stats()
	out.UDP = metrics.UDP{PacketsIn: u.PacketsIn, PacketsOut: u.PacketsOut, BytesIn: u.BytesIn, BytesOut: u.BytesOut}
	out.TURN = metrics.TURN{
		Allocations: int64(t.Allocations), Made: t.Allocated, AuthFailed: t.AuthFailed,
		PacketsUp: t.UpPackets, PacketsDown: t.DownPackets, BytesUp: t.UpBytes, BytesDown: t.DownBytes,
	}
	out.Media = metrics.Media{Peers: int64(r.Peers), Packets: r.PacketsOut, Bytes: r.BytesOut, Asked: r.Asked, Needless: r.Needless}
	drop("udp", u.Dropped)
	drop("turn", t.Dropped)
	drop("media", r.Dropped)
	n.mu.Lock()
	muxes := n.muxes
	n.mu.Unlock()
	tcp := make(map[string]uint64)
	for _, m := range muxes {
		s := m.Stats()
		out.Conns += int64(s.Open)
		for reason, count := range s.Dropped {
			tcp[reason] += count
		}
	}
	drop("tcp", tcp)
}
