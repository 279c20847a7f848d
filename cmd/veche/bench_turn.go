package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"veche.example/internal/bench"
	"veche.example/internal/vtest"
)

// benchTURNCmd compares relaying with coturn.
type benchTURNCmd struct {
	Allocations int           `default:"20" help:"Relays, each with one channel."`
	Rates       []int         `default:"60000,150000" help:"Packets per second of all of them together, for each comparison."`
	Subscribers int           `default:"60" help:"Subscribers that receive from the SFU through relays; 0 leaves that out."`
	Size        int           `default:"1000" help:"Bytes of data in a packet."`
	Tick        time.Duration `default:"1ms" help:"How often what is due is sent."`
	Rounds      int           `default:"2" help:"How often the servers take turns."`
	Duration    time.Duration `default:"5s" help:"How long to measure in each round."`
	Coturn      string        `default:"turnserver" help:"The rival's program."`
}

// Run implements the command.
func (c *benchTURNCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	if c.Size < 12 || c.Size > 1500 || c.Allocations < 1 || c.Tick <= 0 {
		return errors.New("bench: size must be 12 to 1500, allocations and tick positive")
	}
	s := bench.TURNSeries{Allocations: c.Allocations, Rates: c.Rates, Size: c.Size, Tick: c.Tick, Rounds: c.Rounds, Duration: c.Duration,
		Subscribers: c.Subscribers, Bitrate: benchBitrate, Out: sys.stdout}
	ours := bench.TURNContestant{Name: "veche", Start: func(ctx context.Context) (bench.TURNServer, error) { return turnVeche(ctx, sys) }}
	rival := bench.TURNContestant{Name: "coturn", Start: c.coturn}
	if c.Subscribers > 0 {
		if err := s.Media(ctx, ours, rival); err != nil {
			return err
		}
	}
	return s.Compare(ctx, ours, rival)
}

// turnVeche starts a server whose relays may reach the load, and gets credentials as any participant does.
func turnVeche(ctx context.Context, sys *system) (bench.TURNServer, error) {
	child, err := startChild(ctx, sys, "--set", "turn.mode=open", "--set", "turn.allowPeers=127.0.0.0/8",
		"--set", "turn.quotas.member=1000", "--set", "turn.quotas.ip=1000", "--set", "auth.openRooms=true")
	if err != nil {
		return bench.TURNServer{}, err
	}
	client, err := vtest.Bot{URL: child.url, Room: "bench", Name: "Bench"}.Join(ctx)
	if err != nil {
		child.stop()
		return bench.TURNServer{}, err
	}
	stop := func() {
		client.Close()
		child.stop()
	}
	for _, s := range client.Welcome().ICEServers {
		for _, u := range s.URLs {
			at, ok := strings.CutSuffix(strings.TrimPrefix(u, "turn:"), "?transport=udp")
			if !ok || s.Username == "" {
				continue
			}
			addr, err := netip.ParseAddrPort(at)
			if err != nil {
				continue
			}
			return bench.TURNServer{Addr: addr, User: s.Username, Password: s.Credential, Media: addr, WHIP: child.url + "whip/bench-{n}",
				WHEP: child.url + "whep/bench-{n}", PID: child.cmd.Process.Pid, Stop: stop}, nil
		}
	}
	stop()
	return bench.TURNServer{}, errors.New("bench: the server names no TURN server by UDP")
}

// coturn starts the rival on a free port of the loopback interface.
func (c *benchTURNCmd) coturn(ctx context.Context) (bench.TURNServer, error) {
	port, err := freeUDP()
	if err != nil {
		return bench.TURNServer{}, err
	}
	const user, password = "bench", "bench"
	cmd := exec.CommandContext(ctx, c.Coturn, "-n", "--listening-ip", "127.0.0.1", "--listening-port", strconv.Itoa(port), "--relay-ip", "127.0.0.1",
		"--allow-loopback-peers", "--lt-cred-mech", "--user", user+":"+password, "--realm", "bench", "--no-tcp", "--no-tls", "--no-dtls",
		"--no-cli", "--cli-password", password, "--no-multicast-peers", "--log-file", "stdout", "--simple-log", "--pidfile", "/dev/null")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	out, err := cmd.StdoutPipe()
	if err != nil {
		return bench.TURNServer{}, err
	}
	if err := cmd.Start(); err != nil {
		return bench.TURNServer{}, fmt.Errorf("bench: coturn (Debian package coturn) is needed: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
		}
	}()
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		_ = cmd.Wait()
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	return bench.TURNServer{Addr: addr, User: user, Password: password, PID: cmd.Process.Pid, Stop: stop}, nil
}

func freeUDP() (int, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}
