package lite

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	writeTime  = 10 * time.Second
	maxPending = 256 << 10 // bytes not written yet; what does not fit is dropped
	keepBuffer = 64 << 10  // a larger one is not kept
)

// Errors of TCP connections.
var (
	// ErrTooLong: a frame does not fit into the buffer.
	ErrTooLong = errors.New("lite: frame too long")
	// ErrFull: the other side reads too slowly; the datagram was dropped.
	ErrFull = errors.New("lite: connection too slow")
)

// Read reads one frame (RFC 4571 §2) into buf and gives its length.
func Read(r io.Reader, buf []byte) (int, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > len(buf) {
		return 0, ErrTooLong
	}
	return io.ReadFull(r, buf[:n])
}

// Conn is one ICE-TCP connection (RFC 6544). Writes are collected and done by the goroutine that is in Run, since TCP blocks. Its methods are safe
// for concurrent use, but Next and Run are for one goroutine each.
type Conn struct {
	c    net.Conn
	wake chan struct{} // capacity 1
	done chan struct{}
	once sync.Once

	mu      sync.Mutex // guards the following
	pending []byte     // frames
	spare   []byte     // the buffer that was written last
}

// NewConn wraps a connection, which belongs to the Conn from now on.
func NewConn(c net.Conn) *Conn {
	return &Conn{c: c, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Next reads one frame, which must come within the time given.
func (t *Conn) Next(buf []byte, within time.Duration) (int, error) {
	_ = t.c.SetReadDeadline(time.Now().Add(within))
	return Read(t.c, buf)
}

// Send queues one datagram; if the connection is too slow, it is ErrFull. The address is not looked at.
func (t *Conn) Send(b []byte, _ netip.AddrPort) error {
	t.mu.Lock()
	if len(t.pending)+2+len(b) > maxPending {
		t.mu.Unlock()
		return ErrFull
	}
	t.pending = binary.BigEndian.AppendUint16(t.pending, uint16(len(b)))
	t.pending = append(t.pending, b...)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run writes what was collected until the connection is closed.
func (t *Conn) Run() {
	defer t.Close()
	for {
		select {
		case <-t.wake:
		case <-t.done:
			return
		}
		t.mu.Lock()
		out := t.pending
		t.pending = t.spare[:0]
		t.mu.Unlock()
		_ = t.c.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := t.c.Write(out); err != nil {
			return
		}
		if cap(out) > keepBuffer {
			out = nil
		}
		t.mu.Lock()
		t.spare = out
		t.mu.Unlock()
	}
}

// Close closes the connection and ends Run. It is idempotent.
func (t *Conn) Close() {
	t.once.Do(func() {
		close(t.done)
		_ = t.c.Close()
	})
}
