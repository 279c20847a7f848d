package rtc

import "sync/atomic"

// dropReason says why a packet was not used.
type dropReason int

const (
	dropUnchecked   dropReason = iota // from an address without a connectivity check
	dropCheck                         // a check that does not prove the password, or other STUN
	dropPaths                         // too many remote addresses
	dropSend                          // the transport refused a packet, or there is no path
	dropEarly                         // before the keys
	dropMalformed                     // not RTP, RTCP or DTLS
	dropAuth                          // wrong key or replayed
	dropSSRCLimit                     // too many SSRCs
	dropUnclaimed                     // of no section that the client may publish on
	dropPayloadType                   // not negotiated for the section
	dropFlip                          // the codec changes too fast
	dropRTCPRate                      // too many RTCP packets
	dropDTLSFull                      // DTLS records that were not read in time
	dropTCPLimit                      // too many ICE-TCP connections without a check
	dropOver                          // after the end of the peer
	dropPanic                         // a panic while it was used, which has ended the peer
	dropTCPUnknown                    // an ICE-TCP connection whose first frame is no check of ours
	dropSlow                          // pictures that the client's link is too slow for
	dropRepeat                        // retransmissions, likewise
	dropReasons
)

var dropNames = [dropReasons]string{"unchecked", "check", "paths", "send", "early", "malformed", "auth", "ssrc-limit",
	"unclaimed", "payload-type", "flip", "rtcp-rate", "dtls-full", "tcp-limit", "over", "panic", "tcp-unknown", "slow-link", "slow-link-repeat"}

// String gives the name under which the reason is counted.
func (r dropReason) String() string { return dropNames[r] }

// counters count for one peer. Those of an engine hold what its former peers counted and what belongs to no peer.
type counters struct {
	in, out, bytesIn, bytesOut atomic.Uint64
	asked, needless            atomic.Uint64 // NACKs towards the client, in packets
	drops                      [dropReasons]atomic.Uint64
}

func (p *Peer) drop(r dropReason) { p.stats.drops[r].Add(1) }

// add adds the counts of another.
func (c *counters) add(o *counters) {
	c.in.Add(o.in.Load())
	c.out.Add(o.out.Load())
	c.bytesIn.Add(o.bytesIn.Load())
	c.bytesOut.Add(o.bytesOut.Load())
	c.asked.Add(o.asked.Load())
	c.needless.Add(o.needless.Load())
	for r := range dropReasons {
		c.drops[r].Add(o.drops[r].Load())
	}
}

func (c *counters) dropped() map[string]uint64 {
	m := make(map[string]uint64, dropReasons)
	for r := range dropReasons {
		m[r.String()] = c.drops[r].Load()
	}
	return m
}
