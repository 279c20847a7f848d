package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad: no file makes Load panic, and what it accepts it accepts again from its own String.
func FuzzLoad(f *testing.F) {
	f.Add(string(Example()))
	f.Add("http: {listen: \":1\", trustedProxies: [\"::1\"]}\nauth: {openRooms: true}")
	f.Add("limits: {frame: 64KiB}\nauth: {openRooms: 1}")
	f.Add("http:\n- a\n? {b: c}\n: d")
	path := filepath.Join(f.TempDir(), "veche.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, nil, map[string]string{"auth.secret": "", "auth.secretFile": ""})
		if err != nil {
			return
		}
		if err := os.WriteFile(path, []byte(c.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, nil, nil); err != nil {
			t.Fatalf("%v in\n%s", err, c)
		}
	})
}
