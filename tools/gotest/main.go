// Command gotest reads what "go test -json" prints and tells it shortly: a line per package, the output
// of what failed, and the sums. It ends non-zero when a test failed or was skipped: where everything
// that tests need has been seen to, a skipped test is one that proves nothing.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// event is a line of go test -json, see go doc test2json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// summary collects what happened.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	pending                 map[string]*strings.Builder // output of tests that run
	blamed                  map[string]bool             // packages with a failed test
	loud                    []string                    // what to show at the end
}

func main() {
	s := &summary{out: os.Stdout, pending: make(map[string]*strings.Builder), blamed: make(map[string]bool)}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	if !s.finish() {
		os.Exit(1)
	}
}

func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprint(s.out, string(line)) // a message of the go command itself
			} else {
				s.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) take(e event) {
	key := e.Package + " " + e.Test
	if e.Action == "build-output" {
		fmt.Fprint(s.out, e.Output)
		return
	}
	if e.Action == "output" {
		if s.pending[key] == nil {
			s.pending[key] = new(strings.Builder)
		}
		s.pending[key].WriteString(e.Output)
		return
	}
	if !slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
		return
	}
	said := ""
	if b := s.pending[key]; b != nil {
		said = b.String()
	}
	delete(s.pending, key)
	switch {
	case e.Test == "":
		s.pack(e, said)
	case e.Action == "pass":
		s.passed++
	case e.Action == "fail":
		s.failed++
		s.blamed[e.Package] = true
		s.loud = append(s.loud, "FAIL "+key+"\n"+said)
	case e.Action == "skip" && strings.Contains(said, "part of Benchmark"): // the other process of one
	case e.Action == "skip":
		s.skipped++
		s.loud = append(s.loud, "SKIP "+key+"\n"+said)
	}
}

// pack is the end of a package; one without tests is skipped as a whole.
func (s *summary) pack(e event, said string) {
	if e.Action == "skip" {
		return
	}
	word := map[string]string{"pass": "ok  ", "fail": "FAIL"}[e.Action]
	fmt.Fprintf(s.out, "%s %-48s %6.1f s\n", word, e.Package, e.Elapsed)
	if e.Action == "fail" && !s.blamed[e.Package] { // a panic, a leak that TestMain found, a build that failed
		s.failed++
		s.loud = append(s.loud, "FAIL "+e.Package+"\n"+said)
	}
}

// finish prints the sums and tells whether all is well.
func (s *summary) finish() bool {
	for _, key := range slices.Sorted(maps.Keys(s.pending)) { // tests that never ended
		if !strings.HasSuffix(key, " ") && s.failed > 0 {
			s.loud = append(s.loud, "UNFINISHED "+key+"\n"+s.pending[key].String())
		}
	}
	for _, l := range s.loud {
		fmt.Fprintln(s.out, "\n"+l)
	}
	fmt.Fprintf(s.out, "go test: %d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return s.failed == 0 && s.skipped == 0 && s.passed > 0
}
