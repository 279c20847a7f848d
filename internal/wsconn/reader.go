package wsconn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/coder/websocket"
)

// keepBuffer is the largest message buffer that goes back to the pool.
const keepBuffer = 64 << 10

// read is the reader's goroutine: it lives as long as the connection and ends it.
func (c *Conn) read() {
	end := End{Code: codeAbnormal}
	defer func() { c.end(end) }()
	if o, ok := c.handler.(Opener); ok {
		if err := c.guard(o.Opened); err != nil {
			c.shut(Panic)
			return
		}
	}
	for {
		err := c.next()
		if err == nil {
			continue
		}
		var said websocket.CloseError
		switch {
		case errors.As(err, &said):
			end.Code = int(said.Code)
			c.answerClose()
		case errors.Is(err, websocket.ErrMessageTooBig) || errors.Is(err, errTrickle):
			c.shut(TooBig)
		case errors.Is(err, errPanic):
			c.shut(Panic)
		case isNetwork(err):
			c.abandon()
		default:
			c.shut(Protocol)
		}
		return
	}
}

// isNetwork tells a broken connection from a client that breaks the protocol.
func isNetwork(err error) bool {
	var n net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n)
}

// next reads one message and hands it on.
func (c *Conn) next() error {
	typ, r, err := c.ws.Reader(context.Background()) // no Done: the library arms no timer per read
	if err != nil {
		return err
	}
	buf := c.s.buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= keepBuffer {
			buf.Reset()
			c.s.buffers.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(r); err != nil {
		return err
	}
	c.refill()
	now := c.s.now()
	c.seen.Store(now)
	c.heard.Store(now)
	if c.ctx.Err() != nil {
		return nil // closing: nothing is acted upon any more
	}
	c.s.stats.messages.Add(1)
	switch c.bucket.take(now) {
	case pass:
		return c.guard(func() { c.handler.Message(buf.Bytes(), typ == websocket.MessageBinary) })
	case limited:
		c.s.stats.limited.Add(1)
		return c.guard(func() { c.handler.Limited(buf.Bytes(), typ == websocket.MessageBinary) })
	default:
		c.s.stats.limited.Add(1)
		c.shut(Rate)
		return nil
	}
}

// refill allows the bytes of one more message, headers of reasonable fragments included.
func (c *Conn) refill() { c.in.budget = 2*c.s.limits.Frame + readBuffer + 4096 }

var errPanic = errors.New("wsconn: the handler panicked")

func (c *Conn) guard(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Log().Error("handler panics", "panic", p, "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	f()
	return nil
}

// control notes a ping or pong, which count like messages; false: too many.
func (c *Conn) control() bool {
	now := c.s.now()
	switch c.bucket.take(now) {
	case pass:
		c.seen.Store(now)
		c.refill()
		return true
	case banned:
		c.shut(Rate)
	}
	return false
}

// onPing answers in our own queue; false keeps the library from doing it.
func (c *Conn) onPing(_ context.Context, payload []byte) bool {
	if c.control() {
		_ = c.push(frame{opPong, bytes.Clone(payload)})
	}
	return false
}

func (c *Conn) onPong(context.Context, []byte) { c.control() }

// drain discards what still comes, so that closing a socket with unread data does not reset the
// connection before the client has read our last words.
func (c *Conn) drain() {
	if h, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
	_ = c.net.SetReadDeadline(time.Now().Add(c.s.limits.Linger))
	buf := c.s.buffers.Get().(*bytes.Buffer)
	defer c.s.buffers.Put(buf)
	buf.Reset()
	buf.Grow(4096)
	chunk := buf.Bytes()[:4096]
	for {
		if _, err := c.net.Read(chunk); err != nil {
			return
		}
	}
}
