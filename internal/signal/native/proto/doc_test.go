package proto

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"veche.example/internal/room"
)

// section returns the text of veche-v1.md between two headings.
func section(t *testing.T, heading string) string {
	t.Helper()
	data, err := os.ReadFile("../../../../docs/protocol/veche-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(data), "\n## "+heading)
	if !ok {
		t.Fatalf("no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// rows returns the cells of the rows of the nth table (from 0) in text, without its heading.
func rows(t *testing.T, text string, nth int) [][]string {
	t.Helper()
	var tables [][][]string
	inside := false
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		if !inside {
			tables = append(tables, nil)
			inside = true
		}
		cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "/"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		tables[len(tables)-1] = append(tables[len(tables)-1], cells)
	}
	if nth >= len(tables) || len(tables[nth]) < 3 {
		t.Fatalf("no table %d", nth)
	}
	return tables[nth][2:]
}

var (
	ticked = regexp.MustCompile("`([^`]+)`(\\??)")
	braced = regexp.MustCompile(`\{[^{}]*\}|\[[^\[\]]*\]|\([^()]*\)`)
)

// members returns the names at the top of a members cell, with "?" behind the optional ones: the
// backticked word that begins each part between commas.
func members(cell string) []string {
	for braced.MatchString(cell) {
		cell = braced.ReplaceAllString(cell, "")
	}
	var out []string
	for _, part := range strings.Split(cell, ",") {
		if m := ticked.FindStringSubmatch(part); m != nil && strings.HasPrefix(strings.TrimSpace(part), m[0]) {
			out = append(out, m[1]+m[2])
		}
	}
	return out
}

// fields returns a message's members in the same form, from its JSON tags.
func fields(typ reflect.Type) []string {
	var out []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Anonymous {
			out = append(out, fields(f.Type)...)
			continue
		}
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if option == "omitempty" {
			name += "?"
		}
		out = append(out, name)
	}
	return out
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func TestDocListsRequests(t *testing.T) {
	var want []string
	for _, s := range Table {
		if s.Direction == FromClient {
			want = append(want, s.Type)
		}
	}
	var got []string
	for _, row := range rows(t, section(t, "3."), 0) {
		name := strings.Trim(row[0], "`")
		got = append(got, name)
		s := byType[name]
		if s == nil {
			t.Errorf("documented %q is not in the table", name)
			continue
		}
		if d := cmp.Diff(sorted(members(row[1])), sorted(fields(reflect.TypeOf(s.zero)))); d != "" {
			t.Errorf("%s: members (-document +code):\n%s", name, d)
		}
		reply := ticked.FindStringSubmatch(row[3])
		switch {
		case reply == nil || !slices.ContainsFunc(Table, func(s Spec) bool {
			return s.Type == reply[1] && s.Direction == FromServer && !s.Numbered
		}):
			t.Errorf("%s: reply %q is no reply", name, row[3])
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("requests (-code +document):\n%s", d)
	}
}

// TestDocRightsAreTheRooms compares "who may" with the authorisation table of package room, and
// the rows a message needs with the message's name there.
func TestDocRightsAreTheRooms(t *testing.T) {
	covered := map[room.Message]bool{}
	for _, row := range rows(t, section(t, "3."), 0) {
		s := byType[strings.Trim(row[0], "`")]
		if s == nil {
			continue // told by the other test
		}
		general, special, _ := strings.Cut(row[2], " (")
		for _, m := range s.Needs {
			covered[m] = true
			if m.Wire() != s.Type {
				t.Errorf("%s needs the row of %q", s.Type, m.Wire())
			}
			who := general
			if m == room.MsgOfferPublish || m == room.MsgSignalFile {
				_, who, _ = strings.Cut(strings.TrimSuffix(special, ")"), ": ")
			}
			want, known := map[string]string{
				"first frame only": "outside", "joined": "viewer speaker moderator",
				"speaker": "speaker moderator", "moderator": "moderator",
			}[who]
			if !known {
				t.Errorf("%s: nobody knows who is %q", s.Type, who)
			}
			if got := allowed(m); got != want {
				t.Errorf("%s (%s): the document says %q, the room %q", s.Type, m, want, got)
			}
		}
	}
	for m := range room.Messages {
		if m.Wire() != "" && !covered[m] {
			t.Errorf("the room has a right %q that no message needs", m)
		}
	}
}

func allowed(m room.Message) string {
	var who []string
	for _, r := range []room.Role{room.Viewer, room.Speaker, room.Moderator} {
		if room.Allowed(r, room.PhaseOutside, m) {
			return "outside"
		}
		if room.Allowed(r, room.PhaseJoined, m) {
			who = append(who, r.String())
		}
	}
	return strings.Join(who, " ")
}

func TestDocListsEvents(t *testing.T) {
	var want, got []string
	for _, s := range Table {
		if s.Direction == FromServer {
			want = append(want, s.Type)
		}
	}
	plain := regexp.MustCompile("`ok`[^.]*carry no `n`").FindString(section(t, "1."))
	for _, row := range rows(t, section(t, "4."), 0) {
		name := strings.Trim(row[0], "`")
		got = append(got, name)
		i := slices.IndexFunc(Table, func(s Spec) bool { return s.Type == name && s.Direction == FromServer })
		if i < 0 {
			t.Errorf("documented %q is not in the table", name)
			continue
		}
		have := slices.DeleteFunc(members(row[1]), func(m string) bool { return m == "re" || m == "re?" })
		if d := cmp.Diff(sorted(have), sorted(fields(reflect.TypeOf(Table[i].zero))), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: members (-document +code):\n%s", name, d)
		}
		if Table[i].Numbered == strings.Contains(plain, "`"+name+"`") {
			t.Errorf("%s: numbered %t, section 1 says otherwise", name, Table[i].Numbered)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-code +document):\n%s", d)
	}
}

func TestDocListsObjects(t *testing.T) {
	text := section(t, "4.")
	for name, zero := range map[string]any{"Member": Member{}, "ChatMessage": ChatMessage{}, "Call": Call{}} {
		_, def, ok := strings.Cut(text, "\n`"+name+"`: {")
		if !ok {
			t.Errorf("%s is not explained", name)
			continue
		}
		depth, end := 1, 0
		for i, c := range def {
			if c == '{' {
				depth++
			}
			if c == '}' {
				depth--
			}
			if depth == 0 {
				end = i
				break
			}
		}
		// The reasons of a call are listed after a comma-free run of words.
		if d := cmp.Diff(sorted(members(def[:end])), sorted(fields(reflect.TypeOf(zero)))); d != "" {
			t.Errorf("%s (-document +code):\n%s", name, d)
		}
	}
}

func TestDocListsCodes(t *testing.T) {
	text := section(t, "6.")
	codes := map[string]bool{}
	for _, row := range rows(t, text, 0) {
		for _, m := range ticked.FindAllStringSubmatch(row[0], -1) {
			codes[m[1]] = true
		}
	}
	for _, c := range []room.Code{
		room.CodeBadMessage, room.CodeNotAllowed, room.CodeToken, room.CodeLocked, room.CodeFull, room.CodeEnded,
		room.CodeNoMember, room.CodeNoCall, room.CodeBusy, room.CodeOverloaded, room.CodeInternal,
		CodeBadJSON, CodeUnknownType, CodeTooBig, CodeRate, CodeVersion, CodeSDP,
	} {
		if !codes[string(c)] {
			t.Errorf("error %q is not documented", c)
		}
		delete(codes, string(c))
	}
	for c := range codes {
		t.Errorf("error %q is not in the code", c)
	}
	documented := map[room.Code]int{}
	for _, row := range rows(t, text, 1) {
		n, err := strconv.Atoi(row[2])
		if err != nil {
			t.Errorf("%v", err)
		}
		for _, m := range ticked.FindAllStringSubmatch(row[0], -1) {
			documented[room.Code(m[1])] = n
		}
	}
	if d := cmp.Diff(byes, documented); d != "" {
		t.Errorf("byes (-code +document):\n%s", d)
	}
}
