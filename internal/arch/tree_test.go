// Package arch holds no code but tests that keep the house in order: who may import whom, how big
// things may grow, that everything is documented, and words that do not belong here.
//
// The sources are parsed with go/parser: a test that ran the go command could be served stale by the
// test cache, which knows of the files a test opens, but not of those that other programs do.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "veche.example"
)

// tree is the parsed repository.
type tree struct {
	set   *token.FileSet
	files []*source
}

// source is one Go file.
type source struct {
	path  string // from the root, with slashes
	lines int
	ast   *ast.File
}

func (s *source) dir() string  { return path.Dir(s.path) }
func (s *source) test() bool   { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) isMain() bool { return s.ast.Name.Name == "main" }

// skip are folders that hold nothing of ours, or nothing written by hand.
func skip(name string) bool {
	return slices.Contains([]string{".git", "node_modules", "testdata", "dist", "out", "bin"}, name)
}

// parse reads every Go file of the module, whatever its build tags.
func parse(t *testing.T) *tree {
	t.Helper()
	tr := &tree{set: token.NewFileSet()}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (skip(d.Name()) || p != root && exists(filepath.Join(p, "go.mod"))):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(p) != ".go":
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		return tr.add(filepath.ToSlash(rel), string(text))
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.files) == 0 {
		t.Fatal("no Go files found")
	}
	return tr
}

// snippets is a tree of made-up files, to see that a rule bites.
func snippets(t *testing.T, files map[string]string) *tree {
	t.Helper()
	tr := &tree{set: token.NewFileSet()}
	for name, text := range files {
		if err := tr.add(name, text); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func (tr *tree) add(name, text string) error {
	f, err := parser.ParseFile(tr.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	tr.files = append(tr.files, &source{path: name, lines: strings.Count(text, "\n"), ast: f})
	return nil
}

// packages lists the folders with code in order, with their files other than tests.
func (tr *tree) packages() map[string][]*source {
	all := make(map[string][]*source)
	for _, f := range tr.files {
		if !f.test() {
			all[f.dir()] = append(all[f.dir()], f)
		}
	}
	return all
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// report fails the test once per problem, in order.
func report(t *testing.T, problems []string) {
	t.Helper()
	slices.Sort(problems)
	for _, p := range problems {
		t.Error(p)
	}
}

// mustBite fails unless every one of the parts is in some problem.
func mustBite(t *testing.T, problems []string, parts ...string) {
	t.Helper()
	all := strings.Join(problems, "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			t.Errorf("nobody complains about %q, only:\n%s", p, all)
		}
	}
}
