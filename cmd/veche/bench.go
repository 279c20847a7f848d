package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"veche.example/internal/bench"
)

// benchCmd measures.
type benchCmd struct {
	Pion        benchPionCmd        `cmd:"" help:"Forwarding beside the least SFU made of pion/webrtc, without and with its default interceptors, in turns: prints the ratios."`
	Floor       benchFloorCmd       `cmd:"" help:"Forwarding beside a minimal program that seals and sends the same packets, with and without UDP_SEGMENT, in turns: prints the ratios."`
	FloorSender benchFloorSenderCmd `cmd:"" name:"floor-sender" hidden:"" help:"That program."`
	Growth      benchGrowthCmd      `cmd:"" help:"Cost per packet and memory per subscriber from 10 to 600 subscribers, and with many rooms."`
	HLS         benchHLSCmd         `cmd:"" name:"hls" help:"Viewers of LL-HLS beside nginx, which serves a copy of the same files: memory per viewer, CPU per request, ratios."`
	Rival       benchRivalCmd       `cmd:"" hidden:"" help:"That SFU."`
	SFU         benchSFUCmd         `cmd:"" name:"sfu" help:"Publishers and subscribers against a server in a process of its own: packets, loss, latency, CPU per forwarded packet, memory."`
	Signal      benchSignalCmd      `cmd:"" help:"Idle connections and relayed messages beside the server of PeerJS, in turns: memory, CPU per message, ratios."`
	Room        benchRoomCmd        `cmd:"" help:"Fill a room with synthetic participants."`
	TURN        benchTURNCmd        `cmd:"" name:"turn" help:"Relaying ChannelData beside coturn, in turns, up, down and to the own SFU: prints µs of CPU per packet and the ratios."`
}

// benchPionCmd compares with the least SFU that can be made of pion/webrtc.
type benchPionCmd struct {
	Subscribers []int         `default:"50,150,300" help:"Subscribers of the one publisher, for each comparison."`
	Rounds      int           `default:"2" help:"How often the servers take turns."`
	Duration    time.Duration `default:"8s" help:"How long to measure in each round."`
}

// Run implements the command.
func (c *benchPionCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	ours := bench.Contestant{Name: "veche", Start: func(ctx context.Context) (string, string, int, func(), error) {
		child, err := startChild(ctx, sys)
		if err != nil {
			return "", "", 0, nil, err
		}
		return child.url + "whip/bench-{n}", child.url + "whep/bench-{n}", child.cmd.Process.Pid, child.stop, nil
	}}
	rival := func(name string, args ...string) bench.Contestant {
		return bench.Contestant{Name: name, Start: func(ctx context.Context) (string, string, int, func(), error) {
			child, err := startSelf(ctx, sys, append([]string{"bench", "rival"}, args...)...)
			if err != nil {
				return "", "", 0, nil, err
			}
			return child.url + "whip/{n}", child.url + "whep/{n}", child.cmd.Process.Pid, child.stop, nil
		}}
	}
	o := bench.Options{Publishers: 1, Bitrate: 1500000, Light: true, Warmup: 2 * time.Second, Duration: c.Duration, Log: io.Discard}
	list := []bench.Contestant{ours, rival("pion, no interceptors"), rival("pion, default", "--interceptors")}
	return bench.Series{Options: o, Sizes: c.Subscribers, Rounds: c.Rounds, Out: sys.stdout}.Compare(ctx, list...)
}

// benchFloorCmd compares with the least that forwarding can cost.
type benchFloorCmd struct {
	Subscribers []int         `default:"50,500" help:"Subscribers of the one publisher, for each comparison."`
	Rounds      int           `default:"2" help:"How often the two take turns."`
	Duration    time.Duration `default:"8s" help:"How long to measure in each round."`
}

const benchBitrate = 1500000

// Run implements the command.
func (c *benchFloorCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	ours := func(gso bool) bench.Contestant {
		return bench.Contestant{Name: "veche", Start: func(ctx context.Context) (string, string, int, func(), error) {
			child, err := startChild(ctx, sys, "--set", fmt.Sprintf("media.gso=%t", gso))
			if err != nil {
				return "", "", 0, nil, err
			}
			return child.url + "whip/bench-{n}", child.url + "whep/bench-{n}", child.cmd.Process.Pid, child.stop, nil
		}}
	}
	floor := func(ctx context.Context, ports []uint16, gso bool) (int, func(), error) {
		args := []string{"bench", "floor-sender", fmt.Sprintf("--gso=%t", gso)}
		for _, p := range ports {
			args = append(args, strconv.Itoa(int(p)))
		}
		child, err := startSelf(ctx, sys, args...)
		if err != nil {
			return 0, nil, err
		}
		return child.cmd.Process.Pid, child.stop, nil
	}
	o := bench.Options{Publishers: 1, Bitrate: benchBitrate, Light: true, Warmup: 2 * time.Second, Duration: c.Duration, Log: io.Discard}
	return bench.Series{Options: o, Sizes: c.Subscribers, Rounds: c.Rounds, Out: sys.stdout}.Floor(ctx, ours, floor)
}

