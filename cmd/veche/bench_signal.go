package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"veche.example/internal/bench"
)

// benchSignalCmd compares with the server of PeerJS.
type benchSignalCmd struct {
	Idle     int    `default:"9000" help:"Connections that do nothing."`
	Messages int    `default:"40000" help:"Messages from peer to peer."`
	Size     int    `default:"650" help:"Bytes of a message."`
	Rounds   int    `default:"2" help:"How often the servers take turns."`
	Peer     string `default:"test/clients/node_modules/peer" placeholder:"DIR" help:"The npm package peer; make npm puts it there."`
	Alone    bool   `help:"Without the other server."`
}

// Run implements the command.
func (c *benchSignalCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	ours := bench.PeerServer{Name: "veche", Start: func(ctx context.Context) (string, int, func(), error) {
		child, err := startChild(ctx, sys, "--set", "frontends=peerjs", "--set", "limits.messagesPerSecond=1000000", "--set", "limits.burst=1000000",
			"--set", "limits.connections=100000")
		if err != nil {
			return "", 0, nil, err
		}
		return child.url + "peerjs/", child.cmd.Process.Pid, child.stop, nil
	}}
	servers := []bench.PeerServer{ours}
	if !c.Alone {
		servers = append(servers, bench.PeerServer{Name: "peer", Start: func(ctx context.Context) (string, int, func(), error) { return c.startPeer(ctx, sys) }})
	}
	p := bench.Peers{
		Idle: c.Idle, Messages: c.Messages, Size: c.Size, Pairs: 20, Window: 5, Settle: 5 * time.Second, Rounds: c.Rounds, Out: sys.stdout,
	}
	return p.Compare(ctx, servers...)
}

// startPeer starts the other server and waits until it answers.
func (c *benchSignalCmd) startPeer(ctx context.Context, sys *system) (root string, pid int, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", 0, nil, err
	}
	port := portOf(l.Addr().String())
	if err := l.Close(); err != nil {
		return "", 0, nil, err
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(c.Peer, "dist", "bin", "peerjs.js"), "--port", port, "--host", "127.0.0.1",
		"--concurrent_limit", strconv.Itoa(2*c.Idle), "--alive_timeout", "3600000")
	cmd.Stderr, cmd.Cancel, cmd.WaitDelay = sys.stderr, func() error { return cmd.Process.Signal(syscall.SIGTERM) }, patience
	cmd.Env = append(os.Environ(), "NODE_ENV=production")
	if err := cmd.Start(); err != nil {
		return "", 0, nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = cmd.Wait()
	}
	root = "http://127.0.0.1:" + port + "/"
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(root)
		if err == nil {
			return root, cmd.Process.Pid, stop, res.Body.Close()
		}
		if time.Now().After(deadline) {
			stop()
			return "", 0, nil, errors.Join(errors.New("bench: peer did not start"), err)
		}
	}
}
