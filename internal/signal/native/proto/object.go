package proto

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"veche.example/internal/room"
)

// object reads the members of a JSON object that has passed check. Reading goes on after a fault
// with zero values; the first fault is what the client is told.
type object struct {
	keys   []string
	values [][]byte
	path   string // what leads here, for the message: "tracks[1]."
	err    **room.Error
}

// parse splits raw, a valid object, into its members.
func parse(raw []byte, path string, err **room.Error) *object {
	o := &object{path: path, err: err}
	s := scanner{data: raw, pos: 1}
	for s.space(); s.peek() == '"'; s.space() {
		start := s.pos
		s.str()
		o.keys = append(o.keys, string(unquote(raw[start:s.pos])))
		s.space()
		s.pos++ // the colon
		s.space()
		start = s.pos
		s.value(1)
		o.values = append(o.values, raw[start:s.pos])
		s.more('}')
	}
	return o
}

// bad notes a fault of the member named key.
func (o *object) bad(key, why string) {
	if *o.err == nil {
		*o.err = fail(room.CodeBadMessage, o.path+key+": "+why)
	}
}

// raw returns a member's bytes, nil if it is not there.
func (o *object) raw(key string) []byte {
	if i := slices.Index(o.keys, key); i >= 0 {
		return o.values[i]
	}
	return nil
}

func (o *object) has(key string) bool { return o.raw(key) != nil }

// need returns the bytes of a member that starts with one of these, its kind in a word for the fault.
func (o *object) need(key, kind, first string) []byte {
	raw := o.raw(key)
	switch {
	case raw == nil:
		o.bad(key, "missing")
	case !slices.Contains([]byte(first), raw[0]):
		o.bad(key, "not "+kind)
	default:
		return raw
	}
	return nil
}

// text returns a string of at least low and at most high code points.
func (o *object) text(key string, low, high int) string {
	raw := o.need(key, "a string", `"`)
	if raw == nil {
		return ""
	}
	b := unquote(raw)
	if n := utf8.RuneCount(b); n < low || n > high {
		o.bad(key, fmt.Sprintf("must have %d to %d code points", low, high))
		return ""
	}
	return string(b)
}

// short returns a string of at most high bytes of UTF-8.
func (o *object) short(key string, low, high int) string {
	s := o.text(key, low, high)
	if len(s) > high {
		o.bad(key, fmt.Sprintf("must have %d to %d bytes", low, high))
	}
	return s
}

// maxID is the longest id accepted; ours have 22 characters.
const maxID = 64

// id returns an id: base64url characters, so that it can stand in a link name or a URL.
func (o *object) id(key string) string {
	s := o.text(key, 1, maxID)
	for _, c := range []byte(s) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_') {
			o.bad(key, "not an id")
			return ""
		}
	}
	return s
}

// mid returns the identification of a section: a token (RFC 5888 §4) of at most 32 characters.
func (o *object) mid(key string) string {
	s := o.text(key, 1, 32)
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || slices.Contains([]byte("\"(),/:;<=>?@[\\]"), c) {
			o.bad(key, "not a token")
			return ""
		}
	}
	return s
}

// enum returns one of the words.
func (o *object) enum(key string, words ...string) string {
	s := o.text(key, 1, 64)
	if s != "" && !slices.Contains(words, s) {
		o.bad(key, "unknown")
		return ""
	}
	return s
}

func (o *object) bool(key string) bool {
	raw := o.need(key, "true or false", "tf")
	return raw != nil && raw[0] == 't'
}

// number returns a number between low and high.
func (o *object) number(key string, low, high float64) float64 {
	raw := o.need(key, "a number", "-0123456789")
	if raw == nil {
		return low
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || v < low || v > high {
		o.bad(key, fmt.Sprintf("must be %.0f to %.0f", low, high))
		return low
	}
	return v
}

// maxSafe is the largest integer that every JSON reader keeps exact (RFC 7493 §2.2).
const maxSafe = 1<<53 - 1

// int returns an integer between low and high, which is at most maxSafe.
func (o *object) int(key string, low, high int64) int64 {
	v := o.number(key, float64(low), float64(high))
	if v != math.Trunc(v) {
		o.bad(key, "not an integer")
		return low
	}
	return int64(v)
}

// small returns an integer from 0 to 2^31−1.
func (o *object) small(key string) int { return int(o.int(key, 0, math.MaxInt32)) }

// object returns a member that is an object, an empty one after a fault.
func (o *object) object(key string) *object {
	raw := o.need(key, "an object", "{")
	if raw == nil {
		return &object{path: o.path + key + ".", err: o.err}
	}
	return parse(raw, o.path+key+".", o.err)
}

// list returns the raw items of a member that is an array of at most limit.
func (o *object) list(key string, limit int) [][]byte {
	raw := o.need(key, "an array", "[")
	if raw == nil {
		return nil
	}
	items := [][]byte{}
	s := scanner{data: raw, pos: 1}
	for s.space(); s.peek() != ']' && s.pos < len(raw); s.space() {
		if len(items) == limit {
			o.bad(key, fmt.Sprintf("more than %d", limit))
			return nil
		}
		start := s.pos
		s.value(1)
		items = append(items, raw[start:s.pos])
		if more, _ := s.more(']'); !more {
			break
		}
		s.space()
	}
	return items
}

// objects calls f for each item of an array of at most limit objects.
func (o *object) objects(key string, limit int, f func(i int, item *object)) {
	for i, raw := range o.list(key, limit) {
		path := fmt.Sprintf("%s%s[%d].", o.path, key, i)
		if raw[0] != '{' {
			o.bad(key, "not an array of objects")
			return
		}
		f(i, parse(raw, path, o.err))
	}
}

// words returns an array of at most limit different strings, each known unless known is empty.
func (o *object) words(key string, limit int, known ...string) []string {
	out := []string{}
	for _, raw := range o.list(key, limit) {
		if raw[0] != '"' || len(raw) > 64 {
			o.bad(key, "not an array of short strings")
			return nil
		}
		w := string(unquote(raw))
		if len(known) > 0 && !slices.Contains(known, w) {
			o.bad(key, "unknown name")
			return nil
		}
		if slices.Contains(out, w) {
			o.bad(key, "a name twice")
			return nil
		}
		out = append(out, w)
	}
	return out
}
