package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row is one line of the import table: a package and all it imports besides the standard library.
type row struct {
	layer        int // 0 on top; imports go down only
	ours, theirs []string
}

// readTable reads the table from its block in ARCHITECTURE.md, so that what people read is what is checked:
//
//	# a layer
//	package: ours … | theirs …
func readTable(text string) (map[string]row, error) {
	_, block, ok := strings.Cut(text, "```imports\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		return nil, fmt.Errorf("ARCHITECTURE.md has no block ```imports")
	}
	table := make(map[string]row)
	layer := -1
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			layer++
			continue
		}
		if line == "" {
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		if _, twice := table[name]; !ok || layer < 0 || twice {
			return nil, fmt.Errorf("import table: bad line %q", line)
		}
		ours, theirs, _ := strings.Cut(rest, "|")
		table[name] = row{layer, strings.Fields(ours), strings.Fields(theirs)}
	}
	return table, nil
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// short is how the table calls an import: pion/webrtc for github.com/pion/webrtc/v4/pkg/media; "" is
// the standard library.
func short(imported string) (name string, ours bool) {
	if rest, ok := strings.CutPrefix(imported, module); ok && (rest == "" || rest[0] == '/') {
		return strings.TrimPrefix(rest+"/", "/"), true
	}
	parts := strings.Split(imported, "/")
	if !strings.Contains(parts[0], ".") {
		return "", false
	}
	if slices.Contains([]string{"github.com", "golang.org", "go.uber.org"}, parts[0]) && len(parts) > 1 {
		parts = parts[1:]
	}
	if len(parts) > 1 && majorVersion.MatchString(parts[1]) {
		parts = parts[:1]
	}
	return strings.Join(parts[:min(2, len(parts))], "/"), false
}

// imports lists what a file imports, by the table's names.
func imports(f *source) (ours, theirs []string) {
	for _, spec := range f.ast.Imports {
		full, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // go/parser has accepted it
		}
		name, own := short(full)
		switch {
		case own:
			ours = append(ours, strings.TrimSuffix(name, "/"))
		case name != "":
			theirs = append(theirs, name)
		}
	}
	return ours, theirs
}

func tableProblems(tr *tree, table map[string]row) []string {
	var bad []string
	for dir, files := range tr.packages() {
		r, ok := table[dir]
		if !ok {
			bad = append(bad, dir+": has no line in the import table of ARCHITECTURE.md")
			continue
		}
		used := make(map[string]bool)
		for _, f := range files {
			ours, theirs := imports(f)
			for _, name := range ours {
				if name == "" {
					name = "."
				}
				used[name] = true
				if !slices.Contains(r.ours, name) {
					bad = append(bad, fmt.Sprintf("%s imports %s, which its line in the import table does not allow", f.path, name))
				}
			}
			for _, name := range theirs {
				used[name] = true
				if !slices.Contains(r.theirs, name) {
					bad = append(bad, fmt.Sprintf("%s imports %s, which its line in the import table does not allow", f.path, name))
				}
			}
		}
		for _, name := range slices.Concat(r.ours, r.theirs) {
			if !used[name] {
				bad = append(bad, fmt.Sprintf("%s: its line in the import table allows %s, which it does not need", dir, name))
			}
		}
	}
	for dir := range table {
		if len(tr.packages()[dir]) == 0 {
			bad = append(bad, dir+": the import table has a line for a package that is not there")
		}
	}
	return bad
}

// ruleProblems are the rules that a change of the table must not break.
func ruleProblems(table map[string]row) []string {
	var bad []string
	const adapters = "internal/signal/"
	for dir, r := range table {
		for _, o := range r.ours {
			target, ok := table[o]
			below := strings.HasPrefix(o, dir+"/")
			if ok && target.layer <= r.layer && !below {
				bad = append(bad, fmt.Sprintf("%s → %s: imports go down only", dir, o))
			}
			if a, b, both := adapterPair(dir, o, adapters); both && a != b {
				bad = append(bad, fmt.Sprintf("%s → %s: no adapter imports another adapter", dir, o))
			}
		}
		leaf := dir == "internal/room" || dir == "internal/media"
		if leaf && len(r.ours)+len(r.theirs) > 0 {
			bad = append(bad, dir+": imports the standard library only")
		}
		if strings.HasPrefix(dir, "internal/sfu") && slices.Contains(r.ours, "internal/room") {
			bad = append(bad, dir+": the SFU knows no rooms")
		}
		for _, name := range r.theirs {
			if owners, ok := reserved[name]; ok && !slices.Contains(owners, dir) {
				bad = append(bad, fmt.Sprintf("%s: %s is for %s", dir, name, strings.Join(owners, ", ")))
			}
			if strings.HasPrefix(name, "nats-io/") {
				bad = append(bad, dir+": there is no cluster yet")
			}
		}
	}
	return bad
}

// reserved are libraries that few may use.
var reserved = map[string][]string{
	"pion/webrtc":              {"internal/rtc", "internal/bench", "internal/vtest"},
	"pion/turn":                {"internal/turnd"},
	"pion/dtls":                {"internal/rtc", "internal/bench"},
	"pion/srtp":                {"internal/rtc", "internal/rtc/seal"},
	"coder/websocket":          {"internal/vtest"},
	"golang-jwt/jwt":           {"internal/auth"},
	"knadh/koanf":              {"internal/config"},
	"prometheus/client_golang": {"internal/metrics", "."},
	"alecthomas/kong":          {"cmd/veche"},
}

func adapterPair(a, b, prefix string) (string, string, bool) {
	restA, okA := strings.CutPrefix(a, prefix)
	restB, okB := strings.CutPrefix(b, prefix)
	nameA, _, _ := strings.Cut(restA, "/")
	nameB, _, _ := strings.Cut(restB, "/")
	return nameA, nameB, okA && okB
}

func TestImports(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := readTable(string(text))
	if err != nil {
		t.Fatal(err)
	}
	report(t, ruleProblems(table))
	report(t, tableProblems(parse(t), table))
}

func TestImportRulesBite(t *testing.T) {
	table, err := readTable("```imports\n# top\ncmd/x: internal/sfu internal/gone\n# bottom\ninternal/sfu: internal/room | pion/webrtc nats-io/nats.go\ninternal/room: | x/net\n" +
		"internal/media: cmd/x\ninternal/signal/a: internal/signal/b\ninternal/signal/b:\n```")
	if err != nil {
		t.Fatal(err)
	}
	mustBite(t, ruleProblems(table), "internal/sfu: the SFU", "pion/webrtc is for", "no cluster", "internal/room: imports the standard", "internal/media → cmd/x: imports go down", "no adapter")
	tr := snippets(t, map[string]string{
		"cmd/x/main.go":          "package main\nimport (\n\"fmt\"\n\"veche.example/internal/sfu\"\n\"github.com/pion/webrtc/v4/pkg/media\"\n)\n",
		"internal/new/new.go":    "package new\n",
		"internal/sfu/sfu.go":    "package sfu\nimport \"veche.example\"\n",
		"internal/sfu/x_test.go": "package sfu\nimport \"github.com/anything/goes\"\n",
	})
	problems := tableProblems(tr, table)
	mustBite(t, problems, "cmd/x/main.go imports pion/webrtc", "cmd/x: its line in the import table allows internal/gone", "internal/new: has no line", "sfu.go imports .,", "internal/media: the import table has a line")
	if strings.Contains(strings.Join(problems, "\n"), "anything") {
		t.Error("tests may import what they need")
	}
	for _, broken := range []string{"", "```imports\na:\n```", "```imports\n# l\na\n```", "```imports\n# l\na:\na:\n```", "```imports\n# l\na:"} {
		if table, err := readTable(broken); err == nil {
			t.Errorf("%q is read as %v", broken, table)
		}
	}
}

func TestShort(t *testing.T) {
	for full, want := range map[string]string{
		"net/http": "", "github.com/pion/webrtc/v4": "pion/webrtc", "github.com/pion/webrtc/v4/pkg/media": "pion/webrtc",
		"golang.org/x/sys/unix": "x/sys", "go.uber.org/goleak": "goleak", "pgregory.net/rapid": "pgregory.net/rapid",
		"veche.example": "", "veche.example/internal/room": "internal/room/",
	} {
		if got, _ := short(full); got != want {
			t.Errorf("%s: %q, want %q", full, got, want)
		}
	}
}