// benchFloorSenderCmd is the process of the floor.
type benchFloorSenderCmd struct {
	GSO   bool     `name:"gso" help:"With UDP_SEGMENT."`
	Ports []uint16 `arg:"" help:"Where to send to on the loopback interface."`
}

// Run implements the command.
func (c *benchFloorSenderCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	if _, err := fmt.Fprintln(sys.stdout, "sending"); err != nil {
		return err
	}
	return bench.SendFloor(ctx, c.Ports, c.GSO, benchBitrate)
}

// benchGrowthCmd shows whether the cost grows with the number of subscribers and rooms.
type benchGrowthCmd struct {
	Duration time.Duration `default:"8s" help:"How long to measure each size."`
}

// Run implements the command.
func (c *benchGrowthCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	for _, size := range [][2]int{{1, 10}, {1, 50}, {1, 150}, {1, 300}, {1, 600}, {10, 9}, {200, 1}} {
		child, err := startChild(ctx, sys)
		if err != nil {
			return err
		}
		r, err := bench.Run(ctx, bench.Options{
			WHIP: child.url + "whip/bench-{n}", WHEP: child.url + "whep/bench-{n}", PID: child.cmd.Process.Pid, Publishers: size[0],
			Subscribers: size[1], Bitrate: benchBitrate, Light: true, Duration: c.Duration, Warmup: 2 * time.Second, Log: io.Discard,
		})
		child.stop()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(sys.stdout, "%3d publishers x %3d  %s\n", size[0], size[1], r.Line()); err != nil {
			return err
		}
	}
	return c.meeting(ctx, sys, 10)
}

// benchRivalCmd is the process of such an SFU.
type benchRivalCmd struct {
	Interceptors bool `help:"With Pion's default interceptors."`
}

// Run implements the command.
func (c *benchRivalCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	r, err := bench.NewRival(c.Interceptors)
	if err != nil {
		return err
	}
	defer r.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: r, ReadHeaderTimeout: patience}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if _, err := fmt.Fprintf(sys.stdout, "http://%s/\n", l.Addr()); err != nil {
		return err
	}
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// benchSFUCmd measures forwarding, of a server started for it or of any other that speaks WHIP and WHEP.
type benchSFUCmd struct {
	Subscribers int           `default:"50" help:"Subscribers of each publisher."`
	Publishers  int           `default:"1" help:"Publishers, each in a room of its own."`
	Bitrate     int           `default:"1500000" help:"Video of one publisher in bit/s; 50 audio packets a second come on top."`
	Duration    time.Duration `default:"10s" help:"How long to measure."`
	Warmup      time.Duration `default:"2s" help:"How long to wait before that."`
	WHIP        string        `name:"whip" placeholder:"URL" help:"Publish there instead of to a server of our own; {n} is the publisher's number."`
	WHEP        string        `name:"whep" placeholder:"URL" help:"Subscribe there; {n} is the publisher's number."`
	Light       bool          `help:"Subscribers that nominate at once and do not decrypt: they cost little, and latency is not measured."`
	Token       string        `help:"Bearer token for both."`
	PID         int           `name:"pid" help:"Process id of that server, to measure its CPU and memory."`
}

// Run implements the command.
func (c *benchSFUCmd) Run(ctx context.Context, sys *system) error {
	if (c.WHIP == "") != (c.WHEP == "") {
		return errors.New("bench: --whip and --whep go together")
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	o := bench.Options{
		WHIP: c.WHIP, WHEP: c.WHEP, Token: c.Token, PID: c.PID, Publishers: c.Publishers, Subscribers: c.Subscribers,
		Light: c.Light, Bitrate: c.Bitrate, Duration: c.Duration, Warmup: c.Warmup, Log: sys.stderr,
	}
	if c.WHIP == "" {
		child, err := startChild(ctx, sys)
		if err != nil {
			return err
		}
		defer child.stop()
		o.WHIP, o.WHEP, o.PID = child.url+"whip/bench-{n}", child.url+"whep/bench-{n}", child.cmd.Process.Pid
	}
	report, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	return report.Write(sys.stdout)
}

// child is a server in a process of its own, so that what it costs can be told from what the load costs.
type child struct {
	cmd  *exec.Cmd
	url  string
	done chan struct{} // closed when its standard output has ended
}

func startChild(ctx context.Context, sys *system, args ...string) (*child, error) {
	return startSelf(ctx, sys, append([]string{"demo", "--listen", "127.0.0.1:0", "--set", "media.udp=127.0.0.1:0",
		"--set", "media.tcp=", "--set", "limits.pendingPerIP=100000", "--set", "rooms.maxMembers=100000", "--set", "limits.cpu=100"}, args...)...)
}

// startSelf runs this program with a subcommand that prints its URL first.
func startSelf(ctx context.Context, sys *system, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{done: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, self, args...)
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = patience
	c.cmd.Stderr = sys.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	go func() {
		defer close(c.done)
		_, _ = io.Copy(io.Discard, lines)
	}()
	if c.url = strings.TrimSpace(line); err != nil || c.url == "" {
		c.stop()
		return nil, fmt.Errorf("bench: the server did not start: %w", err)
	}
	return c, nil
}

// stop ends the server and waits for it.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	<-c.done
	_ = c.cmd.Wait()
}
