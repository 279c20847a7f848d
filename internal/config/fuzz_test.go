package config

import "testing"

// FuzzYAML: no file makes the server panic, and what is accepted is accepted again from its own String.
func FuzzYAML(f *testing.F) {
	f.Add(string(Example()))
	f.Add("http: {listen: \":1\", trustedProxies: [\"::1\"]}\nauth: {openRooms: true}")
	f.Add("limits: {frame: 64KiB}\nauth: {openRooms: 1}")
	f.Add("http:\n- a\n? {b: c}\n: d")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		if applyYAML(&c, []byte(text), "fuzz") != nil {
			return
		}
		c.Auth = Auth{OpenRooms: true}
		if c.Validate() != nil {
			return
		}
		again := Default()
		if err := applyYAML(&again, []byte(c.String()), "again"); err != nil {
			t.Fatalf("%v in\n%s", err, c)
		}
		if err := again.Validate(); err != nil {
			t.Fatalf("%v in\n%s", err, c)
		}
	})
}
