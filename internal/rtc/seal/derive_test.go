package seal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// secret is keying material that counts up, or an error.
type secret struct{ err error }

func (s secret) ExportKeyingMaterial(_ string, _ []byte, n int) ([]byte, error) {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b, s.err
}

// TestDerive: what one side seals the other one opens, and not with its own key.
func TestDerive(t *testing.T) {
	for _, profile := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAeadAes256Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80} {
		server, fromClient, err := Derive(secret{}, profile, false)
		if err != nil {
			t.Fatal(err)
		}
		client, fromServer, err := Derive(secret{}, profile, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			enc         *Sealer
			open, other *srtp.Context
		}{{server, fromServer, fromClient}, {client, fromClient, fromServer}} {
			buf := make([]byte, MaxPacket)
			n, err := c.enc.RTP(buf, &rtp.Header{Version: 2, SSRC: 5, SequenceNumber: 7}, []byte("hello"), 7)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.other.DecryptRTP(nil, bytes.Clone(buf[:n]), nil); err == nil {
				t.Error(profile, "opened with the other key")
			}
			if b, err := c.open.DecryptRTP(nil, buf[:n], nil); err != nil || !bytes.HasSuffix(b, []byte("hello")) {
				t.Error(profile, b, err)
			}
		}
	}
	if _, _, err := Derive(secret{errors.New("no")}, srtp.ProtectionProfileAeadAes128Gcm, false); err == nil {
		t.Error("without keys")
	}
	if _, _, err := Derive(secret{}, srtp.ProtectionProfile(0x7777), false); err == nil {
		t.Error("a profile that is not known")
	}
}
