package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"veche.example/internal/bench"
	"veche.example/internal/bench/audience"
)

// benchHLSCmd compares with nginx.
type benchHLSCmd struct {
	Viewers  []int         `default:"100,1000,5000" help:"Viewers, each on a connection that is kept."`
	Rate     int           `default:"3000" help:"Requests per second of all viewers together, at most: with more viewers each asks less often."`
	Bitrate  string        `default:"300k" help:"Of the picture."`
	Duration time.Duration `default:"10s" help:"How long to measure."`
	Nginx    string        `default:"nginx" help:"The other server's program."`
	Alone    bool          `help:"Without the other server."`
}

// Run implements the command.
func (c *benchHLSCmd) Run(ctx context.Context, sys *system) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	for _, n := range c.Viewers {
		var results []audience.Result
		for _, rival := range []bool{false, true} {
			if rival && c.Alone {
				continue
			}
			r, err := c.measure(ctx, sys, n, rival)
			if err != nil {
				return err
			}
			results = append(results, r)
			if _, err := fmt.Fprintf(sys.stdout, "%5d viewers  %-6s %s\n", n, map[bool]string{false: "veche", true: "nginx"}[rival], r); err != nil {
				return err
			}
		}
		if len(results) == 2 {
			_, err := fmt.Fprintf(sys.stdout, "%5d viewers  ratio  memory per viewer %.2f, CPU per request %.2f\n", n,
				results[0].PerViewer/results[1].PerViewer, float64(results[0].CPU)/float64(results[1].CPU))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// measure starts everything anew, so that no server has the memory of a run before.
func (c *benchHLSCmd) measure(ctx context.Context, sys *system, viewers int, rival bool) (audience.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	port, err := unusedPort(ctx)
	if err != nil {
		return audience.Result{}, err
	}
	child, err := startChild(ctx, sys, "--set", "streams.rtmp=127.0.0.1:"+port)
	if err != nil {
		return audience.Result{}, err
	}
	defer child.stop()
	push := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", c.Bitrate, "-maxrate", c.Bitrate, "-bufsize", c.Bitrate, "-g", "50",
		"-pix_fmt", "yuv420p", "-f", "flv", "rtmp://127.0.0.1:"+port+"/live/bench")
	if err := push.Start(); err != nil {
		return audience.Result{}, err
	}
	defer func() {
		_ = push.Process.Kill()
		_ = push.Wait()
	}()
	playlist := child.url + "hls/bench/video.m3u8"
	if err := playable(ctx, playlist); err != nil {
		return audience.Result{}, err
	}
	t := audience.Target{Name: "veche", Host: hostOf(child.url), Path: "/hls/bench/video.m3u8", Blocking: true, PID: child.cmd.Process.Pid}
	if rival {
		var end func()
		if t, end, err = c.startNginx(ctx, playlist); err != nil {
			return audience.Result{}, err
		}
		defer end()
	}
	const perTurn = 2 // a playlist and a part
	every := max(400*time.Millisecond, time.Duration(viewers*perTurn)*time.Second/time.Duration(c.Rate))
	return audience.Run(ctx, t, audience.Load{Viewers: viewers, Every: every, Duration: c.Duration}, bench.Usage)
}

// startNginx serves a copy of what a playlist names.
func (c *benchHLSCmd) startNginx(ctx context.Context, playlist string) (audience.Target, func(), error) {
	dir, err := os.MkdirTemp("", "veche-nginx")
	if err != nil {
		return audience.Target{}, nil, err
	}
	port, err := unusedPort(ctx)
	if err != nil {
		return audience.Target{}, nil, errors.Join(err, os.RemoveAll(dir))
	}
	// One process, so that what it needs is known; else as Debian's nginx comes.
	config := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;\nevents { worker_connections 20000; }\n"+
		"http { include /etc/nginx/mime.types; access_log off; sendfile on; tcp_nopush on; keepalive_timeout 1h; keepalive_requests 1000000;\n"+
		"server { listen 127.0.0.1:%[2]s backlog=4096; location / { root %[1]s; } } }\n", dir, port)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		return audience.Target{}, nil, errors.Join(err, os.RemoveAll(dir))
	}
	cmd := exec.CommandContext(ctx, c.Nginx, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir)
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGTERM) }, patience
	ready, done := make(chan struct{}), make(chan error, 1)
	mirror, cancel := context.WithCancel(ctx)
	go func() { done <- audience.Mirror(mirror, playlist, dir, func() { close(ready) }) }()
	end := func() {
		cancel()
		<-done
		if cmd.Process != nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
		_ = os.RemoveAll(dir)
	}
	select {
	case <-ready:
	case err := <-done:
		done <- err
		end()
		return audience.Target{}, nil, err
	}
	if err := cmd.Start(); err != nil {
		end()
		return audience.Target{}, nil, fmt.Errorf("bench: nginx (apt install nginx-light): %w", err)
	}
	t := audience.Target{Name: "nginx", Host: "127.0.0.1:" + port, Path: "/video.m3u8", PID: cmd.Process.Pid}
	if err := playable(ctx, "http://"+t.Host+t.Path); err != nil {
		end()
		return audience.Target{}, nil, err
	}
	return t, end, nil
}

// playable waits until a URL gives something.
func playable(ctx context.Context, url string) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(res.Status)
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("bench: %s: %w", url, err)
		}
	}
}

// unusedPort is a TCP port that nobody has at the moment.
func unusedPort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return portOf(l.Addr().String()), l.Close()
}

// hostOf is HOST:PORT of a URL.
func hostOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
