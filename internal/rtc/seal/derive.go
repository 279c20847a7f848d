package seal

import (
	"bytes"
	"io"

	"github.com/pion/srtp/v3"
)

// Exporter is a DTLS association whose handshake is done (RFC 5705).
type Exporter interface {
	ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error)
}

// Derive makes both directions of SRTP from what DTLS has agreed on (RFC 5764 §4.2); client tells that we are its client.
func Derive(e Exporter, profile srtp.ProtectionProfile, client bool) (*Sealer, *srtp.Context, error) {
	keyLen, err := profile.KeyLen()
	if err != nil {
		return nil, nil, err
	}
	saltLen, err := profile.SaltLen()
	if err != nil {
		return nil, nil, err
	}
	m, err := e.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(keyLen+saltLen))
	if err != nil {
		return nil, nil, err
	}
	defer clear(m)
	r := bytes.NewReader(m)
	take := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(r, b)
		return b
	}
	theirs, ours, theirSalt, ourSalt := take(keyLen), take(keyLen), take(saltLen), take(saltLen)
	if client {
		theirs, ours, theirSalt, ourSalt = ours, theirs, ourSalt, theirSalt
	}
	enc, err := New(ours, ourSalt, profile)
	if err != nil {
		return nil, nil, err
	}
	dec, err := srtp.CreateContext(theirs, theirSalt, profile, srtp.SRTPReplayProtection(1024), srtp.SRTCPReplayProtection(256))
	return enc, dec, err
}
