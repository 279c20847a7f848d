package wsconn

import "errors"

// Handler is an adapter's side of one connection. All methods but Farewell are called by the
// connection's reader, one at a time; a panic in them ends this connection only.
type Handler interface {
	// Message takes a whole message; data is valid during the call only.
	Message(data []byte, binary bool)
	// Limited is told of a message that came too fast and must not be acted upon.
	Limited(data []byte, binary bool)
	// Farewell says what to tell a client before the pump closes the connection for this reason.
	// It is called from any goroutine, with no lock of the connection held, and has no effects:
	// when two reasons meet, it is asked for both and one answer is used.
	Farewell(why Reason) Farewell
	// Closed is the last call: the connection is gone.
	Closed(End)
}

// Opener is a Handler that wants to be called before anything comes, by the reader like the others: from here on it may
// send, and others may send to its connection.
type Opener interface{ Opened() }

// Reason says why a connection ended.
type Reason string

// The reasons. All but Gone and Closed are the pump's own; these ask the handler for a Farewell.
const (
	Gone     Reason = "gone"      // the client closed, or the network did
	Closed   Reason = "closed"    // by Conn.Close
	Slow     Reason = "slow"      // the client does not read
	Idle     Reason = "idle"      // nothing came for Limits.Idle
	Timeout  Reason = "timeout"   // no Conn.Ready within Limits.Handshake
	TooBig   Reason = "too-big"   // a message over Limits.Frame
	Rate     Reason = "rate"      // too many messages, again and again
	Protocol Reason = "protocol"  // not WebSocket (RFC 6455)
	Panic    Reason = "internal"  // the handler panicked
	Shutdown Reason = "shutdown"  // Server.Close
	Refused  Reason = "handshake" // counted only: no connection came about
)

var reasons = [...]Reason{Gone, Closed, Slow, Idle, Timeout, TooBig, Rate, Protocol, Panic, Shutdown, Refused}

// Farewell is how a connection is closed.
type Farewell struct {
	Last []byte // a text message before the close frame, nil = none
	Code int    // of the close frame (RFC 6455 §7.4); 0 = the usual one for the reason
	Text string // of the close frame, at most 123 bytes
}

// End is how a connection ended.
type End struct {
	Reason Reason
	Code   int // the client's close code; 1005 = a close frame without one, 1006 = no close frame
}

// Close codes of RFC 6455 §7.4.1.
const (
	codeNormal   = 1000
	codeAway     = 1001
	codeProtocol = 1002
	codeNone     = 1005
	codeAbnormal = 1006
	codePolicy   = 1008
	codeTooBig   = 1009
	codeInternal = 1011
)

// usual is the close code when the farewell has none.
func (r Reason) usual() int {
	switch r {
	case Closed, Gone:
		return codeNormal
	case Shutdown, Idle:
		return codeAway
	case TooBig:
		return codeTooBig
	case Protocol:
		return codeProtocol
	case Panic:
		return codeInternal
	default:
		return codePolicy
	}
}

// Errors of Conn.Send.
var (
	// ErrClosed: the connection is closing or closed for another reason than this message.
	ErrClosed = errors.New("wsconn: connection closed")
	// ErrSlow: the queue was full; the connection closes with Slow.
	ErrSlow = errors.New("wsconn: client too slow")
)
