// Command gotest reads what "go test -json" prints and tells it shortly: a line per package, the output
// of what failed, and the sums. It ends non-zero when a test failed or was skipped: where everything
// that tests need has been seen to, a skipped test is one that proves nothing.
//
// With -again DIR a few tests that failed are run once more, each alone, in that directory. One that passes then is
// named "unstable" at the end, with what it said the first time: a defect to be found, but not one of the change at hand.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
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
	lost                    []failure
	unstable                int
}

// failure is a top-level test that failed.
type failure struct{ pkg, test string }

// mostAgain is how many failed tests may be run again; more of them are no accident.
const mostAgain = 5

func newSummary(out io.Writer) *summary {
	return &summary{out: out, pending: make(map[string]*strings.Builder), blamed: make(map[string]bool)}
}

func main() {
	dir := flag.String("again", "", "run tests that failed once more, alone, in this `directory`")
	flag.Parse()
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	if *dir != "" {
		s.again(func(f failure) bool { return alone(*dir, f) })
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
		if !strings.Contains(e.Test, "/") {
			s.lost = append(s.lost, failure{e.Package, e.Test})
		}
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

// again runs what failed once more. Nothing is forgiven if there was more than tests that failed: a panic, a leak, a
// data race, a build.
func (s *summary) again(run func(failure) bool) {
	whole := slices.ContainsFunc(s.loud, func(l string) bool {
		what, _, _ := strings.Cut(l, "\n")
		return strings.Count(what, " ") < 2 || strings.Contains(l, "DATA RACE")
	})
	if whole || len(s.lost) > mostAgain {
		return
	}
	for _, f := range s.lost {
		if !run(f) {
			continue
		}
		s.unstable++
		name := "FAIL " + f.pkg + " " + f.test
		for i, l := range s.loud {
			what, said, _ := strings.Cut(l, "\n")
			if what == name || strings.HasPrefix(what, name+"/") {
				s.loud[i] = "unstable: " + strings.TrimPrefix(what, "FAIL ") + " (passed when run again, alone)\n" + said
				s.failed--
				s.passed++
			}
		}
	}
}

// alone runs one test under the same conditions.
func alone(dir string, f failure) bool {
	cmd := exec.Command("go", "test", "-race", "-count=1", "-timeout", "5m", "-run", "^"+regexp.QuoteMeta(f.test)+"$", f.pkg)
	cmd.Dir = dir
	return cmd.Run() == nil
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
	if s.unstable > 0 {
		fmt.Fprintf(s.out, "unstable: %d, see above\n", s.unstable)
	}
	fmt.Fprintf(s.out, "go test: %d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return s.failed == 0 && s.skipped == 0 && s.passed > 0
}
