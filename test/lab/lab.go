// Package lab is for tests that need networks of their own: a star of network namespaces with NATs, firewalls, loss and
// delay, made by netns.sh, and programs that run in them.
//
// A test starts parts of itself in the namespaces: Main runs the role a child process was started for.
package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tools are what netns.sh needs.
var tools = []string{"ip", "nft", "tc", "ethtool", "bash"}

// roleEnv tells a child process its role.
const roleEnv = "VECHE_LAB_ROLE"

// Main runs the tests, or in a child process its role. Call it from TestMain; it does not return in a child.
func Main(m *testing.M, roles map[string]func(in *json.Decoder, out *json.Encoder) error) int {
	name := os.Getenv(roleEnv)
	if name == "" {
		return m.Run()
	}
	role := roles[name]
	if role == nil {
		fmt.Fprintf(os.Stderr, "no role %q\n", name)
		os.Exit(2)
	}
	if err := role(json.NewDecoder(bufio.NewReader(os.Stdin)), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	os.Exit(0)
	return 0
}

var stars atomic.Int32

// Star is a hub with legs to clients, see netns.sh. It belongs to one test.
type Star struct {
	t      testing.TB
	prefix string
	script string
}

// NewStar makes a star with clients 1 to n, taken down with the test. Without root the test is skipped; a missing tool
// fails it.
func NewStar(t testing.TB, n int) *Star {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("prerequisite missing: %s", tool)
		}
	}
	_, here, _, _ := runtime.Caller(0)
	s := &Star{
		t: t, script: filepath.Join(filepath.Dir(here), "netns.sh"),
		prefix: fmt.Sprintf("v%x%x", os.Getpid()&0xfff, stars.Add(1)),
	}
	t.Cleanup(func() { s.Do("down") })
	s.Do("up", fmt.Sprint(n))
	return s
}

// Do runs one command of netns.sh; failing fails the test.
func (s *Star) Do(args ...string) {
	s.t.Helper()
	if out, err := s.command(args...).CombinedOutput(); err != nil {
		s.t.Fatalf("netns.sh %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (s *Star) command(args ...string) *exec.Cmd {
	c := exec.Command(s.script, args...)
	c.Env = append(os.Environ(), "NS_PREFIX="+s.prefix)
	return c
}

// Child is a child process in a role. It is used by the test's goroutine only.
type Child struct {
	t    testing.TB
	name string
	in   *json.Encoder
	out  chan json.RawMessage
}

// exitTime is how long a child may take to end after its standard input is closed.
const exitTime = 10 * time.Second

// Start runs this test binary again in a role, in the hub ("h") or the client of a number. The child ends when its
// standard input is closed, which is done with the test.
func (s *Star) Start(who, role string) *Child {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command("exec", who, self)
	cmd.Env = append(cmd.Env, roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		s.t.Fatal(err1, err2)
	}
	if err = cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	c := &Child{t: s.t, name: role + " in " + who, in: json.NewEncoder(stdin), out: make(chan json.RawMessage, 16)}
	go c.read(stdout)
	s.t.Cleanup(func() {
		_ = stdin.Close()
		timer := time.AfterFunc(exitTime, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		for range c.out { // until it has closed its standard output
		}
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("%s: %v", c.name, err)
		}
	})
	return c
}

func (c *Child) read(stdout io.Reader) {
	defer close(c.out)
	d := json.NewDecoder(stdout)
	for {
		var m json.RawMessage
		if d.Decode(&m) != nil {
			return
		}
		c.out <- m
	}
}

// Send gives the child a message.
func (c *Child) Send(v any) {
	c.t.Helper()
	if err := c.in.Encode(v); err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
}

// Receive takes the child's next message; the test fails if there is none in time.
func (c *Child) Receive(v any, within time.Duration) {
	c.t.Helper()
	select {
	case m, ok := <-c.out:
		if !ok {
			c.t.Fatalf("%s has ended", c.name)
		}
		if err := json.Unmarshal(m, v); err != nil {
			c.t.Fatalf("%s: %v", c.name, err)
		}
	case <-time.After(within):
		c.t.Fatalf("%s says nothing within %v", c.name, within)
	}
}
