package udp

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// manyReaders is a port with three readers, whatever the machine has.
func manyReaders(t *testing.T) *Port {
	t.Helper()
	was := runtime.GOMAXPROCS(max(3, runtime.GOMAXPROCS(0)))
	t.Cleanup(func() { runtime.GOMAXPROCS(was) })
	p := listen(t, "127.0.0.1:0")
	if len(p.more) < 2 {
		t.Fatal(len(p.more)+1, "sockets")
	}
	return p
}

// TestReaders: whichever socket the system gives a client's datagrams to, each arrives once and in order, also while the client
// goes from one address to another.
func TestReaders(t *testing.T) {
	p := manyReaders(t)
	r := new(recorder)
	var mu sync.Mutex
	next := map[netip.AddrPort]uint32{}
	batches := map[*Batch]bool{} // one belongs to each reader
	r.use = func(b []byte, from netip.AddrPort, out *Batch) {
		mu.Lock()
		defer mu.Unlock()
		batches[out] = true
		if n := binary.BigEndian.Uint32(b[4:]); n != next[from] {
			t.Errorf("%d after %d from %v", n, int64(next[from])-1, from)
		}
		next[from]++
	}
	attach(t, p, "agent", r)
	const rounds, addresses = 50, 24
	var list []*sender
	for range addresses { // of one client
		s, _ := target(t, p, r, "agent")
		list = append(list, s)
	}
	buf := make([]byte, 40)
	for i := range uint32(rounds) {
		for _, s := range list {
			numbered(buf, len(buf), i)
			s.send(buf)
		}
	}
	eventually(t, "all datagrams", func() bool { return r.seen.Load() == rounds*addresses })
	mu.Lock()
	defer mu.Unlock()
	if len(batches) < 2 {
		t.Error("one reader has done everything")
	}
}

// TestPortIsTaken: that a port has several sockets does not let a second one have the same address.
func TestPortIsTaken(t *testing.T) {
	p := manyReaders(t)
	second, err := Listen(p.Addr().String(), testLog(t))
	if err == nil {
		_ = second.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
}
