package rtc

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"veche.example/internal/media"
	"veche.example/internal/udp"
)

// edge is where a generation meets the UDP port in one address family. What a client sends is taken apart here, by the
// port's reader, down to the slots that its packets are forwarded to.
type edge struct {
	g     *generation
	end   atomic.Pointer[udp.Endpoint]
	out   sender                  // by end
	paths atomic.Pointer[[]*path] // usually one; replaced under mu

	mu sync.Mutex // serialises checks
}

func newEdge(g *generation) *edge {
	e := &edge{g: g}
	e.out = e
	return e
}

// Receive implements udp.Sink.
func (e *edge) Receive(b []byte, from netip.AddrPort, out *udp.Batch) {
	defer e.g.p.contain("udp")
	if len(b) > 0 && b[0] <= 3 {
		e.check(b, from)
	} else if pa := e.find(from); pa != nil {
		e.g.p.arrive(pa, b, out)
	} else {
		e.g.p.drop(dropUnchecked)
	}
}

func (e *edge) list() []*path {
	if l := e.paths.Load(); l != nil {
		return *l
	}
	return nil
}

func (e *edge) find(from netip.AddrPort) *path {
	for _, pa := range e.list() {
		if pa.remote == from {
			return pa
		}
	}
	return nil
}

// Send sends one datagram at once.
func (e *edge) Send(b []byte, to netip.AddrPort) error {
	end := e.end.Load()
	if end == nil {
		return errNotReady
	}
	_, err := end.WriteToAddrPort(b, to)
	return err
}

// check answers a connectivity check and remembers where it came from.
func (e *edge) check(b []byte, from netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.g.p
	c, ok := e.g.Answer(b, from)
	if !ok {
		p.drop(dropCheck)
		return
	}
	pa := e.find(from)
	if pa == nil && c.Success && len(e.list()) >= maxPaths && !e.forget() {
		p.drop(dropPaths)
		return
	}
	if err := e.out.Send(c.Reply, from); err != nil {
		p.drop(dropSend)
	}
	if !c.Success {
		return
	}
	if pa == nil {
		pa = &path{gen: e.g, remote: from, out: e.out}
		if end := e.end.Load(); end != nil {
			pa.target = end.Target(from) // the port knows it since it has sent the answer
		}
		list := append(slices.Clone(e.list()), pa)
		e.paths.Store(&list)
	}
	p.ice.checked(pa, c)
}

// forget removes the path that was quiet for longest, but for the one that is sent to, unless all are in use.
func (e *edge) forget() bool {
	list := e.list()
	selected := e.g.p.ice.selected.Load()
	others := slices.DeleteFunc(slices.Clone(list), func(pa *path) bool { return pa == selected })
	oldest := slices.MinFunc(others, func(a, b *path) int { return cmp.Compare(a.heard.Load(), b.heard.Load()) })
	if media.Now()-oldest.heard.Load() < 30e9 {
		return false
	}
	list = slices.DeleteFunc(slices.Clone(list), func(pa *path) bool { return pa == oldest })
	e.paths.Store(&list)
	return true
}
