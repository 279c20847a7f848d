package wsconn

import (
	"bytes"
	"time"
)

// push queues a frame and sees to it that somebody writes it.
func (c *Conn) push(f frame) error {
	c.mu.Lock()
	if c.reason != "" || c.dead {
		c.mu.Unlock()
		return ErrClosed
	}
	if len(c.queue) >= c.s.limits.QueueMessages || c.bytes+len(f.data) > c.s.limits.QueueBytes {
		c.mu.Unlock()
		c.shut(Slow)
		return ErrSlow
	}
	if !c.s.config.Direct || !c.direct(f) {
		c.enqueue(f)
	}
	c.mu.Unlock()
	return nil
}

// direct writes a frame at once, if nothing is before it; what the socket does not take is queued. c.mu is held.
func (c *Conn) direct(f frame) bool {
	const most = readBuffer - 16 // with a header
	if c.polled == nil || c.writing || len(c.queue) > 0 || len(f.data) > most {
		return false
	}
	pooled := c.s.buffers.Get().(*[readBuffer]byte)
	defer c.s.buffers.Put(pooled)
	b := append(appendHeader(pooled[:0], f.op, len(f.data)), f.data...)
	n := c.polled.write(b)
	if n == 0 {
		return false
	}
	if f.op < opClose {
		c.s.stats.sent.Add(1)
	}
	if n < len(b) {
		c.enqueue(frame{opRest, bytes.Clone(b[n:])})
	}
	return true
}

// enqueue adds a frame and starts a writer if none runs; c.mu is held.
func (c *Conn) enqueue(f frame) {
	c.queue = append(c.queue, f)
	c.bytes += len(f.data)
	if !c.writing && !c.dead {
		c.writing = true
		c.writers.Go(c.write)
	}
}

// pop returns the next frame. idle: there is none, and unless more is to be flushed the writer is
// done; c.mu is not held.
func (c *Conn) pop(flushed bool) (f frame, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 || c.dead {
		if flushed {
			c.queue, c.writing = nil, false // idle connections keep no queue
		}
		return frame{}, false
	}
	f = c.queue[0]
	c.queue[0] = frame{}
	c.queue = c.queue[1:]
	c.bytes -= len(f.data)
	return f, true
}

// closeWith begins to close for a reason, once: the farewell is the last thing in the queue, and
// everything must be over within Limits.Linger.
func (c *Conn) closeWith(why Reason, f Farewell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != "" {
		return
	}
	c.closeFor(why)
	if why == Slow { // what it did not read it will not read now
		c.queue, c.bytes = nil, 0
	}
	if f.Code == 0 {
		f.Code = why.usual()
	}
	deadline := time.Now().Add(c.s.limits.Linger)
	_ = c.net.SetWriteDeadline(deadline)
	_ = c.net.SetReadDeadline(deadline)
	if f.Last != nil {
		c.enqueue(frame{opText, f.Last})
	}
	c.enqueue(closeFrame(f.Code, f.Text))
	c.wake()
}

// shut closes for a reason of the pump's own.
func (c *Conn) shut(why Reason) {
	c.mu.Lock()
	closing := c.reason != ""
	c.mu.Unlock()
	if !closing { // two at once ask twice; closeWith takes the first
		c.closeWith(why, c.farewell(why))
	}
}

// farewell asks the handler, whose panic must not take the keeper or a sender with it.
func (c *Conn) farewell(why Reason) (f Farewell) {
	defer func() {
		if p := recover(); p != nil {
			c.Log().Error("farewell panics", "panic", p)
		}
	}()
	return c.handler.Farewell(why)
}
