package envelope

import "bytes"

// scanner walks over JSON text (RFC 8259) and checks it.
type scanner struct {
	data []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next skips space and takes the next byte, 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.at >= len(s.data) {
		return 0
	}
	s.at++
	return s.data[s.at-1]
}

// peek skips space and looks at the next byte, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at >= len(s.data) {
		return 0
	}
	return s.data[s.at]
}

// finish expects the end of the text.
func (s *scanner) finish(otherwise error) error {
	if s.space(); s.at != len(s.data) {
		return ErrSyntax
	}
	return otherwise
}

// value walks over one value.
func (s *scanner) value(depth int) error {
	if depth > MaxDepth {
		return ErrDeep
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.text()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return ErrSyntax
}

// object walks over an object and notes its members in e, if given.
func (s *scanner) object(depth int, e *Envelope) error {
	s.at++
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		if s.peek() != '"' {
			return ErrSyntax
		}
		m := member{name: s.at}
		if err := s.text(); err != nil {
			return err
		}
		m.nameEnd = s.at
		if s.next() != ':' {
			return ErrSyntax
		}
		s.space()
		m.value = s.at
		if err := s.value(depth + 1); err != nil {
			return err
		}
		m.end = s.at
		if e != nil {
			if e.n == MaxMembers {
				return ErrDeep
			}
			e.members[e.n] = m
			e.n++
		}
		switch s.next() {
		case ',':
		case '}':
			return nil
		default:
			return ErrSyntax
		}
	}
}

func (s *scanner) array(depth int) error {
	s.at++
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		if err := s.value(depth + 1); err != nil {
			return err
		}
		switch s.next() {
		case ',':
		case ']':
			return nil
		default:
			return ErrSyntax
		}
	}
}

// text walks over a string.
func (s *scanner) text() error {
	for i := s.at + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.at = i + 1
			return nil
		case c < ' ':
			return ErrSyntax
		case c == '\\':
			i++
			if i >= len(s.data) {
				return ErrSyntax
			}
			if s.data[i] == 'u' {
				if !hex4(s.data[i+1:]) {
					return ErrSyntax
				}
				i += 4
			} else if bytes.IndexByte([]byte(`"\/bfnrt`), s.data[i]) < 0 {
				return ErrSyntax
			}
		}
	}
	return ErrSyntax
}

func hex4(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	for _, c := range b[:4] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// number walks over a number: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() error {
	if s.data[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.data) && s.data[s.at] == '0' {
		s.at++
	} else if !s.digits() {
		return ErrSyntax
	}
	if s.at < len(s.data) && s.data[s.at] == '.' {
		s.at++
		if !s.digits() {
			return ErrSyntax
		}
	}
	if s.at < len(s.data) && s.data[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.data) && (s.data[s.at] == '+' || s.data[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return ErrSyntax
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.data[s.at:], []byte(w)) {
		return ErrSyntax
	}
	s.at += len(w)
	return nil
}
