package rtc

import (
	"net/netip"
	"time"

	"veche.example/internal/media"
	"veche.example/internal/rtc/pace"
)

// Stats are the counters of an Engine and all its peers since it was made.
type Stats struct {
	Peers                int // not closed
	TCP                  int // ICE-TCP connections in use
	PacketsIn, BytesIn   uint64
	PacketsOut, BytesOut uint64
	Asked, Needless      uint64            // packets asked for by NACK, and those of them that came by themselves after all
	Dropped              map[string]uint64 // by reason
}

// Stats is a snapshot.
func (e *Engine) Stats() Stats {
	c := new(counters)
	e.mu.Lock()
	n := len(e.peers)
	c.add(&e.stats)
	for p := range e.peers {
		c.add(&p.stats)
	}
	e.mu.Unlock()
	return Stats{
		Peers: n, TCP: int(e.tcp.open.Load()),
		PacketsIn: c.in.Load(), BytesIn: c.bytesIn.Load(), PacketsOut: c.out.Load(), BytesOut: c.bytesOut.Load(),
		Asked: c.asked.Load(), Needless: c.needless.Load(), Dropped: c.dropped(),
	}
}

// PeerStats are the counters of a Peer.
type PeerStats struct {
	State                State
	Remote               netip.AddrPort // where is sent to, invalid = nowhere yet
	TCP                  bool           // by ICE-TCP
	Profile              string         // of SRTP, "" = no keys yet
	PacketsIn, BytesIn   uint64         // SRTP and SRTCP
	PacketsOut, BytesOut uint64
	Asked, Needless      uint64            // packets asked for by NACK, and those of them that came by themselves after all
	Dropped              map[string]uint64 // by reason
}

// Estimate is what is known of the way to the client at the moment.
func (p *Peer) Estimate() pace.Estimate {
	e := p.tx.pace.Estimate(media.Now())
	for _, o := range p.outbounds() {
		if e.RTT == 0 {
			e.RTT = time.Duration(o.slot.Stats().RTT)
		}
	}
	return e
}

// Demand says how much would be sent to the client if its link carried it, in bit/s with all headers. Whether it does is
// found out by sending, for moments, more than needed.
func (p *Peer) Demand(bitrate int) { p.tx.pace.Demand(bitrate) }

// Stats is a snapshot.
func (p *Peer) Stats() PeerStats {
	c := &p.stats
	s := PeerStats{
		State:     State(p.state.Load()),
		PacketsIn: c.in.Load(), BytesIn: c.bytesIn.Load(), PacketsOut: c.out.Load(), BytesOut: c.bytesOut.Load(),
		Asked: c.asked.Load(), Needless: c.needless.Load(), Dropped: c.dropped(),
	}
	if pa := p.ice.selected.Load(); pa != nil {
		s.Remote, s.TCP = pa.remote, pa.tcp
	}
	if pr := p.profile.Load(); pr != nil {
		s.Profile = *pr
	}
	return s
}
