package saltyrtc

import (
	"crypto/rand"

	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/nacl/box"
)

// pair is a key pair of NaCl (X25519).
type pair struct{ public, private key }

// newPair is the pair of a private key.
func newPair(private [32]byte) pair {
	p := pair{private: private}
	public, err := curve25519.X25519(p.private[:], curve25519.Basepoint)
	if err != nil {
		panic("saltyrtc: " + err.Error()) // cannot be: the base point is no point of low order
	}
	p.public = key(public)
	return p
}

// randomPair is a pair that nobody has had.
func randomPair() pair {
	var private [32]byte
	_, _ = rand.Read(private[:]) // never fails (crypto/rand)
	return newPair(private)
}

// shared is what box.SealAfterPrecomputation and its opposite need for the messages between two pairs.
func (p *pair) shared(theirs key) (out key) {
	box.Precompute((*[32]byte)(&out), (*[32]byte)(&theirs), (*[32]byte)(&p.private))
	return out
}

// seal encrypts data behind its nonce.
func seal(n nonce, data []byte, shared *key) []byte {
	out := make([]byte, nonceSize, nonceSize+box.Overhead+len(data))
	copy(out, n[:])
	return box.SealAfterPrecomputation(out, data, (*[24]byte)(&n), (*[32]byte)(shared))
}

// unseal decrypts what follows a nonce.
func unseal(n nonce, data []byte, shared *key) ([]byte, bool) {
	return box.OpenAfterPrecomputation(nil, data, (*[24]byte)(&n), (*[32]byte)(shared))
}
