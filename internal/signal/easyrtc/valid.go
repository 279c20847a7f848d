package easyrtc

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf16"
)

// object is the members of a JSON object. Names are compared exactly, the last one of a name counts.
type object map[string]json.RawMessage

// objectOf reads an object, false if it is none.
func objectOf(raw []byte) (object, bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	var o object
	return o, json.Unmarshal(raw, &o) == nil
}

// textOf reads a string, false if it is none.
func textOf(raw []byte) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

// wordOf says whether s is 1 to most of letters, digits and the others.
func wordOf(s string, most int, others string) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// validName is the rule for applications, rooms, groups and ids.
func validName(s string) bool { return wordOf(s, 32, "_.-") }

// lineOf says whether s is one line of least to most UTF-16 units, which is what clients count.
func lineOf(s string, least, most int) bool {
	n := len(utf16.Encode([]rune(s)))
	return n >= least && n <= most && !strings.ContainsAny(s, "\n\r\u2028\u2029")
}

// roomsOf reads {"name":{"roomName":"name"},…} in the order of the names, false if it is not that.
func roomsOf(raw []byte) (names []string, parameters map[string]object, ok bool) {
	rooms, ok := objectOf(raw)
	if !ok || len(rooms) > maxRooms {
		return nil, nil, false
	}
	parameters = make(map[string]object)
	for name, value := range rooms {
		o, isObject := objectOf(value)
		said, isText := textOf(o["roomName"])
		if !isObject || !isText || said != name || !validName(name) {
			return nil, nil, false
		}
		if raw, there := o["roomParameter"]; there {
			if parameters[name], ok = objectOf(raw); !ok {
				return nil, nil, false
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, parameters, true
}

// presence is what a client says about its user.
type presence struct {
	Show   string  `json:"show"`
	Status *string `json:"status"`
}

// change takes over what raw sets, false if raw is not as it must be; then nothing is changed.
func (p *presence) change(raw []byte) bool {
	o, ok := objectOf(raw)
	if !ok || len(o) == 0 {
		return false
	}
	fresh := *p
	if raw, there := o["show"]; there {
		show, ok := textOf(raw)
		if !ok || !slices.Contains([]string{"away", "chat", "dnd", "xa"}, show) {
			return false
		}
		fresh.Show = show
	}
	if raw, there := o["status"]; there {
		status, ok := textOf(raw)
		if !ok || !lineOf(status, 0, 255) {
			return false
		}
		fresh.Status = &status
	}
	*p = fresh
	return true
}

// newID is an easyrtcid, which nobody guesses.
func newID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i, c := range b {
		b[i] = letters[int(c)%len(letters)]
	}
	return string(b[:])
}
