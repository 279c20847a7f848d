package config

import (
	"strings"
	"testing"
)

func TestNamingAFrontend(t *testing.T) {
	base := map[string]string{"auth.secret": goodSecret}
	for _, c := range []struct {
		name, yaml string
		env        []string
		want       bool
	}{
		{"not named", "", nil, false},
		{"list", "frontends: [peerjs]", nil, true},
		{"map", "frontends:\n  peerjs:\n    discovery: true", nil, true},
		{"map with nothing below", "frontends:\n  peerjs:", nil, true},
		{"turned off", "frontends:\n  peerjs:\n    enabled: false\n    discovery: true", nil, false},
		{"environment", "", []string{"VECHE_FRONTENDS=peerjs"}, true},
		{"setting in the environment", "", []string{"VECHE_FRONTENDS_PEERJS_LISTEN=:9000"}, true},
	} {
		got, err := Load(write(t, c.yaml), c.env, base)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got.Frontends.PeerJS.Enabled != c.want {
			t.Errorf("%s: %t", c.name, got.Frontends.PeerJS.Enabled)
		}
	}
	got, err := Load("", nil, map[string]string{"auth.secret": goodSecret, "frontends": "peerjs"})
	if err != nil || !got.Frontends.PeerJS.Enabled {
		t.Errorf("command line: %v", err)
	}
	for yaml, want := range map[string]string{
		"frontends: [peerj]":                             "did you mean peerjs?",
		"frontends: 5":                                   "list of names",
		"frontends:\n  peerjs:\n    keys: []":            "frontends.peerjs.keys",
		"frontends:\n  peerjs:\n    keys: [a/b]":         "frontends.peerjs.keys",
		"frontends:\n  peerjs:\n    listen: x":           "frontends.peerjs.listen",
		"frontends:\n  peerjs:\n    origins: [x]":        "frontends.peerjs.origins",
		"frontends:\n  peerjs:\n    access: nobody":      "frontends.peerjs.access",
		"frontends:\n  nothing:\n    access: everything": "no such key",
	} {
		if _, err := Load(write(t, yaml), nil, base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", yaml, err, want)
		}
	}
}

func TestEveryFrontendEmbedsTheCommonPart(t *testing.T) {
	c := Default()
	visited := 0
	c.Frontends.Each(func(name string, common *Frontend) {
		if visited++; common.Access != "auto" || common.Enabled || common.Connections == 0 {
			t.Errorf("%s: %+v", name, common)
		}
	})
	if visited != len(FrontendNames()) {
		t.Errorf("%d of %d", visited, len(FrontendNames()))
	}
}
