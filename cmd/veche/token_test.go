package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"veche.example/internal/auth"
)

const secret = "0123456789abcdef0123456789abcdef"

func keys(t *testing.T, secret []byte) *auth.Keys {
	t.Helper()
	k, err := auth.NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTokenIsAGrant(t *testing.T) {
	file := filepath.Join(t.TempDir(), "veche.yaml")
	if err := os.WriteFile(file, []byte("auth: {secret: "+secret+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ []string
		args    []string
		want    auth.Grant
	}{
		"environment": {[]string{"VECHE_AUTH_SECRET=" + secret}, nil, auth.Grant{Room: "Совет 1", Role: auth.Speaker}},
		"file":        {nil, []string{"--config", file, "--role", "moderator", "--name", "Анна", "--identity", "u1"}, auth.Grant{Room: "Совет 1", Role: auth.Moderator, Name: "Анна", Identity: "u1"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, c.environ...)
			before := time.Now()
			if status := run(t.Context(), append([]string{"token", "--room", "Совет 1", "--ttl", "10m"}, c.args...), f.system); status != 0 {
				t.Fatalf("status %d: %s", status, f.err)
			}
			token := f.out.String()
			if strings.Count(token, "\n") != 1 || f.err.String() != "" {
				t.Fatalf("output %q, standard error %q", token, f.err)
			}
			got, err := keys(t, []byte(secret)).Verify(strings.TrimSpace(token), "Совет 1", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if d := got.Expires.Sub(before); d < 9*time.Minute || d > 11*time.Minute {
				t.Errorf("lasts %s", d)
			}
			got.Expires = time.Time{}
			if got != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTokenOfTheDemo(t *testing.T) {
	f := newFake(t)
	if status := run(t.Context(), []string{"token", "--demo", "--room", "a"}, f.system); status != 0 {
		t.Fatalf("status %d: %s", status, f.err)
	}
	secret, err := demoSecret(f.configDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys(t, secret).Verify(strings.TrimSpace(f.out.String()), "a", time.Now()); err != nil {
		t.Error(err)
	}
}

func TestTokenLinks(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // up to the fragment
	}{
		"meeting":           {[]string{"--url", "https://meet.example.org", "--room", "a"}, "https://meet.example.org/r/a"},
		"prefix":            {[]string{"--url", "https://example.org/veche/", "--room", "a"}, "https://example.org/veche/r/a"},
		"port":              {[]string{"--url", "http://localhost:8080", "--room", "a"}, "http://localhost:8080/r/a"},
		"host":              {[]string{"--url", "http://h", "--room", "a", "--kind", "broadcast"}, "http://h/b/a"},
		"viewer":            {[]string{"--url", "http://h", "--room", "a", "--kind", "broadcast", "--role", "viewer"}, "http://h/watch/a"},
		"lobby":             {[]string{"--url", "http://h", "--room", "a", "--kind", "lobby"}, "http://h/call/a"},
		"name to be quoted": {[]string{"--url", "http://h", "--room", "ё /?#%"}, "http://h/r/%D1%91%20%2F%3F%23%25"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "VECHE_AUTH_SECRET="+secret)
			if status := run(t.Context(), append([]string{"token"}, c.args...), f.system); status != 0 {
				t.Fatalf("status %d: %s", status, f.err)
			}
			lines := strings.Split(strings.TrimSpace(f.out.String()), "\n")
			if len(lines) != 2 || lines[1] != c.want+"#token="+lines[0] {
				t.Fatalf("%q", lines)
			}
			u, err := url.Parse(lines[1])
			if err != nil {
				t.Fatal(err)
			}
			room := c.args[3]
			if _, last, _ := strings.Cut(u.Path[1:], "/"); !strings.HasSuffix(last, room) && !strings.HasSuffix(u.Path, room) {
				t.Errorf("the room is %q in %q", room, u.Path)
			}
		})
	}
}

func TestTokenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no secret":     {[]string{"--room", "a", "--config", ""}, "VECHE_AUTH_SECRET"},
		"no time":       {[]string{"--room", "a", "--ttl", "0s", "--demo"}, "--ttl"},
		"empty room":    {[]string{"--room", "", "--demo"}, "room"},
		"long room":     {[]string{"--room", strings.Repeat("a", 65), "--demo"}, "room"},
		"not a URL":     {[]string{"--room", "a", "--url", "meet.example.org", "--demo"}, "--url"},
		"URL with hash": {[]string{"--room", "a", "--url", "https://h/#x", "--demo"}, "--url"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if status := run(t.Context(), append([]string{"token"}, c.args...), f.system); status != 1 || !strings.Contains(f.err.String(), c.want) || f.out.String() != "" {
				t.Errorf("status %d, output %q, standard error %q", status, f.out, f.err)
			}
		})
	}
}

// TestTokenNeedsASecretOfItsOwn: with open rooms a server has a random secret, with which no token can be made.
func TestTokenNeedsASecretOfItsOwn(t *testing.T) {
	f := newFake(t, "VECHE_AUTH_OPEN_ROOMS=true")
	if status := run(t.Context(), []string{"token", "--room", "a"}, f.system); status != 1 || f.out.String() != "" {
		t.Errorf("status %d, output %q", status, f.out)
	}
}
