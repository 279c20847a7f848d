package proto

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"veche.example/internal/room"
)

func TestNeeds(t *testing.T) {
	tracks, seats := []Section{{"0", "mic"}}, []Seat{{"1", "2"}}
	for _, c := range []struct {
		req  Request
		want []room.Message
	}{
		{Offer{}, []room.Message{room.MsgOfferSubscribe}},
		{Offer{Seats: seats}, []room.Message{room.MsgOfferSubscribe}},
		{Offer{Tracks: tracks}, []room.Message{room.MsgOfferPublish}},
		{Offer{Tracks: tracks, Seats: seats}, []room.Message{room.MsgOfferPublish, room.MsgOfferSubscribe}},
		{Signal{Link: "m:1"}, []room.Message{room.MsgSignalMedia}},
		{Signal{Link: "c:x"}, []room.Message{room.MsgSignalMedia}},
		{Signal{Link: "F:x"}, []room.Message{room.MsgSignalMedia}},
		{Signal{Link: "f:x"}, []room.Message{room.MsgSignalFile}},
	} {
		if got := c.req.Needs(); !slices.Equal(got, c.want) {
			t.Errorf("%+v needs %v, want %v", c.req, got, c.want)
		}
	}
	for _, s := range Table {
		req, ok := s.zero.(Request)
		if !ok || s.Direction != FromClient {
			continue
		}
		for _, m := range req.Needs() {
			if !slices.Contains(s.Needs, m) {
				t.Errorf("%s needs %v, which its row does not list", s.Type, m)
			}
		}
	}
}

