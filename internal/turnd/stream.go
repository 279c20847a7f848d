package turnd

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// How long a stream may be silent: without an allocation, and with one, whose client refreshes at least every ten minutes.
const (
	idleWithout = 30 * time.Second
	idleWith    = 15 * time.Minute

	writeTimeout = 10 * time.Second // a client that does not read loses its connection
)

// streamConn is a TCP or TLS connection that gives one whole admitted frame per Read (RFC 8656 §3.1: STUN messages by their
// length, ChannelData padded to four bytes).
type streamConn struct {
	net.Conn
	l    *streams
	key  clientKey
	once sync.Once
	err  error

	// in, by the reading goroutine only
	buf  [2048]byte
	have int
}

// newStreamConn wraps a connection; nil if it is not TCP.
func newStreamConn(l *streams, nc net.Conn) *streamConn {
	if _, ok := nc.RemoteAddr().(*net.TCPAddr); !ok {
		return nil
	}
	return &streamConn{Conn: nc, l: l, key: streamKey(nc.RemoteAddr())}
}

var errFrame = errors.New("turnd: neither STUN nor ChannelData, or too long")

// Read gives one frame. Frames that are not admitted are skipped.
func (c *streamConn) Read(b []byte) (int, error) {
	for {
		frame, err := c.frame()
		if err != nil {
			return 0, err
		}
		n := 0
		ok := c.l.s.admit(c.key, frame)
		if ok {
			n = copy(b, frame)
		}
		c.have = copy(c.buf[:], c.buf[len(frame):c.have])
		switch {
		case ok && n < len(frame):
			return 0, io.ErrShortBuffer
		case ok:
			return n, nil
		}
	}
}

// frame reads until there is a whole frame at the beginning of the buffer.
func (c *streamConn) frame() ([]byte, error) {
	for {
		n, err := frameLength(c.buf[:c.have])
		if err != nil {
			c.l.s.drop(dropStreamFrame)
			return nil, err
		}
		if n > 0 && n <= c.have {
			return c.buf[:n], nil
		}
		idle := idleWithout
		if c.l.s.clients.has(c.key) {
			idle = idleWith
		}
		if err = c.Conn.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return nil, err
		}
		m, err := c.Conn.Read(c.buf[c.have:])
		c.have += m
		if err != nil && m == 0 {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.l.s.drop(dropStreamIdle)
			}
			return nil, err
		}
	}
}

// frameLength is the length of the frame that begins with b, 0 if b is too short to tell.
func frameLength(b []byte) (int, error) {
	if len(b) < channelHeader {
		if len(b) > 0 && b[0] > lastChannel {
			return 0, errFrame
		}
		return 0, nil
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case b[0] < firstChannel:
		n += stunHeader
	case b[0] <= lastChannel:
		n = channelHeader + (n+3)&^3
	default:
		return 0, errFrame
	}
	if n > maxFrame {
		return 0, errFrame
	}
	return n, nil
}

// Write sends one message as a whole. A client that takes too long is cut off: what it got of the message is no frame.
func (c *streamConn) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		_ = c.Conn.Close()
	}
	return n, err
}

func (c *streamConn) Close() error {
	c.once.Do(func() {
		c.err = c.Conn.Close()
		c.l.remove(c)
	})
	return c.err
}
