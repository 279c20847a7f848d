// Package message reads and writes SIP messages (RFC 3261 §7) as a proxy needs it: what it does not understand comes
// out as it went in, byte for byte.
//
//	Parse ─▶ Message.Get, All, Addr, URI … ─▶ Set, Prepend, Drop ─▶ Message.Bytes
//
// Compact names become long ones, folded lines straight, and lists of Via, Route, Record-Route, Path, Contact one header
// each, which RFC 3261 §7.3 declares to be the same.
package message

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a message, which as a whole is bounded by its frame.
const (
	MaxHeaders = 128 // after lists have become single headers
	MaxLine    = 8192
)

// Errors of Parse.
var (
	ErrSyntax  = errors.New("not a SIP message")
	ErrHeader  = errors.New("malformed header")
	ErrTooMuch = errors.New("too many or too long headers")
	ErrLength  = errors.New("Content-Length does not fit the body")
	ErrVersion = errors.New("not SIP/2.0")
)

// Header is one header.
type Header struct{ Name, Value string }

// Message is a request, or a response if Status is not 0.
type Message struct {
	Method  string // of a request; case counts (RFC 3261 §7.1)
	URI     string // of a request
	Status  int    // of a response, 100 to 699
	Reason  string // of a response
	Headers []Header
	Body    []byte
}

// Parse reads a message that fills data. Where the first line and some headers could be read, the message is there
// beside the error, for an answer.
func Parse(data []byte) (*Message, error) {
	head, body, ok := bytes.Cut(data, []byte("\r\n\r\n"))
	if !ok {
		if head, ok = bytes.CutSuffix(data, []byte("\r\n")); !ok {
			return nil, ErrSyntax
		}
		body = nil
	}
	text := string(head)
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return nil, ErrSyntax
	}
	first, rest, _ := strings.Cut(text, "\r\n")
	m := new(Message)
	err := m.start(first)
	if err != nil && !errors.Is(err, ErrVersion) {
		return nil, err
	}
	if herr := m.headers(rest); err == nil {
		err = herr
	}
	if lerr := m.body(body); err == nil {
		err = lerr
	}
	return m, err
}

// start reads the first line (RFC 3261 §7.1, §7.2).
func (m *Message) start(line string) error {
	a, rest, _ := strings.Cut(line, " ")
	b, c, ok := strings.Cut(rest, " ")
	if !ok || a == "" || b == "" || len(line) > MaxLine {
		return ErrSyntax
	}
	if strings.HasPrefix(a, "SIP/") {
		n, err := strconv.Atoi(b)
		if a != "SIP/2.0" || err != nil || len(b) != 3 || n < 100 || n > 699 || clean(c) != nil {
			return ErrSyntax
		}
		m.Status, m.Reason = n, c
		return nil
	}
	if !token(a) || clean(b) != nil || !strings.HasPrefix(c, "SIP/") || strings.Contains(c, " ") {
		return ErrSyntax
	}
	m.Method, m.URI = a, b
	if c != "SIP/2.0" {
		return ErrVersion
	}
	return nil
}

// headers reads the lines of headers; those before the first bad one are kept.
func (m *Message) headers(text string) error {
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\r\n")
		for text != "" && (text[0] == ' ' || text[0] == '\t') { // folded: RFC 3261 §7.3.1
			var more string
			more, text, _ = strings.Cut(text, "\r\n")
			line = strings.TrimRight(line, " \t") + " " + strings.TrimLeft(more, " \t")
			if len(line) > MaxLine {
				return ErrTooMuch
			}
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimRight(name, " \t"), strings.Trim(value, " \t")
		switch {
		case !ok || !token(name) || clean(value) != nil:
			return ErrHeader
		case len(line) > MaxLine:
			return ErrTooMuch
		}
		if long, ok := compact[strings.ToLower(name)]; ok {
			name = long
		}
		if err := m.add(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (m *Message) add(name, value string) error {
	values := []string{value}
	if lists[strings.ToLower(name)] {
		var err error
		if values, err = Split(value, ','); err != nil {
			return err
		}
	}
	for _, v := range values {
		if len(m.Headers) == MaxHeaders {
			return ErrTooMuch
		}
		m.Headers = append(m.Headers, Header{name, v})
	}
	return nil
}

// body takes what Content-Length says; without one it is all there is, as the frame ends it (RFC 7118 §4.2).
func (m *Message) body(data []byte) error {
	n := len(data)
	if text := m.Get("Content-Length"); text != "" {
		said, err := strconv.ParseUint(text, 10, 31)
		if err != nil || int(said) > n {
			return ErrLength
		}
		n = int(said)
	}
	m.Body = bytes.Clone(data[:n])
	return nil
}

// compact are the short names (RFC 3261 §7.3.3 and those that came later).
var compact = map[string]string{
	"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "l": "Content-Length", "c": "Content-Type", "e": "Content-Encoding",
	"s": "Subject", "k": "Supported", "r": "Refer-To", "b": "Referred-By", "o": "Event", "u": "Allow-Events", "x": "Session-Expires",
}

// lists are headers whose values we look at one by one.
var lists = map[string]bool{"via": true, "route": true, "record-route": true, "path": true, "contact": true}

// token is RFC 3261 §25.1.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-.!%*_+`'~", c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// clean: no control characters, which would make a line of their own.
func clean(s string) error {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return ErrHeader
		}
	}
	return nil
}

// Split cuts a list outside of quotes and angle brackets.
func Split(s string, sep byte) ([]string, error) {
	var out []string
	var quoted, angle bool
	from := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angle:
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == sep && !angle:
			out = append(out, strings.Trim(s[from:i], " \t"))
			from = i + 1
		}
	}
	if quoted || angle {
		return nil, ErrHeader
	}
	return append(out, strings.Trim(s[from:], " \t")), nil
}

// Bytes is the message as it goes over the wire.
func (m *Message) Bytes() []byte {
	n := 64 + len(m.URI) + len(m.Reason) + len(m.Body)
	for _, h := range m.Headers {
		n += len(h.Name) + len(h.Value) + 4
	}
	out := make([]byte, 0, n)
	if m.Status != 0 {
		out = append(strconv.AppendInt(append(out, "SIP/2.0 "...), int64(m.Status), 10), ' ')
		out = append(out, m.Reason...)
	} else {
		out = append(append(append(append(out, m.Method...), ' '), m.URI...), " SIP/2.0"...)
	}
	out = append(out, "\r\n"...)
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, "Content-Length") {
			continue
		}
		out = append(append(append(append(out, h.Name...), ": "...), h.Value...), "\r\n"...)
	}
	out = append(strconv.AppendInt(append(out, "Content-Length: "...), int64(len(m.Body)), 10), "\r\n\r\n"...)
	return append(out, m.Body...)
}
