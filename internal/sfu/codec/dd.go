package codec

import "encoding/binary"

// The dependency descriptor (AV1 RTP payload format, appendix A.8) begins with 3 mandatory bytes: start and end of
// frame, template id (6 bits) and the frame number.
const (
	// MinDD and MaxDD are the sizes of a descriptor that a header extension can carry (RFC 8285 §4.3).
	MinDD = 3
	MaxDD = 255
)

// FrameNumber reads the frame number of a dependency descriptor of at least MinDD bytes.
func FrameNumber(dd []byte) uint16 { return binary.BigEndian.Uint16(dd[1:3]) }

// PutFrameNumber writes it.
func PutFrameNumber(dd []byte, n uint16) { binary.BigEndian.PutUint16(dd[1:3], n) }

const (
	maxTemplates = 64
	maxTargets   = 32
	// dtiSwitch is the indication that a decode target may be entered at the frame.
	dtiSwitch = 2
)

// template is what all frames of one template have in common. open is as in Info.
type template struct{ spatial, temporal, open uint8 }

// Structure is the template structure that a stream's descriptors refer to; key frames carry it. The zero Structure
// knows no template.
type Structure struct {
	set       bool
	frame     uint16 // that carried it
	offset    uint8
	count     int
	templates [maxTemplates]template
	targets   int
	target    [maxTargets]template // the highest layers of each decode target
	picture   Description
}

// Reset forgets the structure: a new stream begins.
func (s *Structure) Reset() { s.set = false }

// Picture adds what the structure tells to what the payload tells; it is false if nothing is known.
func (s *Structure) Picture(d Description) (Description, bool) {
	if !s.set {
		return d, d.Width != 0
	}
	d.Spatial = s.picture.Spatial
	if s.picture.Width != 0 && d.Width == 0 {
		d.Width, d.Height = s.picture.Width, s.picture.Height
	}
	return d, true
}

// Read completes i by what the packet's descriptor says. What it refers to may be unknown, as the packet with the structure
// is lost or late: the packet then counts as one of the lowest layer, which everybody gets.
func (s *Structure) Read(i *Info, dd []byte) {
	if len(dd) < MinDD {
		return
	}
	var custom bool
	b := bits{p: dd, at: 8 * MinDD}
	if len(dd) > MinDD {
		f := b.u(5)
		if f&0x10 != 0 {
			s.learn(&b, FrameNumber(dd))
		}
		if custom = f&4 != 0 && s.set; custom && f&8 != 0 {
			b.skip(s.targets)
		}
	}
	index := int(dd[0]-s.offset) & 63
	if !s.set || index >= s.count {
		return
	}
	t := s.templates[index]
	if custom && !b.bad {
		var dti [maxTargets]uint8
		for d := range s.targets {
			dti[d] = uint8(b.u(2))
		}
		t.open = s.open(t, &dti)
	}
	i.Spatial, i.Temporal, i.Open = t.spatial, t.temporal, t.open
	i.Flags &^= First | Last
	if dd[0]&0x80 != 0 && t.spatial == 0 {
		i.Flags |= First
	}
	if dd[0]&0x40 != 0 {
		i.Flags |= Last
	}
}

// open is the highest temporal layer whose decode target may be entered at a frame.
func (s *Structure) open(t template, dti *[maxTargets]uint8) uint8 {
	best := t.temporal
	for d := range s.targets {
		if g := s.target[d]; g.spatial == t.spatial && dti[d] == dtiSwitch {
			best = max(best, g.temporal)
		}
	}
	return best
}

// learn takes a structure, unless it is older than the one that is there or cut short.
func (s *Structure) learn(b *bits, frame uint16) {
	var (
		n   Structure
		dti [maxTemplates][maxTargets]uint8
	)
	n.set, n.frame = true, frame
	n.offset = uint8(b.u(6))
	n.targets = int(b.u(5)) + 1
	if !n.layers(b) {
		b.bad = true
		return
	}
	for i := range n.count {
		t := n.templates[i]
		for d := range n.targets {
			if dti[i][d] = uint8(b.u(2)); dti[i][d] != 0 {
				g := &n.target[d]
				g.spatial, g.temporal = max(g.spatial, t.spatial), max(g.temporal, t.temporal)
			}
		}
	}
	for i := range n.count {
		n.templates[i].open = n.open(n.templates[i], &dti[i])
	}
	n.picture.Spatial = int(n.templates[n.count-1].spatial) + 1
	n.skipReferences(b)
	if b.flag() {
		for range n.picture.Spatial {
			n.picture.Width, n.picture.Height = int(b.u(16))+1, int(b.u(16))+1
		}
	}
	if !b.bad && (!s.set || int16(frame-s.frame) >= 0) {
		*s = n
	}
}

// layers reads the layers of each template; false if there are too many.
func (s *Structure) layers(b *bits) bool {
	var t template
	for s.count < maxTemplates && !b.bad {
		s.templates[s.count] = t
		s.count++
		switch b.u(2) {
		case 1:
			t.temporal++
		case 2:
			t.spatial, t.temporal = t.spatial+1, 0
		case 3:
			return true
		}
	}
	return false
}

// skipReferences passes over frame differences and chains.
func (s *Structure) skipReferences(b *bits) {
	for range s.count {
		for b.flag() && !b.bad {
			b.skip(4)
		}
	}
	if chains := b.ns(uint32(s.targets) + 1); chains > 0 {
		for range s.targets {
			b.ns(chains)
		}
		b.skip(4 * int(chains) * s.count)
	}
}
