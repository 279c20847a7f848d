package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"veche.example/internal/config"
)

const secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA=="

// veche builds the program for a test.
func veche(t *testing.T) string {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(root, "cmd/veche/*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources: ", err)
	}
	for _, s := range sources { // so that the test cache knows of them
		if _, err := os.ReadFile(s); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "veche")
	run(t, exec.Command("go", "build", "-o", path, "./cmd/veche"))
	return path
}

// run returns what a command prints; failing fails the test.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	if cmd.Dir == "" {
		cmd.Dir = root
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigurations(t *testing.T) {
	everyBlock(t, "yaml", func(t *testing.T, b block) {
		overrides := map[string]string{}
		if strings.Contains(b.text, "secretFile:") { // the reader's file, which is not here
			overrides["auth.secretFile"] = write(t, "secret", secret)
		}
		if _, err := config.Load(write(t, "veche.yaml", b.text), nil, overrides); err != nil {
			t.Errorf("%s:%d: %v", b.page, b.line, err)
		}
	})
}

var flag = regexp.MustCompile(`^(--[a-z-]+|-[a-z])(=.*)?$`)

// TestCommands checks every line of every shell snippet: programs are known, targets of make exist,
// subcommands of veche exist and have the flags.
func TestCommands(t *testing.T) {
	program := veche(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"openssl", "chmod", "curl", "git", "npm", "node"}
	everyBlock(t, "bash", func(t *testing.T, b block) {
		for line := range strings.Lines(b.text) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "go run ./cmd/")
			line = strings.TrimPrefix(line, "bin/")
			words := strings.Fields(line)
			switch {
			case len(words) == 0 || strings.HasPrefix(line, "#"):
			case words[0] == "make":
				for _, target := range words[1:] {
					if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:| ` + regexp.QuoteMeta(target) + `(:| |$)`).Match(makefile) {
						t.Errorf("%s:%d: there is no target %q", b.page, b.line, target)
					}
				}
			case words[0] == "veche":
				checkFlags(t, program, b, words[1:])
			case words[0] == "node":
				if _, err := os.Stat(filepath.Join(root, words[1])); err != nil {
					t.Errorf("%s:%d: %v", b.page, b.line, err)
				}
			case words[0] == "go" && words[1] == "test":
				if _, err := os.Stat(filepath.Join(root, words[2])); err != nil {
					t.Errorf("%s:%d: %v", b.page, b.line, err)
				}
			case !slices.Contains(known, words[0]):
				t.Errorf("%s:%d: what is %q?", b.page, b.line, words[0])
			}
		}
	})
}

func checkFlags(t *testing.T, program string, b block, words []string) {
	t.Helper()
	var command []string
	for len(words) > len(command) && !strings.HasPrefix(words[len(command)], "-") {
		command = append(command, words[len(command)])
	}
	help := run(t, exec.Command(program, append(command, "--help")...))
	for _, word := range words {
		if m := flag.FindStringSubmatch(word); m != nil && !regexp.MustCompile(`(^|[\s,])`+m[1]+`\b`).MatchString(help) {
			t.Errorf("%s:%d: veche %s has no flag %s:\n%s", b.page, b.line, strings.Join(command, " "), m[1], help)
		}
	}
}

// TestRuns executes what can be executed in a moment: tokens and checks of configurations.
func TestRuns(t *testing.T) {
	program := veche(t)
	done := 0
	everyBlock(t, "bash", func(t *testing.T, b block) {
		for line := range strings.Lines(b.text) {
			words := strings.Fields(line)
			short := len(words) > 1 && words[0] == "veche" && (words[1] == "token" || words[1] == "version" || slices.Contains(words, "--check"))
			if !short {
				continue
			}
			done++
			if i := slices.Index(words, "--config"); i > 0 {
				words[i+1] = write(t, "veche.yaml", "http: {tls: {selfSigned: true}}\nauth: {secretFile: "+write(t, "secret", secret)+"}\n")
			}
			out := run(t, exec.Command(program, words[1:]...))
			if strings.Contains(out, secret) {
				t.Errorf("%s:%d: shows the secret", b.page, b.line)
			}
			if i := slices.Index(words, "--url"); i > 0 && !strings.Contains(out, words[i+1]+"/") {
				t.Errorf("%s:%d: prints no link to %s:\n%s", b.page, b.line, words[i+1], out)
			}
		}
	})
	if done < 4 {
		t.Errorf("only %d commands were run", done)
	}
}

// TestGoSnippets builds them as commands of this module, without writing into it.
func TestGoSnippets(t *testing.T) {
	everyBlock(t, "go", func(t *testing.T, b block) {
		file, err := filepath.Abs(filepath.Join(root, "docs/snippet/main.go"))
		if err != nil {
			t.Fatal(err)
		}
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: write(t, "main.go", b.text)}})
		if err != nil {
			t.Fatal(err)
		}
		run(t, exec.Command("go", "build", "-overlay", write(t, "overlay.json", string(overlay)), "-o", os.DevNull, "./docs/snippet"))
	})
}
