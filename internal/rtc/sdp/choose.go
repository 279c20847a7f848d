package sdp

import (
	"slices"
	"strconv"
	"strings"

	"veche.example/internal/media"
)

// unfit is the rank of a format that cannot be forwarded to everybody.
const unfit = 100

// Accept gives the formats of a section that carry one of the codecs, best first: in the order of the codecs, and of one
// codec by how widely its profile is decoded. For a section on which the server sends there is one per codec.
func (s *Section) Accept(codecs []media.Codec, sending bool) []Format {
	var list []Format
	for _, c := range codecs {
		var of []Format
		for _, f := range s.Formats {
			if f.Codec == c && rank(&f) < unfit {
				of = append(of, f)
			}
		}
		slices.SortStableFunc(of, func(a, b Format) int { return rank(&a) - rank(&b) })
		// A profile that not everybody decodes is taken only where there is nothing else.
		of = slices.DeleteFunc(of, func(f Format) bool { return rank(&f) >= special && rank(&of[0]) < special })
		if sending && len(of) > 1 {
			of = of[:1]
		}
		list = append(list, of...)
	}
	for i := range list {
		list[i].negotiate()
	}
	return list
}

// special is the rank from which a profile is not decoded by everybody.
const special = 10

// rank orders the variants of one codec; less is better.
func rank(f *Format) int {
	switch f.Codec {
	case media.VP9:
		return profile(param(f.Fmtp, "profile-id"), "0")
	case media.AV1:
		return profile(param(f.Fmtp, "profile"), "0")
	case media.H265:
		return profile(param(f.Fmtp, "profile-id"), "1")
	case media.H264:
		return rankH264(f.Fmtp)
	}
	return 0
}

// profile accepts the one that every decoder has.
func profile(got, want string) int {
	if got == "" || got == want {
		return 0
	}
	return unfit
}

// rankH264: constrained baseline, baseline, main, then others; fragmented units before single ones (RFC 6184 §8.1).
func rankH264(fmtp string) int {
	r := 0
	id := strings.ToLower(param(fmtp, "profile-level-id"))
	switch {
	case strings.HasPrefix(id, "42e0"):
	case strings.HasPrefix(id, "42"), id == "":
		r = 1
	case strings.HasPrefix(id, "4d"):
		r = 2
	case strings.HasPrefix(id, "64"):
		r = special
	default:
		return unfit
	}
	switch param(fmtp, "packetization-mode") {
	case "1":
	case "0", "":
		r += 3
	default:
		return unfit
	}
	return r
}

// negotiate sets what the answer says about an accepted format.
func (f *Format) negotiate() {
	f.Feedback = f.offered
	if f.Codec == media.Opus && param(f.Fmtp, "useinbandfec") == "" {
		f.Fmtp = strings.TrimPrefix(f.Fmtp+";useinbandfec=1", ";")
	}
}

// types lists the payload types of an accepted format as the m= line does; a client sends by the first one.
func (f *Format) types() string {
	list := " " + strconv.Itoa(int(f.Type))
	switch {
	case f.HasRTX:
		list += " " + strconv.Itoa(int(f.RTX))
	case f.HasRED && f.REDFirst:
		list = " " + strconv.Itoa(int(f.RED)) + list
	case f.HasRED:
		list += " " + strconv.Itoa(int(f.RED))
	}
	return list
}

// write is the rtpmap, rtcp-fb and fmtp lines of an accepted format and its retransmissions.
func (f *Format) write(w *strings.Builder) {
	pt := strconv.Itoa(int(f.Type))
	attr(w, "rtpmap:", pt, " ", f.Map)
	for _, k := range [...]struct {
		bit  Feedback
		name string
	}{{TWCC, "transport-cc"}, {FIR, "ccm fir"}, {NACK, "nack"}, {PLI, "nack pli"}} {
		if f.Feedback&k.bit != 0 {
			attr(w, "rtcp-fb:", pt, " ", k.name)
		}
	}
	if f.Fmtp != "" {
		attr(w, "fmtp:", pt, " ", f.Fmtp)
	}
	if f.HasRTX {
		rtx := strconv.Itoa(int(f.RTX))
		attr(w, "rtpmap:", rtx, " rtx/", strconv.Itoa(int(f.Codec.ClockRate())))
		attr(w, "fmtp:", rtx, " apt=", pt)
	}
	if f.HasRED {
		red := strconv.Itoa(int(f.RED))
		attr(w, "rtpmap:", red, " red/48000/2")
		attr(w, "fmtp:", red, " ", pt, "/", pt)
	}
}
