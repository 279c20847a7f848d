package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"veche.example/internal/vtest"
)

// asProgram makes the test binary behave like the program, for tests that need a real process.
const asProgram = "RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// fake is a system whose configuration folder is empty.
type fake struct {
	*system
	out, err *syncBuffer
	dir      string
}

func newFake(t *testing.T, environ ...string) *fake {
	t.Helper()
	f := &fake{out: &syncBuffer{}, err: &syncBuffer{}, dir: t.TempDir()}
	f.system = &system{f.out, f.err, environ, func() (string, error) { return f.dir, nil }}
	return f
}

// syncBuffer is a buffer that a running command writes and a test reads.
type syncBuffer struct {
	mu sync.Mutex // guards the following
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String is what was written so far.
func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// line is a writer whose first line can be waited for.
type line struct {
	io.Writer
	first chan string
}

// firstLine sends what is written on, and its first line into the channel.
func firstLine(to io.Writer) *line {
	r, w := io.Pipe()
	l := &line{Writer: w, first: make(chan string, 1)}
	go func() {
		s := bufio.NewScanner(r)
		if s.Scan() {
			l.first <- s.Text()
		}
		for {
			_, _ = to.Write(append(s.Bytes(), '\n')) // a buffer
			if !s.Scan() {
				return
			}
		}
	}()
	return l
}

// wait returns the first line.
func (l *line) wait(t *testing.T, failed <-chan int, stderr *syncBuffer) string {
	t.Helper()
	select {
	case text := <-l.first:
		return text
	case code := <-failed:
		t.Fatalf("the command ended with status %d: %s", code, stderr)
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing on standard output; standard error: %s", stderr)
	}
	return ""
}

func TestCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args     []string
		status   int
		out, err string
	}{
		"version":            {[]string{"version"}, 0, "veche devel", ""},
		"nothing":            {nil, 2, "", "expected one of"},
		"unknown command":    {[]string{"fly"}, 2, "", "fly"},
		"unknown flag":       {[]string{"version", "--loud"}, 2, "", "--loud"},
		"bad value":          {[]string{"token", "--room", "a", "--ttl", "soon"}, 2, "", "soon"},
		"bad role":           {[]string{"token", "--room", "a", "--role", "king"}, 2, "", "king"},
		"serve, no secret":   {[]string{"serve"}, 1, "", "auth.secret: missing"},
		"serve, unknown key": {[]string{"serve", "--set", "http.lisen=:1", "--set", "auth.openRooms=true"}, 1, "", "did you mean http.listen?"},
		"serve, no file":     {[]string{"serve", "--config", "/nowhere/x.yaml"}, 1, "", "/nowhere/x.yaml"},
		"serve --check":      {[]string{"serve", "--check", "--set", "auth.secret=" + secret, "--listen", ":1"}, 0, `listen: ":1"`, ""},
		"serve, no certificate": {[]string{"serve", "--set", "auth.secret=" + secret, "--set", "http.tls.cert=/nowhere/c", "--set", "http.tls.key=/nowhere/k"}, 1, "",
			"http.tls.cert"},
		"demo, bad address": {[]string{"demo", "--listen", "8080"}, 1, "", "HOST:PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			status := run(t.Context(), c.args, f.system)
			if status != c.status || !strings.Contains(f.out.String(), c.out) || !strings.Contains(f.err.String(), c.err) {
				t.Errorf("status %d\nstandard output: %s\nstandard error: %s", status, f.out, f.err)
			}
			if strings.Contains(f.out.String()+f.err.String(), secret) {
				t.Error("the secret is shown")
			}
		})
	}
}

func TestWritePrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := writePrivate(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := writePrivate(path, []byte("two")); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left over: %v %v", entries, err)
	}
}

func TestDemoSecret(t *testing.T) {
	f := newFake(t)
	first, err := demoSecret(f.configDir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := demoSecret(f.configDir)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("%q, then %q, %v", first, again, err)
	}
	other, err := demoSecret(newFake(t).configDir)
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("two machines have the same secret, %v", err)
	}
	path := filepath.Join(f.dir, "veche", "demo.secret")
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demoSecret(f.configDir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := demoSecret(func() (string, error) { return "", errors.New("no home") }); err == nil {
		t.Error("no folder, no error")
	}
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	return portOf(l.Addr().String())
}

// started is the program as a process of its own.
func started(t *testing.T, dir string, args ...string) (*exec.Cmd, *line, *syncBuffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "XDG_CONFIG_HOME="+dir)
	out, stderr := firstLine(io.Discard), &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out, stderr
}

func TestSignalEndsTheProgram(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, out, stderr := started(t, t.TempDir(), "demo", "--listen", "localhost:0")
			out.wait(t, nil, stderr)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, stderr)
			}
		})
	}
}

// TestRestart: who is in a room when the program is told to end hears why, and is the same person again in its successor,
// whose secret is the same.
func TestRestart(t *testing.T) {
	dir, listen := t.TempDir(), "localhost:"+freePort(t)
	begin := func() (*exec.Cmd, string, *syncBuffer) {
		cmd, out, stderr := started(t, dir, "demo", "--listen", listen)
		return cmd, out.wait(t, nil, stderr), stderr
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd, url, stderr := begin()
	var people []*vtest.Client
	for _, b := range []vtest.Bot{{Name: "boss"}, {Name: "speaker", Publish: true}, {Name: "viewer", Viewer: true}} {
		b.URL, b.Room = url, "r"
		c, err := b.Join(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		people = append(people, c)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, c := range people {
		if err := c.Until(ctx, func(s vtest.State) bool { return s.Bye != nil && s.Bye.Code == "shutdown" }); err != nil {
			t.Errorf("not told: %v, %+v", err, c.State().Bye)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
	cmd, url, stderr = begin()
	for i := len(people) - 1; i >= 0; i-- { // the moderator comes last
		was := people[i].Welcome()
		c, err := vtest.Bot{URL: url, Room: "r", Resume: was.Resume, Publish: was.You.State.Mic}.Join(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if is := c.Welcome(); is.You.ID != was.You.ID || is.You.Role != was.You.Role || is.You.Name != was.You.Name || is.You.State != was.You.State || is.Resumed != "restored" {
			t.Errorf("%+v came back as %+v (%s)", was.You, is.You, is.Resumed)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
}
