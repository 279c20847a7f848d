package wsconn

import (
	"encoding/binary"
	"errors"
	"net"
	"time"
)

// inbound is the connection as the library sees it: it reads, but what it would write or close is
// ours to do.
type inbound struct {
	net.Conn
	early  []byte // came together with the handshake
	code   int    // of the close frame that the library wanted to send
	budget int    // bytes that may come before the next whole message
}

// errTrickle ends a connection that sends bytes without ever finishing a message: a stream of empty
// fragments costs a parser more than it costs the sender.
var errTrickle = errors.New("wsconn: no end of a message")

// Read implements net.Conn.
func (in *inbound) Read(p []byte) (n int, err error) {
	if len(in.early) > 0 {
		n = copy(p, in.early)
		in.early = in.early[n:]
	} else {
		n, err = in.Conn.Read(p)
	}
	if in.budget -= n; in.budget < 0 {
		return 0, errTrickle
	}
	return n, err
}

// Write implements net.Conn. The library writes only a close frame: its answer to the client's, or
// what it found wrong.
func (in *inbound) Write(p []byte) (int, error) {
	if len(p) >= 4 && p[0] == finalBit|opClose && in.code == 0 {
		in.code = int(binary.BigEndian.Uint16(p[2:]))
	}
	return len(p), nil
}

// Close implements net.Conn: it only ends a Read under way.
func (in *inbound) Close() error { return in.Conn.SetReadDeadline(time.Unix(1, 0)) }
