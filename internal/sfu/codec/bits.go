package codec

// bits reads numbers of any width, highest bit first. Behind the end it gives zeros and is bad.
type bits struct {
	p   []byte
	at  int // in bits
	bad bool
}

func (b *bits) u(n int) uint32 {
	var v uint32
	for range n {
		v <<= 1
		if i := b.at >> 3; i < len(b.p) {
			v |= uint32(b.p[i]>>(7-b.at&7)) & 1
		} else {
			b.bad = true
		}
		b.at++
	}
	return v
}

func (b *bits) flag() bool { return b.u(1) != 0 }

// skip passes over n bits.
func (b *bits) skip(n int) {
	b.at += n
	b.bad = b.bad || b.at > 8*len(b.p)
}

// ue is the Exp-Golomb number of H.264 §9.1, which uvlc of AV1 §4.10.3 is too.
func (b *bits) ue() uint32 {
	zeros := 0
	for !b.flag() {
		if zeros++; zeros > 31 || b.bad {
			b.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.u(zeros)
}

// ns is a number below n in as few bits as possible (AV1 specification §4.10.7).
func (b *bits) ns(n uint32) uint32 {
	w := 0
	for x := n; x != 0; x >>= 1 {
		w++
	}
	m := uint32(1)<<w - n
	v := b.u(w - 1)
	if v < m {
		return v
	}
	return v<<1 - m + b.u(1)
}
