package wsconn

// How a connection ends: somebody begins (closeWith, or the client), the reader finishes.

// answerClose echoes the client's close frame (RFC 6455 §5.5.1), if we did not begin.
func (c *Conn) answerClose(code int) {
	if code == codeNone {
		code = codeNormal
	}
	c.mu.Lock()
	if c.reason == "" {
		c.queue, c.bytes = nil, 0 // a client that closes wants nothing more
	}
	c.mu.Unlock()
	c.closeWith(Gone, Farewell{Code: code})
}

// abandon gives up a connection that is broken.
func (c *Conn) abandon() {
	c.mu.Lock()
	if c.reason == "" {
		c.closeFor(Gone)
	}
	c.dead, c.queue = true, nil
	c.mu.Unlock()
	_ = c.net.Close()
}

// end is the reader's last act: the writer's last words, a patient ear for the client's side of
// closing, then nothing is left of the connection.
func (c *Conn) end(e End) {
	c.writers.Wait()
	c.mu.Lock()
	spoke := c.dead && c.reason != Gone
	c.dead = true
	e.Reason = c.reason
	c.mu.Unlock()
	if spoke && e.Code == codeAbnormal {
		c.r.drain()
	}
	c.polled.forget(c)
	_ = c.net.Close()
	c.finish(e)
	c.s.gone.Done()
}

// finish takes the connection off the books and tells the handler.
func (c *Conn) finish(e End) {
	c.s.forget(c)
	c.s.stats.end(e.Reason)
	_ = c.r.guard(func() { c.handler.Closed(e) })
	c.Log().Debug("websocket closed", "reason", string(e.Reason), "code", e.Code, "ms", (c.s.now()-c.since)/1e6)
}
