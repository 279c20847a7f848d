package sdp

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"
)

// FingerprintOf is the fingerprint by which an answer names a certificate.
func FingerprintOf(der []byte) Fingerprint {
	value, _ := hash("sha-256", der)
	return Fingerprint{Hash: "sha-256", Value: value}
}

// Match tells whether a certificate is one of those that fingerprints name (RFC 8122 §5): it is if one of the hashes that
// can be relied on is its.
func Match(prints []Fingerprint, der []byte) bool {
	for _, f := range prints {
		if value, ok := hash(f.Hash, der); ok && value == f.Value {
			return true
		}
	}
	return false
}

// Reliable tells whether one of the fingerprints is by a hash that can be relied on.
func Reliable(prints []Fingerprint) bool {
	for _, f := range prints {
		if _, ok := hash(f.Hash, nil); ok {
			return true
		}
	}
	return false
}

// hash is how SDP writes a hash: "4A:AD:…". SHA-1 and MD5 prove nothing and are not known.
func hash(name string, b []byte) (string, bool) {
	var sum []byte
	switch name {
	case "sha-256":
		s := sha256.Sum256(b)
		sum = s[:]
	case "sha-384":
		s := sha512.Sum384(b)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(b)
		sum = s[:]
	default:
		return "", false
	}
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"), true
}
