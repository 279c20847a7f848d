package rtc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

const (
	maxUnknown  = 256              // connections that have not said yet whose they are
	firstFrame  = 10 * time.Second // for the first check
	idleStream  = 60 * time.Second // a client checks every few seconds
	writeStream = 10 * time.Second
	maxPending  = 256 << 10 // bytes not written yet; what does not fit is dropped
	keepBuffer  = 64 << 10  // a larger one is not kept
)

// tcpSide takes ICE-TCP connections (RFC 6544, framed by RFC 4571) and gives each to the generation that its
// first check names.
type tcpSide struct {
	engine *Engine
	open   atomic.Int32
	wg     sync.WaitGroup

	mu        sync.Mutex // guards the following
	ufrags    map[string]*generation
	listeners []net.Listener
	waiting   map[net.Conn]struct{} // unknown ones
	closed    bool
}

func (t *tcpSide) init(e *Engine) {
	t.engine = e
	t.ufrags, t.waiting = make(map[string]*generation), make(map[net.Conn]struct{})
}

func (t *tcpSide) register(g *generation) {
	t.mu.Lock()
	t.ufrags[g.ufrag] = g
	t.mu.Unlock()
}

func (t *tcpSide) unregister(g *generation) {
	t.mu.Lock()
	delete(t.ufrags, g.ufrag)
	t.mu.Unlock()
}

func (t *tcpSide) find(ufrag string) *generation {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ufrags[ufrag]
}

func (t *tcpSide) add(l net.Listener) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	t.listeners = append(t.listeners, l)
	t.wg.Add(1)
	go t.accept(l)
	return nil
}

func (t *tcpSide) accept(l net.Listener) {
	defer t.wg.Done()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.mu.Lock()
			closed := t.closed
			t.mu.Unlock()
			if closed {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of file descriptors
			continue
		}
		t.mu.Lock()
		if t.closed || len(t.waiting) >= maxUnknown {
			t.mu.Unlock()
			t.engine.stats.drops[dropTCPLimit].Add(1)
			_ = c.Close()
			continue
		}
		t.waiting[c] = struct{}{}
		t.wg.Add(1)
		t.mu.Unlock()
		go t.identify(c)
	}
}

// identify reads the first frame and hands the connection over.
func (t *tcpSide) identify(c net.Conn) {
	defer t.wg.Done()
	buf := make([]byte, bufferSize)
	_ = c.SetReadDeadline(time.Now().Add(firstFrame))
	n, err := readFrame(c, buf)
	t.mu.Lock()
	delete(t.waiting, c)
	t.mu.Unlock()
	var g *generation
	if err == nil {
		g = t.find(ufragOf(buf[:n]))
	}
	if g == nil || !g.adopt(c, buf, n) {
		t.engine.stats.drops[dropTCPUnknown].Add(1)
		_ = c.Close()
	}
}

// ufragOf gives the local user name fragment of a check, "" if it is none.
func ufragOf(b []byte) string {
	m := &stun.Message{Raw: b}
	if len(b) == 0 || b[0] > 3 || m.Decode() != nil || m.Type != stun.BindingRequest {
		return ""
	}
	user, err := m.Get(stun.AttrUsername)
	if err != nil {
		return ""
	}
	ufrag, _, _ := bytes.Cut(user, []byte(":"))
	return string(ufrag)
}

func (t *tcpSide) close() {
	t.mu.Lock()
	t.closed = true
	for _, l := range t.listeners {
		_ = l.Close()
	}
	for c := range t.waiting {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.wg.Wait()
}

var errFrame = errors.New("rtc: frame too long")

// readFrame reads one frame (RFC 4571 §2).
func readFrame(r io.Reader, buf []byte) (int, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > len(buf) {
		return 0, errFrame
	}
	return io.ReadFull(r, buf[:n])
}

// tcpConn is one ICE-TCP connection. Writes are collected and done by a goroutine of its own, since TCP blocks.
type tcpConn struct {
	c    net.Conn
	wake chan struct{} // capacity 1
	done chan struct{}
	once sync.Once

	mu      sync.Mutex // guards the following
	pending []byte     // frames
	spare   []byte     // the buffer that was written last
}

var errStreamFull = errors.New("rtc: TCP connection too slow")

// adopt takes over an identified connection with its first frame in buf; false if the generation takes no more.
func (g *generation) adopt(c net.Conn, buf []byte, n int) bool {
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	t := &tcpConn{c: c, wake: make(chan struct{}, 1), done: make(chan struct{})}
	g.mu.Lock()
	if g.closed || len(g.streams) >= maxStreams {
		g.mu.Unlock()
		return false
	}
	g.streams[t] = struct{}{}
	g.mu.Unlock()
	ap := remote.AddrPort()
	pa := &path{gen: g, remote: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), out: t, tcp: true}
	reading := g.p.spawn("tcp", func() { g.readTCP(t, pa, buf, n) })
	if !reading || !g.p.spawn("tcp-write", t.write) {
		t.close()
	}
	return true
}

// readTCP is the only reader of a connection.
func (g *generation) readTCP(t *tcpConn, pa *path, buf []byte, n int) {
	g.p.engine.tcp.open.Add(1)
	defer func() {
		g.p.engine.tcp.open.Add(-1)
		t.close()
		g.p.ice.lost(pa)
		g.mu.Lock()
		delete(g.streams, t)
		g.mu.Unlock()
	}()
	valid := false
	out := g.p.engine.cfg.UDP.NewBatch()
	for {
		b := buf[:n]
		switch {
		case n == 0:
		case b[0] <= 3:
			c, ok := g.answer(b, pa.remote)
			if !ok {
				g.p.drop(dropCheck)
				break
			}
			if t.send(c.reply, pa.remote) != nil {
				g.p.drop(dropSend)
			}
			if c.success {
				valid = true
				g.p.ice.checked(pa, c)
			}
		case valid:
			g.p.arrive(pa, b, out)
			out.Flush()
		default:
			g.p.drop(dropUnchecked)
		}
		_ = t.c.SetReadDeadline(time.Now().Add(idleStream))
		var err error
		if n, err = readFrame(t.c, buf); err != nil {
			return
		}
	}
}

// send queues one frame, or drops it if the connection is too slow.
func (t *tcpConn) send(b []byte, _ netip.AddrPort) error {
	t.mu.Lock()
	if len(t.pending)+2+len(b) > maxPending {
		t.mu.Unlock()
		return errStreamFull
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

// write writes what was collected until the connection is closed.
func (t *tcpConn) write() {
	defer t.close()
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
		_ = t.c.SetWriteDeadline(time.Now().Add(writeStream))
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

func (t *tcpConn) close() {
	t.once.Do(func() {
		close(t.done)
		_ = t.c.Close()
	})
}
