// Package ffmpeg runs the program of that name as a supervised child, where codecs leave no other way. Nothing needs it
// until then, and what needs it says so when it is not there.
package ffmpeg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// ErrMissing: there is no ffmpeg in the PATH.
var ErrMissing = errors.New("ffmpeg: not installed")

const (
	// grace is how long a child may take to finish after its input has ended or its context is done.
	grace = 3 * time.Second
	// keptLines of what a child complains about go into the error.
	keptLines = 5
	maxLine   = 400
)

// Missing is ErrMissing with the words for the operator: what does not work without it.
func Missing(feature string) error {
	return fmt.Errorf("%w: %s needs it (apt install ffmpeg)", ErrMissing, feature)
}

// Find tells where ffmpeg is; the error is that of Missing.
func Find(feature string) (string, error) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return "", Missing(feature)
	}
	return path, nil
}

// Child is one run.
type Child struct {
	Feature string   // for what, in words: it is in errors and logs
	Args    []string // without the program and its verbosity
	Log     *slog.Logger
	// Feed writes the child's input and returns at its end, or when writing fails. nil = no input.
	Feed func(ctx context.Context, w io.Writer) error
	// Take reads the child's output to its end. nil = there is none.
	Take func(r io.Reader) error
}

// Run runs the child until it ends by itself, Feed has ended and the rest has been taken, or ctx is done, when it is killed
// after a moment. It waits for everything that it has started. The error is nil only if the child ended well; it is that
// of ctx if that was the cause, else it has the child's last words.
func (c Child) Run(ctx context.Context) error {
	path, err := Find(c.Feature)
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(inner, path, append([]string{"-hide_banner", "-nostdin", "-loglevel", "warning"}, c.Args...)...)
	cmd.WaitDelay = grace
	isolate(cmd)
	words := &tail{}
	cmd.Stderr = words
	var in io.WriteCloser
	var out io.ReadCloser
	if c.Feed != nil {
		if in, err = cmd.StdinPipe(); err != nil {
			return err
		}
	}
	if c.Take != nil {
		if out, err = cmd.StdoutPipe(); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("ffmpeg: %s: %w", c.Feature, err)
	}
	c.Log.Debug("ffmpeg began", "for", c.Feature, "pid", cmd.Process.Pid)
	var wg sync.WaitGroup
	var fed, taken error
	if c.Feed != nil {
		wg.Go(func() {
			fed = c.Feed(inner, in)
			_ = in.Close() // the child reads the rest
		})
	}
	if c.Take != nil {
		buffered := bufio.NewReaderSize(out, 64<<10)
		if taken = c.Take(buffered); taken != nil {
			cancel() // nobody reads what it writes
		}
		_, _ = io.Copy(io.Discard, buffered)
	}
	err = cmd.Wait()
	cancel() // for Feed
	wg.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case taken != nil:
		return fmt.Errorf("ffmpeg: %s: %w", c.Feature, taken)
	case err != nil:
		return fmt.Errorf("ffmpeg: %s: %w: %s", c.Feature, err, words)
	case fed != nil:
		return fmt.Errorf("ffmpeg: %s: %w", c.Feature, fed)
	}
	return nil
}

// tail keeps the last lines written to it.
type tail struct {
	mu    sync.Mutex // guards the following
	lines []string
	rest  string
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest += string(b)
	for {
		line, rest, ok := strings.Cut(t.rest, "\n")
		if !ok {
			break
		}
		t.rest = rest
		t.lines = append(t.lines, line[:min(len(line), maxLine)])
	}
	t.lines = t.lines[max(len(t.lines)-keptLines, 0):]
	t.rest = t.rest[max(len(t.rest)-maxLine, 0):]
	return len(b), nil
}

// String gives them in one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.Join(t.lines, " | ") + " " + t.rest)
}
