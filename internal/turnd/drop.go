package turnd

// dropReason names why a packet of a client or peer, or a connection, went nowhere.
type dropReason uint8

const (
	dropNone         dropReason = iota
	dropMalformed               // neither STUN nor ChannelData
	dropMethod                  // a method that is not served: TCP relays (RFC 6062), responses
	dropRate                    // too many requests of one address without allocation
	dropNested                  // a relay of this server as client
	dropNoAllocation            // data without an allocation
	dropChannelQuota            // too many channels on an allocation
	dropPermission              // peer refused by the policy, when asking for a permission
	dropPermQuota               // too many permissions on an allocation
	dropPeerOut                 // peer refused by the policy, client → peer
	dropPeerIn                  // the same, peer → client
	dropRelayError              // the relay socket refused
	dropQuota                   // allocation over a quota
	dropStreams                 // TCP connection over the limit
	dropStreamFrame             // TCP connection closed for a frame that is too long or none
	dropStreamIdle              // TCP connection closed, nothing came for too long
	dropReadError               // a socket failed to read
	dropNoPermission            // data for or from a peer without permission
	dropRelayFull               // Pion's server reads a relay too slowly
	dropReasons
)

var dropNames = [dropReasons]string{
	"none", "malformed", "method", "rate", "nested", "no_allocation", "channel_quota", "permission_denied",
	"permission_quota", "peer_denied_out", "peer_denied_in", "relay_error", "quota", "streams", "stream_frame",
	"stream_idle", "read_error", "no_permission", "relay_queue_full",
}
