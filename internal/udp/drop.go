package udp

// dropReason names why a datagram went nowhere.
type dropReason uint8

const (
	dropNone         dropReason = iota
	dropMalformed               // not of any kind known here, or a STUN message that contradicts itself
	dropOversize                // longer than a media packet may be
	dropUnknownUfrag            // connectivity check for an agent that does not exist
	dropUnknownAddr             // DTLS, SRTP or a STUN response from an address nobody has checked
	dropUnvalidated             // the same from an address that is known but has passed no check yet
	dropQueueFull               // the ICE agent reads too slowly
	dropTURNFull                // the TURN server reads too slowly
	dropConnClosed              // raced with closing
	dropDTLSBusy                // a second handshake on a shared address while one runs; the client repeats it
	dropDTLSOwner               // handshake record on a shared address that belongs to no running handshake
	dropAddrLimit               // an agent talks to too many remote addresses; the oldest was forgotten
	dropCheckRate               // too many connectivity checks for one agent from addresses it does not know
	dropSSRCLimit               // more SSRCs taught than are kept
	dropReadError
	dropWriteError
	dropSendFull   // the socket's send buffer is full
	dropGSORefused // a run of datagrams was refused as one and sent one by one: nothing is lost

	dropReasons // number of reasons
)

var dropNames = [dropReasons]string{
	"none", "malformed", "oversize", "unknown_ufrag", "unknown_address", "unvalidated", "queue_full", "turn_queue_full",
	"conn_closed", "dtls_busy", "dtls_no_owner", "address_limit", "check_rate", "ssrc_limit", "read_error", "write_error",
	"send_full", "gso_refused",
}

func (r dropReason) String() string { return dropNames[r] }
