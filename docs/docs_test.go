// The tests in this folder keep the documentation true: configurations load, commands exist with the
// flags that are shown, Go code compiles, links lead somewhere, the Russian pages have what the English
// ones have, and the buttons that the guide names are those of the app.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// pairs are the pages in both languages.
var pairs = map[string]string{
	"README.md":     "README.ru.md",
	"docs/guide.md": "docs/guide.ru.md",
	"docs/user.md":  "docs/user.ru.md",

	"docs/clients.md":          "docs/ru/clients.md",
	"docs/streaming.md":        "docs/ru/streaming.md",
	"docs/migrate/easyrtc.md":  "docs/ru/migrate/easyrtc.md",
	"docs/migrate/peerjs.md":   "docs/ru/migrate/peerjs.md",
	"docs/migrate/sip.md":      "docs/ru/migrate/sip.md",
	"docs/streaming-out.md":    "docs/ru/streaming-out.md",
	"docs/migrate/article.md":  "docs/ru/migrate/article.md",
	"docs/migrate/saltyrtc.md": "docs/ru/migrate/saltyrtc.md",
	"docs/adaptation.md":       "docs/ru/adaptation.md",
}

// block is a fenced piece of a page.
type block struct {
	page, language, text string
	line                 int
}

// pages reads every page of the repository, by path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "bin", "tmp", "out", "testdata"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(p) != ".md":
			return nil
		}
		text, err := os.ReadFile(p)
		rel, relErr := filepath.Rel(root, p)
		if err != nil || relErr != nil {
			return err
		}
		found[filepath.ToSlash(rel)] = string(text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d pages found", len(found))
	}
	return found
}

// blocks cuts the fenced pieces out of a page.
func blocks(page, text string) []block {
	var all []block
	var open *block
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```") && open == nil:
			open = &block{page: page, language: strings.TrimPrefix(line, "```"), line: i + 1}
		case strings.HasPrefix(line, "```"):
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return all
}

// everyBlock calls f for the blocks of a language, and fails when there is none.
func everyBlock(t *testing.T, language string, f func(t *testing.T, b block)) {
	t.Helper()
	found := 0
	for page, text := range pages(t) {
		for _, b := range blocks(page, text) {
			if b.language == language {
				found++
				f(t, b)
			}
		}
	}
	if found == 0 {
		t.Errorf("no page has a block of %s", language)
	}
}

// prose is a page without its code.
func prose(text string) string {
	text = regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]*`").ReplaceAllString(text, "")
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinks(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
			target := m[1]
			if strings.Contains(target, "://") {
				continue // others' pages are others' matter
			}
			file, anchor, _ := strings.Cut(target, "#")
			where := page
			if file != "" {
				where = filepath.ToSlash(filepath.Join(filepath.Dir(page), file))
				if _, err := os.Stat(filepath.Join(root, where)); err != nil {
					t.Errorf("%s: %s leads nowhere", page, target)
					continue
				}
			}
			if anchor != "" && !slices.Contains(anchors(all[where]), anchor) {
				t.Errorf("%s: %s has no heading %q", page, where, anchor)
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\- ]`)

// anchors are the names of a page's headings, as forges make them.
func anchors(text string) []string {
	var names []string
	for line := range strings.Lines(prose(text)) {
		if strings.HasPrefix(line, "#") {
			name := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			names = append(names, strings.ReplaceAll(notInAnchor.ReplaceAllString(name, ""), " ", "-"))
		}
	}
	return names
}

// TestReadme: the two commands of the front page are there as they are typed.
func TestReadme(t *testing.T) {
	all := pages(t)
	for _, page := range []string{"README.md", "README.ru.md"} {
		for _, command := range []string{"go run ./cmd/veche demo", "make test"} {
			found := slices.ContainsFunc(blocks(page, all[page]), func(b block) bool { return b.language == "bash" && b.text == command+"\n" })
			if !found {
				t.Errorf("%s does not show %q", page, command)
			}
		}
	}
}

// TestBothLanguages: what can be compared without understanding is equal.
func TestBothLanguages(t *testing.T) {
	all := pages(t)
	for page, russian := range pairs {
		a, b := all[page], all[russian]
		if a == "" || b == "" {
			t.Errorf("%s or %s is missing", page, russian)
			continue
		}
		if x, y := shape(a), shape(b); !slices.Equal(x, y) {
			t.Errorf("%s and %s differ in their headings and tables:\n%q\n%q", page, russian, x, y)
		}
		x, y := blocks(page, a), blocks(russian, b)
		if len(x) != len(y) {
			t.Errorf("%s has %d blocks of code, %s has %d", page, len(x), russian, len(y))
			continue
		}
		for i := range x {
			if x[i].text != y[i].text || x[i].language != y[i].language {
				t.Errorf("%s:%d and %s:%d: the code differs", page, x[i].line, russian, y[i].line)
			}
		}
	}
}

// shape is the levels of headings, the rows and columns of tables and the items of lists, in order.
func shape(text string) []string {
	var s []string
	for line := range strings.Lines(prose(text)) {
		switch {
		case strings.HasPrefix(line, "#"):
			s = append(s, strings.Repeat("#", strings.Count(line[:4], "#")))
		case strings.HasPrefix(line, "|"):
			s = append(s, strings.Repeat("|", strings.Count(line, "|")))
		case strings.HasPrefix(line, "- "):
			s = append(s, "-")
		}
	}
	return s
}

var bold = regexp.MustCompile(`\*\*([^*]+)\*\*`)

// TestButtons: what the guide shows in bold is written on something in the app.
func TestButtons(t *testing.T) {
	for _, language := range []string{"en", "ru"} {
		page := map[string]string{"en": "user.md", "ru": "user.ru.md"}[language]
		words := ""
		for _, name := range []string{"i18n/" + language + ".ts", "stage/strings.ts"} {
			text, err := os.ReadFile(filepath.Join(root, "web/src", name))
			if err != nil {
				t.Fatal(err)
			}
			words += string(text)
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		labels := bold.FindAllStringSubmatch(string(text), -1)
		if len(labels) < 10 {
			t.Errorf("%s names %d buttons only", page, len(labels))
		}
		for _, m := range labels {
			if !regexp.MustCompile(`'` + regexp.QuoteMeta(m[1]) + `:?( \{\w+\})?'`).MatchString(words) {
				t.Errorf("%s: there is no button %q", page, m[1])
			}
		}
	}
}
