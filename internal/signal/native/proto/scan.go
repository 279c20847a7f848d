package proto

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"veche.example/internal/room"
)

// MaxDepth is how deep objects and arrays may nest; the frame itself is 1.
const MaxDepth = 16

// scanner checks that bytes are one JSON object (RFC 8259) without walking into traps that
// encoding/json allows: an object that names a member twice, which two readers may read
// differently, and nesting without a bound. It allocates nothing for ordinary frames.
type scanner struct {
	data []byte
	pos  int
	fail string // what is wrong, "" = nothing
}

// check returns an error of code bad-json unless data is one JSON object in UTF-8, alone.
func check(data []byte) *room.Error {
	if !utf8.Valid(data) {
		return fail(CodeBadJSON, "not UTF-8")
	}
	s := scanner{data: data}
	s.space()
	if s.peek() != '{' {
		return fail(CodeBadJSON, "not a JSON object")
	}
	if s.value(1) {
		if s.space(); s.pos < len(data) {
			s.bad("data after the object")
		}
	}
	if s.fail != "" {
		return fail(CodeBadJSON, s.fail)
	}
	return nil
}

func (s *scanner) bad(why string) bool {
	if s.fail == "" {
		s.fail = why
	}
	return false
}

// peek returns the next byte, 0 at the end (a NUL is no valid JSON anywhere we look).
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// value passes over one value that starts here; depth counts the containers around and including it.
func (s *scanner) value(depth int) bool {
	switch c := s.peek(); {
	case c == '{' || c == '[':
		if depth > MaxDepth {
			return s.bad("nested too deeply")
		}
		s.pos++
		if c == '{' {
			return s.object(depth)
		}
		return s.array(depth)
	case c == '"':
		return s.str()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	default:
		return s.word("true") || s.word("false") || s.word("null") || s.bad("not JSON")
	}
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return false
	}
	s.pos += len(w)
	return true
}

func (s *scanner) array(depth int) bool {
	if s.space(); s.peek() == ']' {
		s.pos++
		return true
	}
	for {
		s.space()
		if !s.value(depth + 1) {
			return false
		}
		if more, ok := s.more(']'); !more {
			return ok
		}
	}
}

func (s *scanner) object(depth int) bool {
	if s.space(); s.peek() == '}' {
		s.pos++
		return true
	}
	var keys names
	for {
		s.space()
		start := s.pos
		if s.peek() != '"' {
			return s.bad("not JSON: a member without a name")
		}
		if !s.str() {
			return false
		}
		if !keys.add(unquote(s.data[start:s.pos])) {
			return s.bad("a member twice in one object")
		}
		if s.space(); s.peek() != ':' {
			return s.bad("not JSON: a member without a value")
		}
		s.pos++
		s.space()
		if !s.value(depth + 1) {
			return false
		}
		if more, ok := s.more('}'); !more {
			return ok
		}
	}
}

// more passes a comma (true), or the end of the container (false, true).
func (s *scanner) more(end byte) (more, ok bool) {
	s.space()
	c := s.peek()
	s.pos++
	switch c {
	case ',':
		return true, true
	case end:
		return false, true
	}
	return false, s.bad("not JSON: cut off or without a comma")
}

func (s *scanner) str() bool {
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return true
		case c < 0x20:
			return s.bad("not JSON: a control character in a string")
		case c == '\\':
			s.pos++
			if !s.escape() {
				return s.bad("not JSON: an unknown escape")
			}
		}
	}
	return s.bad("not JSON: a string without an end")
}

// escape leaves pos at the last byte of the escape.
func (s *scanner) escape() bool {
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			s.pos++
			if c := s.peek(); !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return false
			}
		}
		return true
	}
	return false
}

func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if s.digits() == 0 {
		return s.bad("not JSON: a number without digits")
	}
	if s.peek() == '.' {
		if s.pos++; s.digits() == 0 {
			return s.bad("not JSON: a number without digits")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if s.digits() == 0 {
			return s.bad("not JSON: a number without digits")
		}
	}
	return true
}

func (s *scanner) digits() int {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos - start
}

// unquote returns the text of a valid JSON string, in place when it has no escapes. Half a
// surrogate pair, which JavaScript can make by cutting a string, becomes U+FFFD.
func unquote(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid: the scanner has passed it
	return []byte(s)
}

// names is the set of an object's member names: a few in place, many in a map, so that an object
// with 100,000 of them is not compared with itself.
type names struct {
	few  [16][]byte
	n    int
	many map[string]struct{}
}

// add says whether name is new.
func (s *names) add(name []byte) bool {
	if s.n < len(s.few) {
		for _, k := range s.few[:s.n] {
			if bytes.Equal(k, name) {
				return false
			}
		}
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = map[string]struct{}{}
		for _, k := range s.few {
			s.many[string(k)] = struct{}{}
		}
	}
	if _, ok := s.many[string(name)]; ok {
		return false
	}
	s.many[string(name)] = struct{}{}
	return true
}
