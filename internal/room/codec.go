package room

import "slices"

// Names as on the wire.
var (
	audioCodecs = []string{"opus", "g722", "pcmu", "pcma"}
	videoCodecs = []string{"vp8", "vp9", "av1", "h264", "h265"}
	codecsOf    = map[string][]string{"audio": audioCodecs, "video": videoCodecs}
)

// codecList keeps the known names of list, each once, in order. It always copies.
func codecList(list, known []string) []string {
	var out []string
	for _, c := range list {
		if slices.Contains(known, c) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func cleanCaps(c Caps) Caps {
	return Caps{Audio: codecList(c.Audio, audioCodecs), Video: codecList(c.Video, videoCodecs)}
}

// can says whether a capability list covers codec; an empty one was not told and hinders nobody.
func can(list []string, codec string) bool {
	return len(list) == 0 || slices.Contains(list, codec)
}

// publishVideo chooses the video codec for publishers: the first of the room's order that every
// browser here can decode and every browser that may publish can encode; failing that, of those
// that can be encoded, the one most browsers decode. Members in their grace count, since their
// media goes on: a socket lost for ten seconds must not make every camera switch codecs.
func (r *Room) publishVideo() string {
	if r.opt.Kind == Lobby {
		return ""
	}
	// A codec everybody encodes beats any number of decoders.
	best, bestEncoded, bestDecoders := "", false, -1
	for _, codec := range r.opt.Video {
		encoded, watchers, decoders := true, 0, 0
		for _, m := range r.order {
			if m.Agent != AgentWeb {
				continue
			}
			if m.Role >= Speaker && !can(m.Encode.Video, codec) {
				encoded = false
			}
			watchers++
			if can(m.Decode.Video, codec) {
				decoders++
			}
		}
		if encoded && decoders == watchers {
			return codec
		}
		if encoded && !bestEncoded || encoded == bestEncoded && decoders > bestDecoders {
			best, bestEncoded, bestDecoders = codec, encoded, decoders
		}
	}
	return best
}
