package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"veche.example/internal/auth"
)

// demoSecret returns the secret of the demo, which survives a restart so that clients come back by
// themselves; it is made at the first call.
func demoSecret(configDir func() (string, error)) ([]byte, error) {
	path, err := demoFile(configDir, "demo.secret")
	if err != nil {
		return nil, err
	}
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := writePrivate(path, newSecret()); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		secret, err = os.ReadFile(path) // another demo may have been quicker
	}
	if err != nil {
		return nil, err
	}
	if len(secret) < auth.MinSecret {
		return nil, fmt.Errorf("%s: holds %d bytes, at least %d are needed; remove it", path, len(secret), auth.MinSecret)
	}
	return secret, nil
}

func newSecret() []byte {
	raw := make([]byte, 48)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return []byte(base64.RawURLEncoding.EncodeToString(raw))
}

// demoFile is a file of the demo in the user's configuration, whose folder is made if need be.
func demoFile(configDir func() (string, error), name string) (string, error) {
	dir, err := configDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "veche")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// writePrivate makes a file that only its owner can read: whole or not at all, and never over another.
func writePrivate(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
