package ts

import "time"

// duration is how long an Opus packet lasts (RFC 6716 §3.1, §3.2); 0 for none.
func duration(b []byte) time.Duration {
	if len(b) == 0 {
		return 0
	}
	var frame time.Duration
	switch c := b[0] >> 3; {
	case c < 12: // SILK: 10, 20, 40, 60 ms
		frame = []time.Duration{10, 20, 40, 60}[c&3] * time.Millisecond
	case c < 16: // hybrid: 10, 20 ms
		frame = []time.Duration{10, 20}[c&1] * time.Millisecond
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 2500 * time.Microsecond << (c & 3)
	}
	switch b[0] & 3 {
	case 0:
		return frame
	case 1, 2:
		return 2 * frame
	}
	if len(b) < 2 {
		return 0
	}
	return time.Duration(b[1]&0x3f) * frame
}
