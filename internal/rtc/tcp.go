package rtc

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"veche.example/internal/rtc/lite"
)

const (
	maxUnknown = 256              // connections that have not said yet whose they are
	firstFrame = 10 * time.Second // for the first check
	idleStream = 60 * time.Second // a client checks every few seconds
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
	t.ufrags[g.Ufrag] = g
	t.mu.Unlock()
}

func (t *tcpSide) unregister(g *generation) {
	t.mu.Lock()
	delete(t.ufrags, g.Ufrag)
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
	n, err := lite.Read(c, buf)
	t.mu.Lock()
	delete(t.waiting, c)
	t.mu.Unlock()
	var g *generation
	if err == nil {
		g = t.find(lite.UfragOf(buf[:n]))
	}
	if g == nil || !g.adopt(c, buf, n) {
		t.engine.stats.drops[dropTCPUnknown].Add(1)
		_ = c.Close()
	}
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

// adopt takes over an identified connection with its first frame in buf; false if the generation takes no more.
func (g *generation) adopt(c net.Conn, buf []byte, n int) bool {
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	t := lite.NewConn(c)
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
	if !reading || !g.p.spawn("tcp-write", t.Run) {
		t.Close()
	}
	return true
}

// readTCP is the only reader of a connection.
func (g *generation) readTCP(t *lite.Conn, pa *path, buf []byte, n int) {
	g.p.engine.tcp.open.Add(1)
	defer func() {
		g.p.engine.tcp.open.Add(-1)
		t.Close()
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
			c, ok := g.Answer(b, pa.remote)
			if !ok {
				g.p.drop(dropCheck)
				break
			}
			if t.Send(c.Reply, pa.remote) != nil {
				g.p.drop(dropSend)
			}
			if c.Success {
				valid = true
				g.p.ice.checked(pa, c)
			}
		case valid:
			g.p.arrive(pa, b, out)
			out.Flush()
		default:
			g.p.drop(dropUnchecked)
		}
		var err error
		if n, err = t.Next(buf, idleStream); err != nil {
			return
		}
	}
}
