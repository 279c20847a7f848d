package udp

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outletSock is a socket without an epoll instance of its own: the reader watches many.
type outletSock = *rawSocket

// outletsSys holds the readers and who is in which slot.
type outletsSys struct {
	readers []*outletReader
	closed  atomic.Bool
	slots   atomic.Pointer[[]atomic.Pointer[Outlet]]

	mu   sync.Mutex // guards the following, and changes of slots
	free []int
}

// outletReader reads some of the outlets: an epoll instance knows which of them have something. Go's poller does not watch
// that one (as it does for rawSocket): it would be woken by every datagram during the pauses. So waiting blocks a thread,
// which happens when there is little to do.
type outletReader struct {
	set    *Outlets
	epfd   int
	wakefd int // an eventfd in the instance, to end the waiting
	done   chan struct{}
	events [outletEvents]unix.EpollEvent
}

const (
	outletEvents = 64
	firstSlots   = 16
	wakeSlot     = -1 // of wakefd
	// coresPerReader is how many cores there are for each reader of outlets: the port's own needs one too.
	coresPerReader = 2
	maxReaders     = 8
)

func (o *Outlets) start() error {
	slots := make([]atomic.Pointer[Outlet], firstSlots)
	o.sys.slots.Store(&slots)
	for i := range slots {
		o.sys.free = append(o.sys.free, len(slots)-1-i)
	}
	for range min(max(runtime.GOMAXPROCS(0)/coresPerReader, 1), maxReaders) {
		r, err := newOutletReader(o)
		if err != nil {
			o.Close()
			return err
		}
		o.sys.readers = append(o.sys.readers, r)
		go r.run()
	}
	return nil
}

func newOutletReader(o *Outlets) (*outletReader, error) {
	r := &outletReader{set: o, done: make(chan struct{})}
	var err error
	if r.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if r.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(r.epfd)
		return nil, err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot}
	if err = unix.EpollCtl(r.epfd, unix.EPOLL_CTL_ADD, r.wakefd, &event); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *outletReader) close() {
	_ = unix.Close(r.wakefd)
	_ = unix.Close(r.epfd)
}

// Close ends reading and waits for it. All outlets must be closed.
func (o *Outlets) Close() {
	o.sys.closed.Store(true)
	for _, r := range o.sys.readers {
		_, _ = unix.Write(r.wakefd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-r.done
		r.close()
	}
}

func (o *Outlets) add(out *Outlet, c *net.UDPConn) error {
	local := canonical(c.LocalAddr().(*net.UDPAddr).AddrPort())
	s := &rawSocket{v6: local.Addr().Is6()}
	port := o.port.sock.(*rawSocket)
	s.noGSO.Store(port.noGSO.Load())
	err := control(c, func(fd int) (err error) {
		s.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	_ = c.Close() // its descriptor, that is
	out.sock = s
	y := &o.sys
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.free) == 0 {
		y.grow()
	}
	out.slot = y.free[len(y.free)-1]
	y.free = y.free[:len(y.free)-1]
	(*y.slots.Load())[out.slot].Store(out)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(out.slot)}
	if err := unix.EpollCtl(o.readerOf(out).epfd, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
		y.vacate(out)
		_ = s.Close()
		return err
	}
	return nil
}

func (o *Outlets) readerOf(out *Outlet) *outletReader {
	return o.sys.readers[out.slot%len(o.sys.readers)]
}

// grow doubles the slots; called with mu held.
func (y *outletsSys) grow() {
	old := *y.slots.Load()
	slots := make([]atomic.Pointer[Outlet], 2*len(old))
	for i := range old {
		slots[i].Store(old[i].Load())
	}
	for i := len(slots) - 1; i >= len(old); i-- {
		y.free = append(y.free, i)
	}
	y.slots.Store(&slots)
}

// vacate is called with mu held.
func (y *outletsSys) vacate(out *Outlet) {
	(*y.slots.Load())[out.slot].Store(nil)
	y.free = append(y.free, out.slot)
}

func (o *Outlets) remove(out *Outlet) {
	o.sys.mu.Lock()
	defer o.sys.mu.Unlock()
	_ = unix.EpollCtl(o.readerOf(out).epfd, unix.EPOLL_CTL_DEL, out.sock.fd, nil)
	o.sys.vacate(out)
}

// next waits for outlets that have something and gives their number.
func (r *outletReader) next() int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epfd), uintptr(unsafe.Pointer(&r.events[0])), outletEvents, 0, 0, 0)
	if errno == 0 && n > 0 {
		return int(n) // most often, under load
	}
	k, err := unix.EpollWait(r.epfd, r.events[:], -1)
	if err != nil {
		return 0
	}
	return k
}

// outletPause is how long a reader leaves the outlets alone under load: when at least holdFrom packets came in the last
// holdTime. With many sockets each packet would else cost a wake-up and two system calls of its own.
const outletPause = holdTime / 2

// pace tells whether there is load.
type pace struct {
	since   int64 // Port.now
	packets int
	busy    bool
}

func (p *pace) count(n int, now int64) (busy bool) {
	p.packets += n
	if now-p.since >= int64(holdTime) {
		p.busy = p.packets >= holdFrom && now-p.since < 4*int64(holdTime)
		p.since, p.packets = now, 0
	}
	return p.busy
}

// run is the reader: like that of the port, for many sockets.
func (r *outletReader) run() {
	defer close(r.done)
	p := r.set.port
	in, out := newInbox(), newBatch(p, relayBatchBytes, relayBatchPackets)
	defer in.free()
	var load pace
	for !r.set.sys.closed.Load() {
		n := r.next()
		slots := *r.set.sys.slots.Load()
		packets := 0
		for _, e := range r.events[:n] {
			if e.Fd >= 0 && int(e.Fd) < len(slots) {
				if o := slots[e.Fd].Load(); o != nil {
					packets += o.read(in, out)
				}
			}
		}
		out.Flush()
		if load.count(packets, p.now()) {
			time.Sleep(outletPause)
		}
	}
}

// read takes what is there and gives the number of packets.
func (o *Outlet) read(in *inbox, out *Batch) int {
	if !o.guard.enter() {
		return 0
	}
	in.sys.prepare(&in.list)
	n, errno := o.sock.recv(in)
	o.guard.leave()
	if errno != 0 {
		if errno != unix.EAGAIN && errno != unix.EINTR {
			o.set.port.drops[dropReadError].Add(1)
		}
		return 0
	}
	o.take(in.list[:n], out)
	return n
}
