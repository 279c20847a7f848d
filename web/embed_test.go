package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	body, err := fs.ReadFile(Dist(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestIndex checks that the page works at any depth, under any prefix and under the strict content security policy.
func TestIndex(t *testing.T) {
	index := read(t, "index.html")
	refs := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(index, -1)
	if len(refs) < 3 {
		t.Fatalf("the page refers to %d files, want its script, style and icon:\n%s", len(refs), index)
	}
	for _, ref := range refs {
		name, rooted := strings.CutPrefix(ref[1], "/__root__/")
		if !rooted {
			t.Errorf("%q is not behind the root mark", ref[1])
			continue
		}
		if _, err := fs.Stat(Dist(), name); err != nil {
			t.Errorf("%q: %v", ref[1], err)
		}
	}
	if !strings.Contains(index, `<meta name="veche-root" content="/__root__/"`) {
		t.Error("the app is not told its root")
	}
	for _, unsafe := range []string{"<style", "style=", "<script>", "javascript:", "onload="} {
		if strings.Contains(index, unsafe) {
			t.Errorf("the page holds %q, which the policy forbids", unsafe)
		}
	}
}

// TestSDK checks that the SDK is one module that needs no other file.
func TestSDK(t *testing.T) {
	sdk := read(t, "sdk/veche-client.js")
	if !regexp.MustCompile(`export\s*\{[^}]*\bRoom\b`).MatchString(sdk) {
		t.Error("Room is not exported")
	}
	if m := regexp.MustCompile(`(?m)^import\b.*`).FindString(sdk); m != "" {
		t.Errorf("the module imports: %s", m)
	}
}
