package arch

import (
	"fmt"
	"go/ast"
	"testing"
)

// The budgets. Tests are lists of cases and may be longer.
const (
	maxFile      = 500 // lines
	maxTestFile  = 800
	maxFunction  = 80 // lines of the body
	maxTestFunc  = 160
	maxParams    = 5
	maxInterface = 4 // methods
	maxMethods   = 25
	maxFields    = 25
	maxPackage   = 3000 // lines of a package without its tests
	maxFanOut    = 9    // packages of ours that one imports; the program and its root are exempt
)

// larger are types and packages that are over a budget, each with the number it may have: not to be copied, and to be
// lowered when they shrink.
var larger = map[string]int{
	"internal/sfu.Slot":    28,   // methods: the surface of one RTP section, half of it one-line getters
	"internal/udp":         3600, // lines: batches, sinks, lanes and outlets share what no other package may see
	"internal/session":     3300, // lines: one worker decides what everybody sends and is sent
	"internal/wsconn.Conn": 32,   // methods: reader, writer, keeper and closer of one connection
}

func sizeProblems(tr *tree) []string {
	var bad []string
	methods := make(map[string]int)
	for _, f := range tr.files {
		longest, function := maxFile, maxFunction
		if f.test() {
			longest, function = maxTestFile, maxTestFunc
		}
		if f.lines > longest {
			bad = append(bad, fmt.Sprintf("%s has %d lines, %d are allowed", f.path, f.lines, longest))
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				bad = append(bad, funcProblems(tr, f, n, function)...)
				if n.Recv != nil && !f.test() {
					methods[f.dir()+"."+receiver(n)]++
				}
			case *ast.InterfaceType:
				if got := len(n.Methods.List); got > maxInterface {
					bad = append(bad, fmt.Sprintf("%s: an interface with %d methods, %d are allowed", tr.set.Position(n.Pos()), got, maxInterface))
				}
			case *ast.StructType:
				if got := count(n.Fields); got > maxFields {
					bad = append(bad, fmt.Sprintf("%s: a struct with %d fields, %d are allowed", tr.set.Position(n.Pos()), got, maxFields))
				}
			}
			return true
		})
	}
	for name, n := range methods {
		most := max(maxMethods, larger[name])
		if n > most {
			bad = append(bad, fmt.Sprintf("%s has %d methods, %d are allowed", name, n, most))
		}
	}
	return append(bad, packageProblems(tr)...)
}

func funcProblems(tr *tree, f *source, fn *ast.FuncDecl, most int) []string {
	var bad []string
	if fn.Body != nil {
		lines := tr.set.Position(fn.Body.End()).Line - tr.set.Position(fn.Body.Pos()).Line
		if lines > most {
			bad = append(bad, fmt.Sprintf("%s: %s has %d lines, %d are allowed", tr.set.Position(fn.Pos()), fn.Name.Name, lines, most))
		}
	}
	if got := count(fn.Type.Params); got > maxParams && !f.test() {
		bad = append(bad, fmt.Sprintf("%s: %s has %d parameters, %d are allowed", tr.set.Position(fn.Pos()), fn.Name.Name, got, maxParams))
	}
	return bad
}

func packageProblems(tr *tree) []string {
	var bad []string
	for dir, files := range tr.packages() {
		lines := 0
		used := make(map[string]bool)
		for _, f := range files {
			lines += f.lines
			ours, _ := imports(f)
			for _, name := range ours {
				used[name] = true
			}
		}
		if most := max(maxPackage, larger[dir]); lines > most {
			bad = append(bad, fmt.Sprintf("%s has %d lines, %d are allowed", dir, lines, most))
		}
		if len(used) > maxFanOut && dir != "." && !files[0].isMain() {
			bad = append(bad, fmt.Sprintf("%s imports %d packages of ours, %d are allowed", dir, len(used), maxFanOut))
		}
	}
	return bad
}

// count counts names: "a, b int" is two.
func count(list *ast.FieldList) int {
	n := 0
	for _, f := range list.List {
		n += max(1, len(f.Names))
	}
	return n
}

// receiver is the name of a method's type.
func receiver(fn *ast.FuncDecl) string {
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return fmt.Sprint(t)
		}
	}
}

func TestSizes(t *testing.T) { report(t, sizeProblems(parse(t))) }

func TestSizeRulesBite(t *testing.T) {
	many := func(one string, n int) string {
		s := ""
		for i := range n {
			s += fmt.Sprintf(one, i) + "\n"
		}
		return s
	}
	imported := "package p\nimport (\n" + many("_ %q", 0)
	for i := range maxFanOut + 1 {
		imported += fmt.Sprintf("_ \"veche.example/internal/p%d\"\n", i)
	}
	tr := snippets(t, map[string]string{
		"long/a.go":   "package long\n" + many("// %d", maxFile),
		"func/a.go":   "package f\nfunc big() {\n" + many("_ = %d", maxFunction) + "}\n",
		"params/a.go": "package p\nfunc greedy(a, b, c int, d string, e, f bool) {}\n",
		"iface/a.go":  "package i\ntype fat interface {\n" + many("M%d()", maxInterface+1) + "}\n",
		"fields/a.go": "package f\ntype wide struct {\n" + many("f%d int", maxFields+1) + "}\n",
		"method/a.go": "package m\ntype god[T any] struct{}\n" + many("func (*god[T]) m%d() {}", maxMethods+1),
		"fan/a.go":    imported + ")\n",
	})
	mustBite(t, sizeProblems(tr), "long/a.go has", "big has", "greedy has 6 parameters", "an interface with", "a struct with", "method.god has", "fan imports")
}
