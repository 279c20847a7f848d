package room

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rights is the authorisation table a second time, written by hand from veche-v1 §3 and not from
// the code. Letters: n nobody yet, v viewer, s speaker, m moderator.
const rights = `
	message          outside  joined  detached  removed
	hello            nvsm     -       -         -
	leave            -        vsm     vsm       -
	ping             -        vsm     -         -
	state            -        vsm     -         -
	offer-publish    -        sm      -         -
	offer-subscribe  -        vsm     -         -
	candidate        -        vsm     -         -
	view             -        vsm     -         -
	signal-media     -        sm      -         -
	signal-file      -        vsm     -         -
	ready            -        vsm     -         -
	ring             -        sm      -         -
	accept           -        sm      -         -
	decline          -        sm      -         -
	cancel           -        sm      -         -
	hangup           -        sm      -         -
	chat             -        vsm     -         -
	mute             -        m       -         -
	remove           -        m       -         -
	lock             -        m       -         -
	role             -        m       -         -
	end              -        m       -         -
	ice              -        vsm     -         -
	attach           -        vsm     vsm       -
	detach           -        vsm     vsm       -
	publish          -        sm      sm        -
	unpublish        -        vsm     vsm       -
	expire           -        -       -         -
`

func rightsByName(t *testing.T) map[string][]string {
	t.Helper()
	table := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(rights), "\n")[1:] {
		f := strings.Fields(line)
		if len(f) != 5 || table[f[0]] != nil {
			t.Fatalf("bad line %q", line)
		}
		table[f[0]] = f[1:]
	}
	return table
}

func TestAllowedEveryCell(t *testing.T) {
	table := rightsByName(t)
	if len(table) != int(Messages) {
		t.Errorf("%d rows for %d messages", len(table), Messages)
	}
	letters := []string{"n", "v", "s", "m"}
	for m := range Messages + 3 {
		row := table[m.String()]
		if m < Messages && row == nil {
			t.Errorf("message %d (%q) has no row", m, m)
		}
		for phase := range PhaseRemoved + 3 {
			for role := range Moderator + 4 {
				want := m < Messages && phase <= PhaseRemoved && role <= Moderator &&
					row != nil && strings.Contains(row[phase], letters[role])
				if got := Allowed(role, phase, m); got != want {
					t.Errorf("Allowed(%q, phase %d, %q) = %t, want %t", role, phase, m, got, want)
				}
			}
		}
	}
	for _, role := range []Role{8, 64, 255} { // no shift reaches a bit of a row
		if Allowed(role, PhaseJoined, MsgChat) {
			t.Errorf("role %d may chat", role)
		}
	}
}

// TestEveryMessageHasARow reads the source, so that a constant added anywhere is found.
func TestEveryMessageHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "permission.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var consts, keys []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for _, name := range n.Names {
				if strings.HasPrefix(name.Name, "Msg") {
					consts = append(consts, name.Name)
				}
			}
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && strings.HasPrefix(id.Name, "Msg") {
				keys = append(keys, id.Name)
			}
		}
		return true
	})
	if len(consts) != int(Messages) {
		t.Errorf("%d constants, Messages = %d", len(consts), Messages)
	}
	if d := cmp.Diff(consts, keys); d != "" {
		t.Errorf("constants and rows differ:\n%s", d)
	}
	seen := map[string]bool{}
	for m := range Messages {
		if m.String() == "" || seen[m.String()] {
			t.Errorf("message %d: name %q is empty or used twice", m, m)
		}
		seen[m.String()] = true
	}
	if Messages.String() != "" || Messages.Wire() != "" {
		t.Error("the count is not a message")
	}
}

// TestCommandsNameTheirRow keeps a command from borrowing the rights of another message.
func TestCommandsNameTheirRow(t *testing.T) {
	for name, c := range map[string]Command{
		"hello": Join{}, "leave": Leave{}, "attach": Attach{}, "detach": Detach{}, "state": SetState{},
		"publish": Publish{}, "unpublish": Unpublish{}, "ready": Ready{}, "ring": Ring{},
		"accept": Accept{}, "decline": Decline{}, "cancel": Cancel{}, "hangup": HangUp{}, "chat": Chat{},
		"mute": Mute{}, "remove": Remove{}, "lock": Lock{}, "role": SetRole{}, "end": End{},
		"expire": Expire{}, "signal-media": Signal{Link: "m:1"}, "signal-file": Signal{Link: "f:1"},
	} {
		if got := c.Message().String(); got != name {
			t.Errorf("%T needs %q, want %q", c, got, name)
		}
	}
	for _, link := range []string{"", "c:x", "F:x", " f:x", "mf:x"} {
		if got := (Signal{Link: link}).Message(); got != MsgSignalMedia {
			t.Errorf("link %q needs %q", link, got)
		}
	}
}

