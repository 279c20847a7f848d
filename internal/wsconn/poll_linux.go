package wsconn

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// poller waits for all connections at once, so that an idle one needs no goroutine. It is an epoll instance that Go's
// own poller watches in its turn: its goroutine waits without holding a thread. A connection is armed for one event,
// and again when what has come is dealt with.
type poller struct {
	file  *os.File
	epoll int
	raw   syscall.RawConn

	mu    sync.Mutex // guards the following
	conns []*Conn    // by file descriptor
}

// watch is a connection's place in the poller.
type watch struct {
	p     *poller
	raw   syscall.RawConn
	fd    int32
	known bool        // to epoll; the reader's
	armed atomic.Bool // nobody reads, and the poller will say when there is something
}

// newPoller returns nil where there is none.
func newPoller(log *slog.Logger) *poller {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		log.Warn("no epoll: a goroutine for each connection", "err", err)
		return nil
	}
	p := &poller{epoll: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		log.Warn("no epoll: a goroutine for each connection", "err", err)
		_ = p.file.Close()
		return nil
	}
	return p
}

// run wakes connections until close.
func (p *poller) run() {
	events := make([]unix.EpollEvent, 128)
	_ = p.raw.Read(func(fd uintptr) bool { // ends with an error, by close
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n <= 0 {
				return false
			}
			for _, e := range events[:n] {
				switch c := p.find(e.Fd); {
				case c == nil:
				case c.s.config.Inline:
					c.inline()
				default:
					c.wake()
				}
			}
		}
	})
}

func (p *poller) find(fd int32) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(fd) >= len(p.conns) {
		return nil
	}
	return p.conns[fd]
}

func (p *poller) close() {
	if p != nil {
		_ = p.file.Close()
	}
}

// watch prepares a connection, nil if it is none of the system's.
func (p *poller) watch(c *Conn) *watch {
	s, ok := c.net.(syscall.Conn)
	if p == nil || !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	w := &watch{p: p, raw: raw}
	if err := raw.Control(func(fd uintptr) { w.fd = int32(fd) }); err != nil {
		return nil
	}
	return w
}

// know puts the connection on the list.
func (p *poller) know(c *Conn, fd int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for int(fd) >= len(p.conns) {
		p.conns = append(p.conns, make([]*Conn, max(64, len(p.conns)))...)
	}
	p.conns[fd] = c
}

// forget is called before the file descriptor is closed and may be another's.
func (w *watch) forget(c *Conn) {
	if w == nil {
		return
	}
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	if int(w.fd) < len(w.p.conns) && w.p.conns[w.fd] == c {
		w.p.conns[w.fd] = nil
	}
}

// write writes what can be written at once.
func (w *watch) write(b []byte) (n int) {
	if w == nil {
		return 0
	}
	_ = w.raw.Write(func(fd uintptr) bool { // an error is met again by whoever writes the rest
		n, _ = unix.Write(int(fd), b)
		return true
	})
	return max(n, 0)
}

// park hands the connection to the poller; false: the reader goes on by itself, because there is none, or because the
// connection closes, which has deadlines.
func (c *Conn) park() bool {
	w := c.polled
	if w == nil || c.closes.Load() {
		return false
	}
	op := unix.EPOLL_CTL_MOD
	if !w.known {
		op, w.known = unix.EPOLL_CTL_ADD, true
		w.p.know(c, w.fd)
	}
	events := uint32(unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT)
	if c.s.config.Inline {
		events &^= unix.EPOLLONESHOT // until takeOver
	}
	w.armed.Store(true) // from here on it is somebody else's
	var failed error
	err := w.raw.Control(func(fd uintptr) {
		failed = unix.EpollCtl(w.p.epoll, op, int(fd), &unix.EpollEvent{Events: events, Fd: w.fd})
	})
	if err != nil || failed != nil || c.closes.Load() {
		return !w.armed.CompareAndSwap(true, false) // closed, or about to be: whoever takes it reads on
	}
	return true
}

// wake starts a reader for a connection that has none.
func (c *Conn) wake() {
	if w := c.polled; w != nil && w.armed.CompareAndSwap(true, false) {
		c.takeOver(nil)
	}
}

// inline reads once in the poller's goroutine.
func (c *Conn) inline() {
	w := c.polled
	if !w.armed.CompareAndSwap(true, false) {
		return
	}
	err := c.r.fillNow()
	if err == nil {
		w.armed.Store(true)
		if !c.closes.Load() || !w.armed.CompareAndSwap(true, false) {
			return // all is as it was, or somebody else has it
		}
	}
	c.takeOver(err)
}

// takeOver goes on reading in a goroutine, or ends the connection for err; the caller has disarmed it.
func (c *Conn) takeOver(err error) {
	if c.s.config.Inline { // it would be told of again and again
		_ = c.polled.raw.Control(func(fd uintptr) { _ = unix.EpollCtl(c.polled.p.epoll, unix.EPOLL_CTL_DEL, int(fd), nil) })
	}
	c.s.wg.Go(func() {
		if err != nil {
			c.r.conclude(err)
			return
		}
		c.r.run()
	})
}

// read reads what is there; 0 and no error: nothing is.
func (w *watch) read(b []byte) (n int, err error) {
	if gone := w.raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), b)
		return true
	}); gone != nil {
		return 0, gone
	}
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return 0, nil
	case err == nil && n == 0:
		return 0, io.EOF
	}
	return max(n, 0), err
}

// fillNow is fill for what is there already.
func (r *reader) fillNow() error {
	pooled := r.c.s.buffers.Get().(*[readBuffer]byte)
	defer r.c.s.buffers.Put(pooled)
	n, err := r.c.polled.read(pooled[:])
	if r.budget -= n; r.budget < 0 {
		return errTrickle
	}
	if n > 0 {
		return r.feed(pooled[:n])
	}
	return err
}
