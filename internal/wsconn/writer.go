package wsconn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"os"
	"time"
)

// Opcodes and bits of RFC 6455 §5.2.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
	opRest   = 0xF0 // none of theirs: the rest of a frame that is begun
	finalBit = 0x80
)

// frame is one whole message or control frame.
type frame struct {
	op   byte
	data []byte
}

// closeFrame makes a close frame; RFC 6455 §5.5 allows 125 bytes in all.
func closeFrame(code int, text string) frame {
	if len(text) > 123 {
		text = text[:123]
	}
	data := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(text)), uint16(code))
	return frame{opClose, append(data, text...)}
}

// appendHeader writes the header of an unmasked, unfragmented frame.
func appendHeader(b []byte, op byte, n int) []byte {
	b = append(b, finalBit|op)
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

// write is the writer's goroutine: it lives while the queue has something.
func (c *Conn) write() {
	w := c.s.writers.Get().(*bufio.Writer)
	w.Reset(timed{c})
	defer func() {
		w.Reset(nil)
		c.s.writers.Put(w)
	}()
	for {
		f, ok := c.pop(w.Buffered() == 0)
		switch {
		case ok:
			if err := c.put(w, f); err != nil {
				c.fail(err)
				return
			}
		case w.Buffered() == 0:
			return
		default:
			if err := w.Flush(); err != nil {
				c.fail(err)
				return
			}
		}
	}
}

func (c *Conn) put(w *bufio.Writer, f frame) error {
	if f.op != opRest {
		var header [10]byte
		if _, err := w.Write(appendHeader(header[:0], f.op, len(f.data))); err != nil {
			return err
		}
	}
	if _, err := w.Write(f.data); err != nil {
		return err
	}
	if f.op < opClose {
		c.s.stats.sent.Add(1)
	}
	if f.op != opClose {
		return nil
	}
	if err := w.Flush(); err != nil {
		return err
	}
	c.mu.Lock()
	c.dead, c.queue = true, nil
	c.mu.Unlock()
	return nil // the client closes next (RFC 6455 §7.1.1); Firefox takes a FIN right behind the handshake for a failure
}

// fail ends a connection that cannot be written to; perhaps in the middle of a frame, so that no
// farewell is possible.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	c.dead, c.queue, c.writing = true, nil, false
	if c.reason == "" {
		why := Gone
		if errors.Is(err, os.ErrDeadlineExceeded) {
			why = Slow
		}
		c.closeFor(why)
	}
	c.mu.Unlock()
	_ = c.net.Close()
	c.wake()
}

// timed writes to the socket with a deadline for each write, or for all of them once the connection
// closes.
type timed struct{ c *Conn }

func (t timed) Write(p []byte) (int, error) {
	c := t.c
	c.mu.Lock()
	if c.reason == "" {
		_ = c.net.SetWriteDeadline(time.Now().Add(c.s.limits.Write))
	}
	c.mu.Unlock()
	return c.net.Write(p)
}