func TestMay(t *testing.T) {
	viewer := []string{"leave", "ping", "state", "offer", "candidate", "view", "signal", "ready", "chat", "ice"}
	speaker := []string{"leave", "ping", "state", "offer", "candidate", "view", "signal", "ready",
		"ring", "accept", "decline", "cancel", "hangup", "chat", "ice"}
	moderator := slices.Insert(slices.Clone(speaker), len(speaker)-1, "mute", "remove", "lock", "role", "end")
	for role, want := range map[Role][]string{0: nil, Viewer: viewer, Speaker: speaker, Moderator: moderator, 9: nil} {
		if d := cmp.Diff(want, May(role)); d != "" {
			t.Errorf("May(%q):\n%s", role, d)
		}
	}
}

func TestMayInAWelcomeDependsOnTheKind(t *testing.T) {
	for kind, want := range map[Kind][]string{
		Meeting: {"leave", "ping", "state", "offer", "candidate", "view", "signal", "ready", "ring",
			"accept", "decline", "cancel", "hangup", "chat", "ice"},
		Broadcast: {"leave", "ping", "state", "offer", "candidate", "view", "signal", "ready", "chat", "ice"},
		Lobby: {"leave", "ping", "state", "signal", "ready", "ring", "accept", "decline", "cancel",
			"hangup", "chat", "ice"},
	} {
		h := build(t, Options{Kind: kind})
		h.grant("a", Speaker)
		if d := cmp.Diff(want, h.r.Snapshot("a").May); d != "" {
			t.Errorf("%s:\n%s", kind, d)
		}
	}
}

func TestKindHas(t *testing.T) {
	missing := map[Kind][]string{
		Lobby:     {"offer-publish", "offer-subscribe", "candidate", "view", "publish"},
		Broadcast: {"ring", "accept", "decline", "cancel", "hangup", "signal-media"},
	}
	for kind := range Lobby + 1 {
		for m := range Messages {
			if got, want := kind.Has(m), !slices.Contains(missing[kind], m.String()); got != want {
				t.Errorf("%s has %s: %t", kind, m, got)
			}
		}
		if kind.Has(Messages) {
			t.Errorf("%s has a message that does not exist", kind)
		}
	}
}

// members' commands, one of each, aimed at "b" where they have an aim.
func everyCommand(call CallID) []Command {
	return []Command{
		Leave{}, Attach{}, Detach{}, SetState{Hand: yes()}, Publish{[]Track{{Source: SourceMic}}}, Unpublish{},
		Ready{1}, Ring{To: "b"}, Accept{call}, Decline{call}, Cancel{call}, HangUp{call}, Chat{Text: "x"},
		Signal{To: "b", Link: "m:1"}, Signal{To: "b", Link: "f:1"}, Mute{"b", SourceMic}, Remove{"b"},
		Lock{true}, SetRole{"b", Viewer}, End{}, Expire{"settle"},
	}
}

// TestApplyObeysTheTable sends every command in every phase as every role: what the table denies
// is refused with not-allowed, and what it allows is never refused for want of rights.
func TestApplyObeysTheTable(t *testing.T) {
	table := rightsByName(t)
	letters := map[Role]string{Viewer: "v", Speaker: "s", Moderator: "m"}
	for _, c := range everyCommand("none") {
		for role := Viewer; role <= Moderator; role++ {
			for phase := PhaseOutside; phase <= PhaseRemoved; phase++ {
				h := build(t, Options{})
				h.grant("b", Moderator)
				switch phase {
				case PhaseJoined:
					h.grant("a", role)
				case PhaseDetached:
					h.grant("a", role)
					h.do("a", Detach{})
				case PhaseRemoved:
					h.grant("a", role)
					h.do("b", Remove{"a"})
				}
				row := table[c.Message().String()]
				if !strings.Contains(row[phase], letters[role]) {
					h.refuse("a", c, CodeNotAllowed)
					continue
				}
				_, err := h.apply("a", c)
				if e, ok := err.(*Error); ok && strings.HasPrefix(e.Text, "your role") {
					t.Errorf("%s in phase %d: %T: %v", role, phase, c, e)
				}
			}
		}
	}
}

// TestViewerGainsNothing: whatever a viewer sends, it stays a viewer without tracks, calls or a
// camera, and nobody but the file's owner hears of it except by chat and a raised hand.
func TestViewerGainsNothing(t *testing.T) {
	for _, kind := range []Kind{Meeting, Broadcast, Lobby} {
		h := build(t, Options{Kind: kind})
		h.grant("b", Moderator)
		h.grant("v", Viewer)
		for _, c := range append(everyCommand("none"),
			SetState{Mic: yes(), Camera: yes(), Screen: yes()},
			Signal{To: "b", Link: "c:1"}, Signal{To: "b", Link: ""}, SetRole{"v", Moderator}) {
			if _, ok := c.(Leave); ok {
				continue
			}
			e, err := h.apply("v", c)
			for _, d := range e.Deliver {
				switch d.Event.(type) {
				case Updated, ChatPosted:
				default:
					t.Errorf("%s: %T made %s", kind, c, show(d.Event))
				}
			}
			you := h.r.Snapshot("v").You
			if !you.Connected {
				h.do("v", Attach{})
			}
			if you.Role != Viewer || you.Tracks != nil || you.State.limitedTo(Viewer) != you.State {
				t.Fatalf("%s: after %#v (%v): %+v", kind, c, err, you)
			}
		}
	}
}
