package bench

import (
	"context"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	turnBurst  = 32 // packets of one allocation in a system call
	turnBuffer = 8 << 20
	turnSettle = 300 * time.Millisecond // for what is still on the way
)

// turnLoad sends and receives by one goroutine, which looks at the receivers once a tick: nobody sleeps in them, so a server
// does not pay for waking the load.
type turnLoad struct {
	from, to  []int // sockets
	sent, got uint64
	out       [turnBurst]turnHeader
	in        [turnBurst]turnHeader
	iov       unix.Iovec // of the one packet that is sent
	iovs      [turnBurst]unix.Iovec
	bufs      [turnBurst][2048]byte
	packet    []byte
	next      int // allocation whose turn it is
}

// turnHeader is struct mmsghdr of sendmmsg(2).
type turnHeader struct {
	hdr unix.Msghdr
	n   uint32
}

func newTURNLoad(legs []*turnLeg, way turnWay, size int) (*turnLoad, error) {
	g := &turnLoad{packet: turnPacket(way, size)}
	for _, l := range legs {
		from, to := l.client, l.peer
		if way == wayDown {
			from, to = to, from
		}
		for _, c := range []*net.UDPConn{from, to} {
			raw, err := c.SyscallConn()
			if err != nil {
				return nil, err
			}
			if err := raw.Control(func(fd uintptr) {
				for _, opt := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
					_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, opt, turnBuffer)
				}
				if c == from {
					g.from = append(g.from, int(fd))
				} else {
					g.to = append(g.to, int(fd))
				}
			}); err != nil {
				return nil, err
			}
		}
	}
	g.iov.Base = &g.packet[0]
	g.iov.SetLen(len(g.packet))
	for i := range turnBurst {
		g.out[i].hdr.Iov = &g.iov
		g.out[i].hdr.SetIovlen(1)
		g.iovs[i].Base = &g.bufs[i][0]
		g.iovs[i].SetLen(len(g.bufs[i]))
		g.in[i].hdr.Iov = &g.iovs[i]
		g.in[i].hdr.SetIovlen(1)
	}
	return g, nil
}

// run sends for a while at a rate and then waits for what is on the way.
func (g *turnLoad) run(ctx context.Context, rate int, tick, d time.Duration) error {
	start, before := time.Now(), g.sent
	for now := start; now.Sub(start) < d; now = time.Now() {
		due := uint64(float64(rate) * now.Sub(start).Seconds())
		// What a sleep that lasted too long has left undone is given up beyond a few ticks: a flood is another test.
		if most := uint64(float64(rate) * (4 * tick).Seconds()); due-(g.sent-before) > most {
			before = g.sent + most - due
		}
		g.send(int(due - (g.sent - before)))
		g.receive()
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(time.Until(now.Add(tick)))
	}
	for end := time.Now().Add(turnSettle); time.Now().Before(end); time.Sleep(tick) {
		g.receive()
	}
	return ctx.Err()
}

// send divides n packets among the allocations.
func (g *turnLoad) send(n int) {
	for n > 0 {
		share := min((n+len(g.from)-1)/len(g.from), turnBurst)
		for range len(g.from) {
			if share = min(share, n); share == 0 {
				return
			}
			fd := g.from[g.next]
			g.next = (g.next + 1) % len(g.from)
			done, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&g.out[0])), uintptr(share), unix.MSG_DONTWAIT, 0, 0)
			if errno == 0 {
				g.sent += uint64(done)
			}
			n -= share
		}
	}
}

// receive counts what is there.
func (g *turnLoad) receive() {
	for _, fd := range g.to {
		for {
			n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&g.in[0])), turnBurst, unix.MSG_DONTWAIT, 0, 0)
			if errno != 0 {
				break
			}
			g.got += uint64(n)
			if n < turnBurst {
				break
			}
		}
	}
}
