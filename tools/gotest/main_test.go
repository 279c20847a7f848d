package main

import (
	"bytes"
	"strings"
	"testing"
)

// told is what go test -json prints, shortened.
const told = `{"Action":"output","Package":"p","Test":"TestA","Output":"a said\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB/sub","Output":"b said\n"}
{"Action":"fail","Package":"p","Test":"TestB/sub"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
`

func TestAgain(t *testing.T) {
	for name, c := range map[string]struct {
		in       string
		passes   string // when run again
		ok       bool
		sums     string
		contains string
	}{
		"none passes":  {told, "", false, "1 passed, 3 failed, 0 skipped", "FAIL p TestA"},
		"one passes":   {told, "TestA", false, "2 passed, 2 failed, 0 skipped", "unstable: p TestA (passed when run again, alone)\na said"},
		"both pass":    {told, "TestA TestB", true, "4 passed, 0 failed, 0 skipped", "unstable: 2, see above"},
		"a leak too":   {told + `{"Action":"fail","Package":"q"}` + "\n", "TestA TestB", false, "1 passed, 4 failed, 0 skipped", "FAIL q"},
		"a data race":  {strings.Replace(told, "a said", "WARNING: DATA RACE", 1), "TestA TestB", false, "1 passed, 3 failed, 0 skipped", "FAIL p TestA"},
		"skipped":      {`{"Action":"skip","Package":"p","Test":"TestA"}` + "\n", "TestA", false, "0 passed, 0 failed, 1 skipped", "SKIP p TestA"},
		"nothing ran":  {"", "", false, "0 passed, 0 failed, 0 skipped", ""},
		"a build":      {`{"Action":"build-output","Output":"no such thing\n"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n", "TestA", false, "0 passed, 1 failed", "no such thing"},
		"all is well":  {`{"Action":"pass","Package":"p","Test":"TestA"}` + "\n", "", true, "1 passed, 0 failed, 0 skipped", ""},
		"too many":     {strings.Repeat(`{"Action":"fail","Package":"p","Test":"TestA"}`+"\n", mostAgain+1), "TestA", false, "6 failed", ""},
		"other output": {"go: warning\n" + told, "", false, "3 failed", "go: warning"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s := newSummary(&out)
			if err := s.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			s.again(func(f failure) bool { return strings.Contains(c.passes, f.test) })
			if ok := s.finish(); ok != c.ok || !strings.Contains(out.String(), c.sums) || !strings.Contains(out.String(), c.contains) {
				t.Errorf("%v\n%s", ok, out.String())
			}
		})
	}
}
