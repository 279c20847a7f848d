package codec

// ParseRED reads the headers of a payload of RFC 2198 §3: one of 4 bytes for each redundant block, one of a byte for
// the primary block, then the blocks in that order. It returns false if a block is cut short or the primary one is empty.
//
//	|F| block PT | timestamp offset (14) | block length (10) |   F: another header follows
func ParseRED(p []byte) (Info, bool) {
	at, blocks := 0, 0
	for at < len(p) && p[at]&0x80 != 0 {
		if len(p) < at+4 {
			return Info{}, false
		}
		blocks += int(p[at+2]&3)<<8 | int(p[at+3])
		at += 4
	}
	primary := at + 1 + blocks
	if primary >= len(p) {
		return Info{}, false
	}
	return Info{Rank: Picture, RED: uint16(primary)}, true
}

// PutRED replaces the payload type of all blocks in a payload that ParseRED has accepted: each side of a server numbers
// its payload types by itself, and what is in the blocks is the one codec of the track.
func PutRED(p []byte, pt uint8) {
	at := 0
	for ; p[at]&0x80 != 0; at += 4 {
		p[at] = 0x80 | pt&0x7f
	}
	p[at] = pt & 0x7f
}
