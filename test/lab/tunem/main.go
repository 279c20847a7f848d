//go:build linux

// Command tunem is a network link in user space, with delay, jitter, loss, a rate and a queue: what netem does in kernels
// that have it.
//
// It makes a point-to-point link between the network namespace it runs in (10.99.LEG.1) and another one (e0, 10.99.LEG.2)
// out of two TUN devices and copies packets between them. The file of parameters is read again whenever it changes:
// one line for both directions, or one per direction:
//
//	delay=50ms jitter=10ms loss=2 rate=1.5 queue=200ms dup=0.1 late=5 reorder=1 dir=up
//
// delay and jitter are one-way; jitter adds up to that much at random, in order unless reorder=1. loss, dup and late are percent;
// what is late comes 20 ms later than else, behind what was sent after it.
// rate is Mbit/s (0: unlimited), queue bounds the waiting time at that rate. dir is up (from the namespace), down or both.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	leg := flag.Int("leg", 1, "number of the leg, the third byte of its addresses")
	netns := flag.String("netns", "", "network namespace at the far end")
	file := flag.String("params", "", "file of parameters")
	flag.Parse()
	if err := run(*leg, *netns, *file); err != nil {
		fmt.Fprintln(os.Stderr, "tunem:", err)
		os.Exit(1)
	}
}

func run(leg int, netns, file string) error {
	near, far, err := makeLink(leg, netns)
	if err != nil {
		return err
	}
	up, down := newPipe(far, near), newPipe(near, far)
	failed := make(chan error, 2)
	go func() { failed <- up.run() }()
	go func() { failed <- down.run() }()
	fmt.Println("READY")

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last time.Time
	for {
		select {
		case err := <-failed:
			return err
		case <-stop:
			fmt.Println("up:", up.counts(), "down:", down.counts())
			return nil
		case <-tick.C:
		}
		st, err := os.Stat(file)
		if err != nil || st.ModTime().Equal(last) {
			continue
		}
		last = st.ModTime()
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if err = apply(string(text), up, down); err != nil {
			fmt.Fprintln(os.Stderr, "tunem:", err) // the old parameters stay
		}
	}
}

// makeLink makes the two devices and gives their file descriptors.
func makeLink(leg int, netns string) (near, far int, err error) {
	nearName, farName := fmt.Sprintf("em%dh", leg), fmt.Sprintf("em%dc", leg)
	if near, err = openTUN(nearName); err != nil {
		return 0, 0, err
	}
	if far, err = openTUN(farName); err != nil {
		return 0, 0, err
	}
	nearIP, farIP := fmt.Sprintf("10.99.%d.1", leg), fmt.Sprintf("10.99.%d.2", leg)
	for _, args := range [][]string{
		{"link", "set", farName, "netns", netns, "name", "e0"},
		{"addr", "add", nearIP, "peer", farIP, "dev", nearName},
		{"link", "set", nearName, "up", "mtu", "1500", "txqueuelen", "1000"},
		{"-n", netns, "addr", "add", farIP, "peer", nearIP, "dev", "e0"},
		{"-n", netns, "link", "set", "e0", "up", "mtu", "1500", "txqueuelen", "1000"},
		{"-n", netns, "route", "add", "default", "via", nearIP},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return 0, 0, fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return near, far, nil
}

func openTUN(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("/dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	return fd, unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
}
