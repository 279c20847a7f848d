package codec

// parseVP8 reads the payload descriptor of RFC 7741 §4.2.
//
//	 0 1 2 3 4 5 6 7
//	|X|R|N|S|R| PID | required
//	|I|L|T|K| RSV   | if X
//	|M| PictureID   | if I, one byte more if M
//	|   TL0PICIDX   | if L
//	|TID|Y| KEYIDX  | if T or K
func parseVP8(p []byte) (Info, bool) {
	if len(p) < 2 {
		return Info{}, false
	}
	var (
		info Info
		at   = 1
		ok   bool
	)
	if p[0]&0x80 != 0 {
		x := p[1]
		at = 2
		if x&0x80 != 0 {
			info.PIDAt = uint8(at)
			if info.PIDBits, info.PID, at, ok = pictureID(p, at); !ok {
				return Info{}, false
			}
		}
		if x&0x40 != 0 {
			if len(p) <= at {
				return Info{}, false
			}
			info.TL0At, info.TL0 = uint8(at), p[at]
			at++
		}
		if x&0x30 != 0 {
			if x&0x20 != 0 && len(p) > at {
				info.Temporal = p[at] >> 6
				if p[at]&0x20 != 0 {
					info.Flags |= Sync
				}
			}
			at++
		}
	}
	if len(p) <= at {
		return Info{}, false
	}
	// §4.3: S with partition 0 begins a frame; the P bit of its header is 0 in a key frame.
	if p[0]&0x17 == 0x10 {
		info.Flags |= First
		if p[at]&1 == 0 {
			info.Rank = Picture
		}
	}
	return info, true
}

// parseVP9 reads the payload descriptor of RFC 9628 §4.2.
//
//	|I|P|L|F|B|E|V|Z| required
//	|M| PICTURE ID  | if I, one byte more if M
//	| TID |U| SID |D| if L
//	|   TL0PICIDX   | if L and not F
func parseVP9(p []byte) (Info, bool) {
	if len(p) < 2 {
		return Info{}, false
	}
	var (
		info Info
		at   = 1
		ok   bool
	)
	if p[0]&0x80 != 0 {
		info.PIDAt = uint8(at)
		if info.PIDBits, info.PID, at, ok = pictureID(p, at); !ok {
			return Info{}, false
		}
	}
	if p[0]&0x20 != 0 {
		if len(p) <= at {
			return Info{}, false
		}
		info.Temporal, info.Spatial = p[at]>>5, p[at]>>1&7
		if p[at]&0x10 != 0 { // U: later pictures of higher temporal layers refer to nothing before this one
			info.Open = 7
		}
		at++
		if p[0]&0x10 == 0 {
			if len(p) <= at {
				return Info{}, false
			}
			info.TL0At, info.TL0 = uint8(at), p[at]
			at++
		}
	}
	if len(p) <= at {
		return Info{}, false
	}
	// B without P begins a frame that no earlier picture predicts; only its lowest spatial layer is
	// decodable alone (§4.2, D bit of the others).
	if p[0]&0x08 != 0 && info.Spatial == 0 {
		info.Flags |= First
		if p[0]&0x40 == 0 {
			info.Rank = Picture
		}
	}
	if p[0]&0x04 != 0 {
		info.Flags |= Last
	}
	return info, true
}
