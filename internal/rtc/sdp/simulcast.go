package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// layers is what a section says about simulcast until it ends.
type layers struct {
	rids  []Encoding // that the offerer sends
	order []string   // as a=simulcast lists them
	known bool       // there was an a=simulcast
}

// rid reads "h send pt=96,97;max-width=320" (RFC 8851 §10). Lines that are malformed are ignored (§6.3).
func (l *layers) rid(val string) {
	f := strings.SplitN(strings.TrimSpace(val), " ", 3)
	if len(f) < 2 || f[1] != "send" || !ridName(f[0]) || len(l.rids) >= maxList {
		return
	}
	if slices.ContainsFunc(l.rids, func(e Encoding) bool { return e.RID == f[0] }) {
		return
	}
	e := Encoding{RID: f[0]}
	if len(f) == 3 {
		if len(f[2]) > maxFmtp || !printable(f[2]) {
			return
		}
		var rest []string
		for r := range strings.SplitSeq(f[2], ";") {
			r = strings.TrimSpace(r)
			if list, ok := strings.CutPrefix(r, "pt="); ok {
				e.types = strings.Split(list, ",")
			} else if r != "" {
				rest = append(rest, r)
			}
		}
		e.Restrict = strings.Join(rest, ";")
	}
	l.rids = append(l.rids, e)
}

// simulcast reads "send h;~m,m2;l recv x" (RFC 8853 §5.1): of alternatives the first one is taken, and that a stream is
// paused at first does not matter. Drafts had "send rid=h;l".
func (l *layers) simulcast(val string) {
	if l.known {
		return
	}
	l.known = true
	f := strings.Fields(val)
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] != "send" {
			continue
		}
		for group := range strings.SplitSeq(strings.TrimPrefix(f[i+1], "rid="), ";") {
			first, _, _ := strings.Cut(group, ",")
			if len(l.order) < maxList {
				l.order = append(l.order, strings.TrimPrefix(first, "~"))
			}
		}
	}
}

// sent lists the encodings that both kinds of lines name.
func (l *layers) sent() []Encoding {
	var list []Encoding
	for _, rid := range l.order {
		i := slices.IndexFunc(l.rids, func(e Encoding) bool { return e.RID == rid })
		if i < 0 || len(list) == MaxRIDs || slices.ContainsFunc(list, func(e Encoding) bool { return e.RID == rid }) {
			continue
		}
		list = append(list, l.rids[i])
	}
	return list
}

// ridName: RFC 8851 §10, and no longer than a header extension can say it.
func ridName(s string) bool {
	return s != "" && len(s) <= maxRID && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

// Simulcast gives the encodings that can be received by the formats: none unless the client can say which packet is of
// which one.
func (s *Section) Simulcast(formats []Format) []Encoding {
	if s.Ext(ExtRID) == 0 {
		return nil
	}
	var list []Encoding
	for _, e := range s.Encodings {
		has := func(pt string) bool {
			return slices.ContainsFunc(formats, func(f Format) bool {
				return pt == strconv.Itoa(int(f.Type)) || f.HasRTX && pt == strconv.Itoa(int(f.RTX))
			})
		}
		if n := len(e.types); n > 0 {
			e.types = slices.DeleteFunc(slices.Clone(e.types), func(pt string) bool { return !has(pt) })
			if len(e.types) == 0 {
				continue // RFC 8851 §6.3: restricted to what was not accepted
			}
		}
		list = append(list, e)
	}
	return list
}

// encodings answers the encodings (RFC 8851 §6.3, RFC 8853 §5.3.2).
func (s *AnswerSection) encodings(w *strings.Builder) {
	var rids []string
	for _, e := range s.Encodings {
		var rest []string
		if len(e.types) > 0 {
			rest = append(rest, "pt="+strings.Join(e.types, ","))
		}
		if e.Restrict != "" {
			rest = append(rest, e.Restrict)
		}
		attr(w, strings.TrimSpace("rid:"+e.RID+" recv "+strings.Join(rest, ";")))
		rids = append(rids, e.RID)
	}
	if len(rids) > 0 {
		attr(w, "simulcast:recv ", strings.Join(rids, ";"))
	}
}

// RIDs names the encodings that were negotiated: those of simulcast without names by their place in the group, "" where there
// is one encoding.
func (s *AnswerSection) RIDs() []string {
	var list []string
	for _, e := range s.Encodings {
		list = append(list, e.RID)
	}
	if len(list) == 0 && len(s.Offer.Group) > 1 {
		for i := range s.Offer.Group {
			list = append(list, strconv.Itoa(i))
		}
	}
	if len(list) == 0 {
		return []string{""}
	}
	return list
}