func TestTableHasEachOnce(t *testing.T) {
	type key struct {
		typ string
		dir Direction
	}
	seen := map[key]bool{}
	for _, s := range Table {
		k := key{s.Type, s.Direction}
		if seen[k] || s.Type == "" || s.Direction == 0 {
			t.Errorf("%+v: empty or twice", k)
		}
		seen[k] = true
		if s.Direction == FromClient && (s.decode == nil || s.Limit < MaxFrame || len(s.Needs) == 0) {
			t.Errorf("%s: incomplete", s.Type)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		e    Event
		n    uint64
		re   int
		want string
	}{
		{Pong{}, 0, 0, `{"t":"pong"}`},
		{Pong{}, 0, 7, `{"t":"pong","re":7}`},
		{OK{}, 0, 2147483647, `{"t":"ok","re":2147483647}`},
		{Settled{Epoch: 3}, 18446744073709551615, 0, `{"t":"settled","n":18446744073709551615,"epoch":3}`},
		{Bye{"slow", "a\xffb"}, 0, 0, `{"t":"bye","code":"slow","message":"a\ufffdb"}`},
		{Signalled{From: "a", Link: "m:1", Data: json.RawMessage("not JSON")}, 1, 0, `{"t":"signal","n":1}`},
	} {
		if got := string(Encode(c.e, c.n, c.re)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestCloseCode(t *testing.T) {
	for code, want := range map[room.Code]int{"left": 1000, "shutdown": 1001, "too-big": 1009, "slow": 4000, "removed": 1008, "never": 1008} {
		if got := CloseCode(code); got != want {
			t.Errorf("%s closes with %d, want %d", code, got, want)
		}
	}
}

// TestAgreesWithEncodingJSON: whatever check passes, encoding/json reads as well, with the same
// members at the top. The reverse need not hold: check is stricter.
func agrees(t *testing.T, data []byte) {
	t.Helper()
	if check(data) != nil {
		return
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("check passes what encoding/json does not: %v\n%q", err, data)
	}
	var fault *room.Error
	o := parse(trimSpace(data), "", &fault)
	if len(o.keys) != len(m) {
		t.Fatalf("%d members, encoding/json has %d\n%q", len(o.keys), len(m), data)
	}
	for i, k := range o.keys {
		if string(m[k]) != string(o.values[i]) {
			t.Fatalf("member %q is %q, encoding/json has %q", k, o.values[i], m[k])
		}
	}
}

func TestAgreesWithEncodingJSON(t *testing.T) {
	for _, v := range vectors(t) {
		agrees(t, v.bytes(t))
	}
	for _, s := range []string{
		`{ }`, `{"":{}}`, `{"a":[ ],"b":[ 1 , 2 ]}`, `{"a":"\ud83e\udd8a","\ud800":1}`, `{"a":-0.0e-0}`, `{"a":[{},[],"",null]}`,
		`{"a":"\\","b":"\""}`, `{"\ud800":1,"\udfff":2}`, `{"a" :1 , "b": 2 }`,
	} {
		agrees(t, []byte(s))
	}
}

// TestTwinSurrogates: two names that differ only in broken surrogates are one name after decoding.
func TestTwinSurrogates(t *testing.T) {
	if check([]byte(`{"\ud800":1,"\udfff":2}`)) == nil {
		t.Error("both names read as U+FFFD")
	}
}

func TestManyMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"t":"ping"`)
	for i := range 5000 {
		b.WriteString(`,"k` + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + `":1`)
		if b.Len() > MaxFrame-8000 {
			break
		}
	}
	if _, _, err := Decode([]byte(b.String() + "}")); err != nil {
		t.Error(err)
	}
	_, _, err := Decode([]byte(b.String() + `,"t":"end"}`))
	var e *room.Error
	if !errors.As(err, &e) || e.Code != CodeBadJSON {
		t.Errorf("a twin among many: %v", err)
	}
}

// TestHostileFramesAreCheap bounds the time of the worst frames we could think of.
func TestHostileFramesAreCheap(t *testing.T) {
	for name, frame := range map[string]string{
		"brackets": strings.Repeat("[", MaxLarge),
		"empties":  `{"t":"offer","x":[` + strings.Repeat("[],", MaxLarge/3-20) + `[]]}`,
		"names":    `{` + strings.Repeat(`"\u0061":1,`, MaxLarge/11-2) + `"b":1}`,
		"seats":    `{"t":"offer","seats":[` + strings.Repeat("{},", MaxLarge/3-20) + `{}]}`,
		"digits":   `{"t":"offer","pc":` + strings.Repeat("9", MaxLarge-50) + `}`,
		"escapes":  `{"t":"signal","link":"` + strings.Repeat(`\u0041`, MaxLarge/6-10) + `"}`,
	} {
		start := time.Now()
		if _, _, err := Decode([]byte(frame)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if d := time.Since(start); d > 2*time.Second { // milliseconds in fact; the race detector is slow
			t.Errorf("%s: %v", name, d)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		if data := v.bytes(f); len(data) < 10_000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		agrees(t, data)
		req, id, err := Decode(data)
		if id < 0 || id > 1<<31-1 {
			t.Fatalf("id %d", id)
		}
		if err != nil {
			var e *room.Error
			if !errors.As(err, &e) || e.Code == "" || e.Text == "" || !utf8.ValidString(e.Text) || req != nil {
				t.Fatalf("%v, %v", req, err)
			}
			return
		}
		if !utf8.Valid(data) {
			t.Fatal("not UTF-8, accepted")
		}
		for _, m := range req.Needs() {
			if !slices.Contains(byType[req.Type()].Needs, m) {
				t.Fatalf("%s needs %v, which its row does not list", req.Type(), m)
			}
		}
		// What was understood, written again, is understood as the same.
		again, _ := json.Marshal(frameOf(t, req, id))
		if len(again) > byType[req.Type()].Limit {
			return // escapes may be longer than what they stand for
		}
		req2, id2, err := Decode(again)
		if err != nil || id2 != id || !reflect.DeepEqual(frameOf(t, req, id), frameOf(t, req2, id2)) {
			t.Fatalf("%s\nbecomes %s\n%v", data, again, err)
		}
	})
}
