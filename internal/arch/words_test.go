package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// forbidden are words that no file of the repository may hold: paths of somebody's machine, notes that
// are not part of the repository, unfinished work, and hosts of package mirrors, which are everybody's
// own affair. They are put together here so that this file does not hold them itself.
var forbidden = []struct {
	name string
	is   *regexp.Regexp
}{
	{"a path of somebody's machine", regexp.MustCompile(`(^|[^\w.~$}-])/(` + `work|home/\w+|Users/\w+|root` + `)/`)},
	{"a folder outside the repository", regexp.MustCompile(`\b` + `shared/(reference|tools|experiments|DESIGN|PATTERNS)`)},
	{"a note outside the repository", regexp.MustCompile(`\b(` + `DESIGN|PATTERNS)(\.md| §)`)},
	{"unfinished work", regexp.MustCompile(`\b(` + `TO` + `DO|FIX` + `ME|HA` + `CK|X` + `XX)\b`)},
	{"the host of a package registry", regexp.MustCompile(`\b(` + `proxy\.golang\.org|registry\.npm|deb\.debian\.org|pypi\.org|sum\.golang\.org` + `)`)},
}

// wordFiles are the kinds of file that people read or write.
var wordFiles = []string{".go", ".md", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".sh", ".yaml", ".yml", ".json", ".mod", ".txt", ""}

func wordProblems(path, text string) []string {
	var bad []string
	number := 0
	for line := range strings.Lines(text) {
		number++
		for _, f := range forbidden {
			if hit := f.is.FindString(line); hit != "" {
				bad = append(bad, fmt.Sprintf("%s:%d: %s: %q", path, number, f.name, strings.TrimSpace(hit)))
			}
		}
	}
	return bad
}

// lockProblems: a lock file that names a mirror works for its author only; npm writes none with
// --omit-lockfile-registry-resolved.
func lockProblems(path string, text []byte) []string {
	var lock struct {
		Packages map[string]struct{ Resolved string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	var bad []string
	for name, p := range lock.Packages {
		if strings.Contains(p.Resolved, "://") {
			bad = append(bad, fmt.Sprintf("%s: %s is resolved to a host, see omit-lockfile-registry-resolved", path, name))
		}
	}
	return bad
}

func TestWords(t *testing.T) {
	var bad []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skip(d.Name()) && d.Name() != "testdata":
			return filepath.SkipDir
		case d.IsDir() || !d.Type().IsRegular() || !slices.Contains(wordFiles, filepath.Ext(p)):
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
			return nil // not text
		}
		if d.Name() == "package-lock.json" {
			bad = append(bad, lockProblems(p, text)...)
			return nil
		}
		bad = append(bad, wordProblems(p, string(text))...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	report(t, bad)
}

func TestWordRulesBite(t *testing.T) {
	for _, text := range []string{
		"see /wo" + "rk/main/x", "in " + "/ho" + "me/ann/x", "/ro" + "ot/go", "shar" + "ed/reference/a.md", "DES" + "IGN §6", "PATT" + "ERNS.md",
		"// TO" + "DO: later", "# FIX" + "ME", "GOPROXY=https://proxy" + ".golang.org", "https://registry" + ".npmjs.org/x",
	} {
		if len(wordProblems("f", text)) == 0 {
			t.Errorf("nobody minds %q", text)
		}
	}
	for _, text := range []string{"./web/work/list", "homework/", "mktemp -d x.XXXXXX", "~/.config", "a shared/common folder", "$HOME/go", "a TODOS list"} {
		if bad := wordProblems("f", text); bad != nil {
			t.Errorf("%q is fine: %q", text, bad)
		}
	}
	mustBite(t, lockProblems("package-lock.json", []byte(`{"packages": {"x": {"resolved": "https://mirror.example/x.tgz"}, "y": {"resolved": "y"}}}`)), "x is resolved")
	mustBite(t, lockProblems("package-lock.json", []byte(`{`)), "package-lock.json")
}
