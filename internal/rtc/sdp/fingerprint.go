package sdp

import (
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FingerprintOf gives the fingerprint of a certificate in DER (RFC 8122 §5).
func FingerprintOf(der []byte) Fingerprint {
	sum := sha256.Sum256(der)
	return Fingerprint{Hash: "sha-256", Value: hexColons(sum[:])}
}

var errFingerprint = errors.New("the certificate is not the one whose fingerprint was signalled")

// Verify compares a certificate chain, of which the first counts, with the fingerprints of an offer (RFC 8122 §5): one that
// can be computed here must match.
func Verify(chain [][]byte, prints []Fingerprint) error {
	if len(chain) == 0 {
		return errFingerprint
	}
	for _, f := range prints {
		if sum := hash(f.Hash, chain[0]); sum != nil && f.Value == hexColons(sum) {
			return nil
		}
	}
	return errFingerprint
}

// Usable tells whether one of the fingerprints can be verified.
func Usable(prints []Fingerprint) bool {
	return slices.ContainsFunc(prints, func(f Fingerprint) bool { return hash(f.Hash, nil) != nil })
}

// hash is nil for SHA-1 and MD5, which prove nothing, and for what is not known.
func hash(name string, b []byte) []byte {
	switch name {
	case "sha-256":
		s := sha256.Sum256(b)
		return s[:]
	case "sha-384":
		s := sha512.Sum384(b)
		return s[:]
	case "sha-512":
		s := sha512.Sum512(b)
		return s[:]
	}
	return nil
}

// hexColons is how SDP writes hashes: "4A:AD:…".
func hexColons(sum []byte) string {
	var b strings.Builder
	for i, c := range sum {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", c)
	}
	return b.String()
}
