package arch

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

// minDocumented is the share of exported names that must have a comment.
const minDocumented = 0.95

// packageDocProblems wants one file per package to open with "Package x …" (a program: with its name).
func packageDocProblems(tr *tree) []string {
	docs := make(map[string][]string)
	names := make(map[string]string)
	for _, f := range tr.files {
		name := f.ast.Name.Name
		if f.test() && (strings.HasSuffix(name, "_test") || f.dir() != "internal/arch") {
			continue // internal/arch is the one package of tests only
		}
		names[f.dir()] = name
		if f.ast.Doc == nil {
			continue
		}
		docs[f.dir()] = append(docs[f.dir()], f.ast.Doc.Text())
	}
	var bad []string
	for dir, name := range names {
		want := "Package " + name + " "
		if name == "main" {
			want = "" // what programs are called is up to them
		}
		switch d := docs[dir]; {
		case len(d) != 1:
			bad = append(bad, fmt.Sprintf("%s: %d files have a package comment, one must", dir, len(d)))
		case !strings.HasPrefix(d[0], want):
			bad = append(bad, fmt.Sprintf("%s: the package comment must begin with %q", dir, want))
		}
	}
	return bad
}

// undocumented lists exported names without a comment, and how many exported names there are.
func undocumented(tr *tree) (missing []string, total int) {
	note := func(name *ast.Ident, documented bool) {
		if !name.IsExported() {
			return
		}
		total++
		if !documented {
			missing = append(missing, fmt.Sprintf("%s: %s has no comment", tr.set.Position(name.Pos()), name.Name))
		}
	}
	for _, f := range tr.files {
		if f.test() || f.isMain() {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || ast.IsExported(receiver(d)) {
					note(d.Name, d.Doc != nil)
				}
			case *ast.GenDecl:
				specs(d, note)
			}
		}
	}
	return missing, total
}

// specs looks at types, constants and variables; the comment of a group counts for each of its values.
func specs(d *ast.GenDecl, note func(*ast.Ident, bool)) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			note(s.Name, s.Doc != nil || d.Doc != nil && len(d.Specs) == 1)
			if iface, ok := s.Type.(*ast.InterfaceType); ok && s.Name.IsExported() {
				for _, m := range iface.Methods.List {
					for _, name := range m.Names {
						note(name, m.Doc != nil || m.Comment != nil || len(iface.Methods.List) == 1 && (s.Doc != nil || d.Doc != nil))
					}
				}
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				note(name, s.Doc != nil || s.Comment != nil || d.Doc != nil)
			}
		}
	}
}

func TestPackageComments(t *testing.T) { report(t, packageDocProblems(parse(t))) }

func TestExportedComments(t *testing.T) {
	missing, total := undocumented(parse(t))
	share := 1 - float64(len(missing))/float64(max(total, 1))
	t.Logf("%d of %d exported names have a comment (%.1f %%)", total-len(missing), total, 100*share)
	if share < minDocumented {
		report(t, missing)
	}
}

func TestCommentRulesBite(t *testing.T) {
	tr := snippets(t, map[string]string{
		"none/a.go":  "package none\n",
		"twice/a.go": "// Package twice is.\npackage twice\n",
		"twice/b.go": "// Package twice is.\npackage twice\n",
		"wrong/a.go": "// This is wrong.\npackage wrong\n",
		"good/a.go": "// Package good is.\npackage good\nfunc Bare() {}\ntype t struct{}\nfunc (t) Hidden() {}\n" +
			"// Group.\nconst (\nOne = 1\nTwo = 2\n)\n// I is.\ntype I interface {\nA()\nB() // said\n}\n// G is.\ntype G[T any] struct{}\nfunc (*G[T]) Method() {}\n",
		"cmd/a.go": "// Command cmd does.\npackage main\nfunc Free() {}\n",
	})
	mustBite(t, packageDocProblems(tr), "none: 0", "twice: 2", "wrong: the package comment")
	missing, total := undocumented(tr)
	mustBite(t, missing, ": Bare has", ": A has", ": Method has")
	if len(missing) != 3 || total != 8 {
		t.Errorf("%d of %d: %q", len(missing), total, missing)
	}
}
