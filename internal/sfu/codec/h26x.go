package codec

import "encoding/binary"

// NAL unit types of H.264 and of its RTP payload format (RFC 6184 §5.2).
const (
	h264IDR   = 5
	h264SPS   = 7
	h264STAPA = 24
	h264STAPB = 25
	h264FUA   = 28
	h264FUB   = 29
)

// NAL unit types of H.265 and of its RTP payload format (RFC 7798 §4.4).
const (
	h265FirstIRAP = 16
	h265LastIRAP  = 23
	h265VPS       = 32
	h265SPS       = 33
	h265AP        = 48
	h265FU        = 49
)

// rankH264 reads single NAL units, STAP-A and -B, FU-A and -B.
func rankH264(p []byte) Rank {
	if len(p) == 0 {
		return Delta
	}
	switch t := p[0] & 0x1f; t {
	case h264STAPA:
		return rankUnits(p[1:], rankNAL264)
	case h264STAPB: // a decoding order number of 16 bits first
		if len(p) < 3 {
			return Delta
		}
		return rankUnits(p[3:], rankNAL264)
	case h264FUA, h264FUB:
		if len(p) < 3 || p[1]&0x80 == 0 { // S: the first fragment
			return Delta
		}
		body := p[2:]
		if t == h264FUB {
			if len(p) < 5 {
				return Delta
			}
			body = p[4:]
		}
		return rank264(p[1]&0x1f, body)
	}
	return rankNAL264(p)
}

func rankNAL264(nal []byte) Rank { return rank264(nal[0]&0x1f, nal[1:]) }

// rank264 judges a NAL unit by its type and what follows its header.
func rank264(t byte, body []byte) Rank {
	switch {
	case t == h264SPS:
		return Parameters
	case t == h264IDR && firstSlice(body):
		return Picture
	}
	return Delta
}

// firstSlice tells whether a slice begins its picture: first_mb_in_slice is ue(v), whose 0 is a single
// 1 bit (H.264 §7.3.3); first_slice_segment_in_pic_flag is one bit (H.265 §7.3.6.1).
func firstSlice(body []byte) bool { return len(body) > 0 && body[0]&0x80 != 0 }

// rankUnits gives the highest rank in an aggregation packet: 16-bit sizes, each with its NAL unit.
func rankUnits(p []byte, rank func([]byte) Rank) Rank {
	best := Delta
	for len(p) > 2 {
		size := int(binary.BigEndian.Uint16(p))
		p = p[2:]
		if size > len(p) {
			break
		}
		if size > 0 {
			best = max(best, rank(p[:size]))
		}
		p = p[size:]
	}
	return best
}

// rankH265 reads single NAL units, aggregation packets and fragmentation units without DONL, which
// WebRTC does not negotiate (RFC 7798 §4.4.2, sprop-max-don-diff 0).
func rankH265(p []byte) Rank {
	if len(p) < 2 {
		return Delta
	}
	switch p[0] >> 1 & 0x3f {
	case h265AP:
		return rankUnits(p[2:], rankNAL265)
	case h265FU:
		if len(p) < 4 || p[2]&0x80 == 0 { // S: the first fragment
			return Delta
		}
		return rank265(p[2]&0x3f, p[3:])
	}
	return rankNAL265(p)
}

func rankNAL265(nal []byte) Rank {
	if len(nal) < 2 {
		return Delta
	}
	return rank265(nal[0]>>1&0x3f, nal[2:])
}

func rank265(t byte, body []byte) Rank {
	switch {
	case t == h265VPS:
		return VideoSet
	case t == h265SPS:
		return Parameters
	case t >= h265FirstIRAP && t <= h265LastIRAP && firstSlice(body):
		return Picture
	}
	return Delta
}
