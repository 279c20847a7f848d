package message

import (
	"slices"
	"strconv"
	"strings"
)

// Get is the value of the first header of the name, "" if there is none.
func (m *Message) Get(name string) string {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value
		}
	}
	return ""
}

// All are the values of all headers of the name, in their order.
func (m *Message) All(name string) []string {
	var out []string
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			out = append(out, m.Headers[i].Value)
		}
	}
	return out
}

// Has says whether one of the headers of the name, all lists of tokens, has the token.
func (m *Message) Has(name, want string) bool {
	for _, v := range m.All(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), want) {
				return true
			}
		}
	}
	return false
}

// Add puts a header at the end.
func (m *Message) Add(name, value string) { m.Headers = append(m.Headers, Header{name, value}) }

// Set replaces the first header of the name, or adds it.
func (m *Message) Set(name, value string) {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			m.Headers[i].Value = value
			return
		}
	}
	m.Add(name, value)
}

// Prepend puts a header before all others.
func (m *Message) Prepend(name, value string) {
	m.Headers = slices.Insert(m.Headers, 0, Header{name, value})
}

// Pop takes the first header of the name away.
func (m *Message) Pop(name string) {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			m.Headers = slices.Delete(m.Headers, i, i+1)
			return
		}
	}
}

// Drop takes all headers of the name away.
func (m *Message) Drop(name string) {
	m.Headers = slices.DeleteFunc(m.Headers, func(h Header) bool { return strings.EqualFold(h.Name, name) })
}

// Clone is a copy that shares no header with m; the body is the same memory.
func (m *Message) Clone() *Message {
	c := *m
	c.Headers = slices.Clone(m.Headers)
	return &c
}

// CSeq is the number and the method of the header (RFC 3261 §20.16).
func (m *Message) CSeq() (n uint32, method string, err error) {
	number, method, ok := strings.Cut(m.Get("CSeq"), " ")
	v, err := strconv.ParseUint(number, 10, 31) // RFC 3261 §8.1.1.5
	method = strings.TrimLeft(method, " \t")
	if !ok || err != nil || !token(method) {
		return 0, "", ErrHeader
	}
	return uint32(v), method, nil
}

// Number is a header that is a number; there is false when it is missing.
func (m *Message) Number(name string) (n int, there bool, err error) {
	text := m.Get(name)
	if text == "" {
		return 0, false, nil
	}
	v, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, true, ErrHeader
	}
	return int(min(v, 1<<31-1)), true, nil
}

// Respond makes a response with what all have of the request (RFC 3261 §8.2.6); tag is for a To without one, "" = none.
func (m *Message) Respond(status int, reason, tag string) *Message {
	r := &Message{Status: status, Reason: reason}
	for _, h := range m.Headers {
		switch strings.ToLower(h.Name) {
		case "via", "from", "call-id", "cseq":
			r.Headers = append(r.Headers, h)
		case "to":
			if a, err := ParseAddr(h.Value); err == nil && tag != "" && a.Param("tag") == "" {
				h.Value += ";tag=" + tag
				if !strings.Contains(h.Value, "<") {
					h.Value = "<" + a.Text + ">" + a.Params + ";tag=" + tag
				}
			}
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}
