// Package envelope reads the outside of a JSON message that is relayed, and puts the true sender on it, without
// decoding what is inside: the payload reaches the other client byte for byte.
//
//	Open ─▶ Envelope.Text("dst") … ─▶ Envelope.Stamp("src", id)
package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep a message may be nested.
const MaxDepth = 128

// MaxMembers is how many members the outer object may have.
const MaxMembers = 32

// Errors of Open.
var (
	// ErrSyntax: not JSON (RFC 8259), or not UTF-8.
	ErrSyntax = errors.New("not valid JSON")
	// ErrObject: JSON, but no object.
	ErrObject = errors.New("not a JSON object")
	// ErrDeep: nested deeper than MaxDepth, or more than MaxMembers.
	ErrDeep = errors.New("too deep or too many members")
)

// Envelope is an opened message. It refers to the bytes that it was made of.
type Envelope struct {
	data    []byte
	members [MaxMembers]member
	n       int
}

// member is a part of data: from the quote of the name to the end of the value.
type member struct{ name, nameEnd, value, end int }

// Open reads a message, checking all of it; e is what it fills, so that it needs no allocation.
func Open(data []byte, e *Envelope) error {
	if !utf8.Valid(data) {
		return ErrSyntax
	}
	e.data, e.n = data, 0
	s := scanner{data: data}
	s.space()
	if s.at >= len(data) {
		return ErrSyntax
	}
	if data[s.at] != '{' {
		if err := s.value(0); err != nil {
			return err
		}
		return s.finish(ErrObject)
	}
	if err := s.object(0, e); err != nil {
		return err
	}
	return s.finish(nil)
}

// find is the last member of the name, as JSON.parse takes it.
func (e *Envelope) find(name string) (member, bool) {
	for i := e.n - 1; i >= 0; i-- {
		if m := e.members[i]; e.named(m, name) {
			return m, true
		}
	}
	return member{}, false
}

// named compares a member's name, which may be written with escapes.
func (e *Envelope) named(m member, name string) bool {
	raw := e.data[m.name:m.nameEnd]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == name
	}
	var s string
	return json.Unmarshal(raw, &s) == nil && s == name
}

// Text returns a member that is a string, false if there is none.
func (e *Envelope) Text(name string) (string, bool) {
	raw, ok := e.Raw(name)
	if !ok || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

// Raw returns the JSON of a member, which is a part of the message; false if there is none.
func (e *Envelope) Raw(name string) ([]byte, bool) {
	m, ok := e.find(name)
	if !ok {
		return nil, false
	}
	return e.data[m.value:m.end], true
}

// Stamp returns the message with the member name set to the string value, in new memory. Whatever the sender wrote
// under that name, in whatever spelling, is gone.
func (e *Envelope) Stamp(name, value string) []byte {
	out := make([]byte, 0, len(e.data)+len(name)+len(value)+16)
	out = append(out, '{')
	for _, m := range e.members[:e.n] {
		if e.named(m, name) {
			continue
		}
		out = append(append(out, e.data[m.name:m.end]...), ',')
	}
	out = append(out, '"')
	out = append(out, name...)
	out = append(out, `":`...)
	out = appendString(out, value)
	return append(out, '}')
}

// appendString writes a JSON string.
func appendString(out []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			if quoted, err := json.Marshal(s); err == nil {
				return append(out, quoted...)
			}
			return strconv.AppendQuoteToASCII(out, s)
		}
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}
