package rtc

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/webrtc/v4"
)

// record is a log that may be read while it is written.
type record struct {
	mu  sync.Mutex // guards the following
	buf bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// TestCurves: browsers offer X25519 first and P-256 after it, and get P-256, in both DTLS roles. Who has X25519 only, which
// RFC 8827 §6.5 does not allow, is told so by both ends.
func TestCurves(t *testing.T) {
	t.Parallel()
	log := new(record)
	r := newRig(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	passive := func(s string) string { return strings.ReplaceAll(s, "a=setup:actpass", "a=setup:passive") }
	same := func(s string) string { return s }
	for name, c := range map[string]struct {
		list []elliptic.Curve
		edit func(string) string
		want State
	}{
		"browser":               {[]elliptic.Curve{elliptic.X25519, elliptic.P256, elliptic.P384}, same, Connected},
		"browser as the server": {[]elliptic.Curve{elliptic.X25519, elliptic.P256, elliptic.P384}, passive, Connected},
		"P-384 only":            {[]elliptic.Curve{elliptic.P384}, same, Connected},
		"X25519 only":           {[]elliptic.Curve{elliptic.X25519}, same, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			cl := r.client(t, clientConfig{setting: func(se *webrtc.SettingEngine) { se.SetDTLSEllipticCurves(c.list...) }})
			cl.seat()
			cl.fill()
			cl.exchange(c.edit)
			if c.want == Connected {
				cl.connected()
				return
			}
			eventually(t, "failed", func() bool { return cl.h.state() == Failed })
			if text := log.String(); !strings.Contains(text, "media connection failed") || !strings.Contains(text, "P-256") {
				t.Error(text)
			}
		})
	}
}
