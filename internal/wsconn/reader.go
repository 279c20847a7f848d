package wsconn

import (
	"bytes"
	"errors"
	"runtime/debug"
	"time"
)

// Sizes of reads. A connection that the poller looks after has no buffer while nothing comes; one that it cannot look
// after (TLS) waits with a small one.
const (
	readBuffer  = 16 << 10
	smallBuffer = 512
)

// run is the reader's goroutine. It lives until there is nothing more to read for now, and is started anew when there
// is; or, where there is no poller, as long as the connection.
func (r *reader) run() {
	if !r.opened {
		r.opened = true
		err := r.guard(func() {
			if o, ok := r.c.handler.(Opener); ok {
				o.Opened()
			}
		})
		if err == nil && len(r.early) > 0 {
			err = r.feed(r.early)
		}
		if r.early = nil; err != nil {
			r.conclude(err)
			return
		}
		if r.c.park() {
			return
		}
	}
	for {
		if err := r.fill(); err != nil {
			r.conclude(err)
			return
		}
		if r.c.park() {
			return
		}
	}
}

// fill reads once and acts upon what has come.
func (r *reader) fill() error {
	var buf []byte
	if r.c.polled == nil && !r.hungry {
		if r.small == nil {
			r.small = make([]byte, smallBuffer)
		}
		buf = r.small
	} else {
		pooled := r.c.s.buffers.Get().(*[readBuffer]byte)
		defer r.c.s.buffers.Put(pooled)
		buf = pooled[:]
	}
	n, err := r.c.net.Read(buf)
	r.hungry = n == len(buf)
	if r.budget -= n; r.budget < 0 {
		return errTrickle
	}
	if n > 0 {
		if err := r.feed(buf[:n]); err != nil {
			return err
		}
	}
	return err
}

// feed acts upon bytes that have come, and keeps the beginning of a frame.
func (r *reader) feed(b []byte) error {
	if r.part != nil && len(r.part.rest) > 0 {
		r.part.rest = append(r.part.rest, b...)
		b = r.part.rest
	}
	rest, err := r.consume(b)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		p := r.partial()
		p.rest = append(p.rest[:0], rest...)
	case r.part != nil && r.part.op == 0:
		r.part = nil
	case r.part != nil:
		r.part.rest = nil
	}
	return nil
}

// conclude ends the connection for what reading has ended with.
func (r *reader) conclude(err error) {
	end := End{Code: codeAbnormal}
	var said closeError
	switch {
	case errors.As(err, &said):
		end.Code = int(said)
		r.c.answerClose(end.Code)
	case errors.Is(err, errTooBig) || errors.Is(err, errTrickle):
		r.c.shut(TooBig)
	case errors.Is(err, errPanic):
		r.c.shut(Panic)
	case errors.Is(err, errProtocol):
		r.c.shut(Protocol)
	default:
		r.c.abandon()
	}
	r.c.end(end)
}

// message hands a whole message on.
func (r *reader) message(data []byte, binary bool) error {
	r.refill()
	now := r.c.s.now()
	r.c.seen.Store(now)
	r.c.heard.Store(now)
	if r.c.closes.Load() {
		return nil // nothing is acted upon any more
	}
	r.c.s.stats.messages.Add(1)
	switch r.bucket.take(now) {
	case pass:
		return r.guard(func() { r.c.handler.Message(data, binary) })
	case limited:
		r.c.s.stats.limited.Add(1)
		return r.guard(func() { r.c.handler.Limited(data, binary) })
	default:
		r.c.s.stats.limited.Add(1)
		r.c.shut(Rate)
		return nil
	}
}

// refill allows the bytes of one more message, headers of reasonable fragments included.
func (r *reader) refill() { r.budget = 2*r.c.s.limits.Frame + 2*readBuffer }

var errPanic = errors.New("wsconn: the handler panicked")

func (r *reader) guard(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.c.Log().Error("handler panics", "panic", p, "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	f()
	return nil
}

// control notes a ping or pong, which count like messages; false: too many.
func (r *reader) control() bool {
	now := r.c.s.now()
	switch r.bucket.take(now) {
	case pass:
		r.c.seen.Store(now)
		r.refill()
		return true
	case banned:
		r.c.shut(Rate)
	}
	return false
}

func (r *reader) ping(payload []byte) {
	if r.control() {
		_ = r.c.push(frame{opPong, bytes.Clone(payload)})
	}
}

// drain discards what still comes, so that closing a socket with unread data does not reset the connection before the
// client has read our last words.
func (r *reader) drain() {
	if h, ok := r.c.net.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
	_ = r.c.net.SetReadDeadline(time.Now().Add(r.c.s.limits.Linger))
	pooled := r.c.s.buffers.Get().(*[readBuffer]byte)
	defer r.c.s.buffers.Put(pooled)
	for {
		if _, err := r.c.net.Read(pooled[:]); err != nil {
			return
		}
	}
}
