package config

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
)

// logged is the configuration in every way that logs and encoders write it.
func logged(t *testing.T, c Config) []string {
	t.Helper()
	var text, structured bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&structured, nil)} {
		slog.New(h).Info("x", "config", c, "auth", c.Auth, "secret", c.Auth.Secret)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return []string{text.String(), structured.String(), string(encoded)}
}
