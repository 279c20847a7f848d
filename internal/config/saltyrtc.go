package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// SaltyRTC configures the front-end for SaltyRTC.
type SaltyRTC struct {
	Frontend
	Key     Secret `koanf:"key" doc:"Permanent private key, 64 hex digits; make one with: openssl rand -hex 32. Empty: made from auth.secret. Clients pin the public one, which /saltyrtc/keys shows."`
	KeyFile string `koanf:"keyFile" doc:"File with permanent private keys, one a line, instead of frontends.saltyrtc.key: the first is the primary, the others are for clients that have pinned an older one."`
}

// PrivateKeys are the permanent private keys, the primary first; none: none is configured. Errors name the key of the
// configuration, and nothing of what is secret.
func (s *SaltyRTC) PrivateKeys() ([][32]byte, error) {
	name, text := "key", s.Key.Reveal()
	if s.KeyFile != "" {
		if s.Key != "" {
			return nil, errors.New("keyFile: give it or key, not both")
		}
		raw, err := os.ReadFile(s.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("keyFile: %w", err)
		}
		if name, text = "keyFile", string(raw); strings.TrimSpace(text) == "" {
			return nil, errors.New("keyFile: holds no key")
		}
	}
	var keys [][32]byte
	for _, line := range strings.Fields(text) {
		raw, err := hex.DecodeString(line)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%s: a permanent key has 64 hex digits", name)
		}
		keys = append(keys, [32]byte(raw))
	}
	return keys, nil
}

func (s *SaltyRTC) check(fail func(key string, value any, cause string)) {
	if _, err := s.PrivateKeys(); err != nil {
		fail("frontends.saltyrtc.keyFile", s.KeyFile, err.Error())
	}
}
