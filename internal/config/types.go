package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
)

// MinSecret is the least length of the signing secret in bytes (RFC 7518 §3.2: as long as the hash).
const MinSecret = 32

const masked = "[secret]"

// Secret is text that must not be shown: fmt, log/slog and the encoders print a mask.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a mask, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString is String for the verb %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// Format keeps every verb of fmt from printing the text.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte(s.String())) // fmt.State has nowhere to report to
}

// LogValue is the mask for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the mask for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Bytes is a size that is written 4096, 64KiB or 1MiB.
type Bytes int

var byteUnits = []struct {
	suffix string
	size   Bytes
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String returns the size with the greatest unit that divides it.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && b%u.size == 0 {
			return strconv.Itoa(int(b/u.size)) + u.suffix
		}
	}
	return strconv.Itoa(int(b))
}

// MarshalText is String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText is the inverse of String.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), Bytes(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 || n > (1<<31-1)/int64(unit) {
		return errors.New("not a size like 65536, 64KiB or 1MiB")
	}
	*b = Bytes(n) * unit
	return nil
}

// Key returns the signing secret from Secret or SecretFile. Without either it is random when rooms
// are open: tokens and sessions then end with the process. Errors name the key and the cause.
func (a Auth) Key() ([]byte, error) {
	switch {
	case a.Secret != "" && a.SecretFile != "":
		return nil, errors.New("auth.secretFile: auth.secret is set too; give one of them")
	case a.SecretFile != "":
		raw, err := os.ReadFile(a.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("auth.secretFile: %q: %w", a.SecretFile, err)
		}
		key := []byte(strings.TrimSpace(string(raw)))
		if len(key) < MinSecret {
			return nil, fmt.Errorf("auth.secretFile: %q: holds %d bytes, at least %d are needed", a.SecretFile, len(key), MinSecret)
		}
		return key, nil
	case a.Secret != "":
		if len(a.Secret) < MinSecret {
			return nil, fmt.Errorf("auth.secret: has %d bytes, at least %d are needed", len(a.Secret), MinSecret)
		}
		return []byte(a.Secret), nil
	case a.OpenRooms:
		key := make([]byte, MinSecret)
		_, _ = rand.Read(key) // never fails (crypto/rand)
		return key, nil
	}
	return nil, errors.New("auth.secret: missing; set it or auth.secretFile, or let everybody in with auth.openRooms")
}
