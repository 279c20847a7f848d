package whip

import (
	"strings"
	"unicode"
)

// fragmentType is the media type of trickled candidates (RFC 8840 §9).
const fragmentType = "application/trickle-ice-sdpfrag"

// Limits of a fragment.
const (
	maxFragment   = 64 << 10 // bytes
	maxCandidate  = 1024     // bytes of a line
	maxCandidates = 64
)

// fragment is an SDP fragment with candidates, or with the credentials of an ICE restart.
type fragment struct {
	ufrag, pwd string // "" = not told
	candidates []candidate
}

// candidate is one line of a fragment; an empty line ends the candidates.
type candidate struct {
	mid  string // "" = of no section in particular
	line string // "candidate:…"
}

// parseFragment reads a fragment (RFC 8840 §9). Attributes it does not know are ignored, as are
// pseudo media lines: what counts is the mid under them.
func parseFragment(text string) (fragment, error) {
	var f fragment
	mid := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "m="):
			mid = ""
			continue
		case !strings.HasPrefix(line, "a="):
			return fragment{}, bad("fragment: only attributes and media lines are expected")
		}
		name, value, _ := strings.Cut(line[2:], ":")
		switch name {
		case "mid":
			if mid = strings.TrimSpace(value); !validMID(mid) {
				return fragment{}, bad("fragment: a mid that is no token")
			}
		case "ice-ufrag":
			if err := once(&f.ufrag, strings.TrimSpace(value), 4); err != nil {
				return fragment{}, err
			}
		case "ice-pwd":
			if err := once(&f.pwd, strings.TrimSpace(value), 22); err != nil {
				return fragment{}, err
			}
		case "candidate":
			f.candidates = append(f.candidates, candidate{mid, line[2:]})
		case "end-of-candidates":
			f.candidates = append(f.candidates, candidate{mid: mid})
		}
		if len(line) > maxCandidate || len(f.candidates) > maxCandidates {
			return fragment{}, bad("fragment: more than %d candidates, or a line over %d bytes", maxCandidates, maxCandidate)
		}
		if strings.ContainsFunc(line, unicode.IsControl) {
			return fragment{}, bad("fragment: a control character")
		}
	}
	if (f.ufrag == "") != (f.pwd == "") {
		return fragment{}, bad("fragment: ICE user name and password go together")
	}
	return f, nil
}

// once takes a credential, which may be repeated but not change: everything is bundled.
func once(field *string, value string, low int) error {
	if !validCredential(value, low) || *field != "" && *field != value {
		return bad("fragment: bad ICE credentials, or two different ones")
	}
	*field = value
	return nil
}

// fragmentOf is the server's side of an ICE restart: the credentials and candidates of its answer.
// They are those of the first section that has any, since everything is bundled.
func fragmentOf(answer string) string {
	var head, media, body strings.Builder
	const inSession, taking, done = 0, 1, 2
	state := inSession
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n") + "\r\n"
		switch {
		case strings.HasPrefix(line, "m="):
			if state == taking && body.Len() > 0 {
				state = done
			}
			if state != done {
				state = taking
				media.Reset()
				media.WriteString(line)
			}
		case state == inSession && wanted(line, "ice-lite", "ice-options:", "group:BUNDLE", "ice-ufrag:", "ice-pwd:"):
			head.WriteString(line)
		case state == taking && wanted(line, "mid:"):
			media.WriteString(line)
		case state == taking && wanted(line, "ice-ufrag:", "ice-pwd:", "ice-options:", "candidate:", "end-of-candidates"):
			body.WriteString(line)
		}
	}
	return head.String() + media.String() + body.String()
}

func wanted(line string, names ...string) bool {
	for _, n := range names {
		if strings.HasPrefix(line, "a="+n) {
			return true
		}
	}
	return false
}
