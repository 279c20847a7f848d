package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// FloorSender starts a process of SendFloor towards ports of the loopback interface and gives its id and how to stop it.
type FloorSender func(ctx context.Context, ports []uint16, gso bool) (pid int, stop func(), err error)

// Floor compares what forwarding costs with the least that a program could need which rewrites, seals and sends the same
// packets to as many sockets; both with and without UDP_SEGMENT. ours starts the server with or without it.
func (s Series) Floor(ctx context.Context, ours func(gso bool) Contestant, floor FloorSender) error {
	for _, n := range s.Sizes {
		for _, gso := range []bool{true, false} {
			var we, they Report
			for range s.Rounds {
				r, err := s.one(ctx, ours(gso), n)
				if err != nil {
					return err
				}
				we = sum(we, r)
				if r, err = floorRound(ctx, s.Options, floor, n, gso); err != nil {
					return err
				}
				they = sum(they, r)
			}
			if _, err := fmt.Fprintf(s.Out, "%4d subscribers  GSO %-5t  veche %.2f µs  floor %.2f µs per packet  ratio %.2f\n", n, gso,
				micros(we.PerPacket()), micros(they.PerPacket()), float64(we.PerPacket())/float64(they.PerPacket())); err != nil {
				return err
			}
		}
	}
	return nil
}

// floorRound measures the floor with receivers that are alive, as those of the server are.
func floorRound(ctx context.Context, o Options, start FloorSender, n int, gso bool) (Report, error) {
	var wg sync.WaitGroup
	var got atomic.Uint64
	ports := make([]uint16, n)
	var conns []*net.UDPConn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
		wg.Wait()
	}()
	for i := range ports {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			return Report{}, err
		}
		conns = append(conns, c)
		ports[i] = c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		wg.Go(func() {
			buf := make([]byte, 2048)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
				got.Add(1)
			}
		})
	}
	pid, stop, err := start(ctx, ports, gso)
	if err != nil {
		return Report{}, err
	}
	defer stop()
	if err := pause(ctx, o.Warmup); err != nil {
		return Report{}, err
	}
	before, _ := usage(pid)
	was := got.Load()
	if err := pause(ctx, o.Duration); err != nil {
		return Report{}, err
	}
	after, _ := usage(pid)
	return Report{CPU: after.cpu - before.cpu, Received: got.Load() - was, Duration: o.Duration}, nil
}

// floorLoad is the packets of one publisher: pictures of 1.5 Mbit/s as the publisher here sends them, and sound.
type floorLoad struct {
	frame, sound [][]byte
	video, audio time.Time // when the next is due
}

func newFloorLoad(bitrate int) *floorLoad {
	l := &floorLoad{sound: [][]byte{make([]byte, 12+audioSize)}, video: time.Now(), audio: time.Now()}
	for left := int(float64(bitrate) / 8 * frameTime.Seconds()); left > 0; left -= packetSize {
		l.frame = append(l.frame, make([]byte, 12+max(headerSize+stampSize, min(left, packetSize))))
	}
	return l
}

// next waits for what is due next.
func (l *floorLoad) next() [][]byte {
	due, list := &l.audio, l.sound
	step := audioTime
	if l.video.Before(l.audio) {
		due, list, step = &l.video, l.frame, frameTime
	}
	time.Sleep(time.Until(*due))
	*due = due.Add(step)
	return list
}
