package codec

// OBU types of the AV1 bitstream specification §6.2.2.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuMetadata          = 5
	obuPadding           = 15
)

// rankAV1 looks for a sequence header at the head of a packet of the AV1 RTP payload format §4.4.
// The N bit of the aggregation header should say the same, but not every sender sets it, and without
// the sequence header a decoder could not begin.
//
//	|Z|Y| W |N|-|-|-| aggregation header, then W OBU elements (0: each with a length)
func rankAV1(p []byte) Rank {
	if len(p) < 2 || p[0]&0x80 != 0 { // Z: goes on with an OBU of the packet before
		return Delta
	}
	count := int(p[0] >> 4 & 3)
	p = p[1:]
	for n := 1; len(p) > 0; n++ {
		obu := p
		if n != count { // the last of W elements has no length
			size, used := leb128(p)
			if used == 0 || size > uint64(len(p)-used) {
				return Delta
			}
			obu, p = p[used:used+int(size)], p[used+int(size):]
		} else {
			p = nil
		}
		if len(obu) == 0 {
			continue
		}
		switch obu[0] >> 3 & 15 {
		case obuSequenceHeader:
			return Picture
		case obuTemporalDelimiter, obuMetadata, obuPadding:
		default:
			return Delta
		}
	}
	return Delta
}

// leb128 reads an unsigned number of at most 8 bytes (AV1 specification §4.10.5); used is 0 on error.
func leb128(p []byte) (v uint64, used int) {
	for i := 0; i < len(p) && i < 8; i++ {
		v |= uint64(p[i]&0x7f) << (7 * i)
		if p[i]&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}
