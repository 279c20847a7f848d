//go:build !linux

package udp

import (
	"errors"
	"net"
	"sync"
	"time"
)

// outletSock is a socket by the net package.
type outletSock = plainSocket

// outletsSys counts the readers, one for each outlet.
type outletsSys struct{ wg sync.WaitGroup }

func (o *Outlets) start() error { return nil }

// Close waits for reading to end. All outlets must be closed.
func (o *Outlets) Close() { o.sys.wg.Wait() }

func (o *Outlets) add(out *Outlet, c *net.UDPConn) error {
	out.sock = plainSocket{c}
	o.sys.wg.Add(1)
	go out.read()
	return nil
}

func (o *Outlets) remove(*Outlet) {}

func (o *Outlet) read() {
	defer o.set.sys.wg.Done()
	in, out := newInbox(), newBatch(o.set.port, 64<<10, 64)
	defer in.free()
	for {
		n, err := o.sock.read(in, -1)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			o.set.port.drops[dropReadError].Add(1)
			time.Sleep(10 * time.Millisecond) // a broken socket must not take a core
			continue
		}
		o.take(in.list[:n], out)
		out.Flush()
	}
}
