package envelope

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestStamp(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"added", `{"type":"OFFER","dst":"b"}`, `{"type":"OFFER","dst":"b","src":"a"}`},
		{"replaced", `{"src":"eve","dst":"b"}`, `{"dst":"b","src":"a"}`},
		{"written with escapes", `{"\u0073rc":"eve","dst":"b"}`, `{"dst":"b","src":"a"}`},
		{"twice", `{"src":1,"dst":"b","src":{"x":[1,2]}}`, `{"dst":"b","src":"a"}`},
		{"alone", `{"src":"eve"}`, `{"src":"a"}`},
		{"empty", `{}`, `{"src":"a"}`},
		{"the payload as it is", `{"payload" : {"sdp":"v=0\r\n","n":1.50e+3,"deep":{"src":"eve"}} , "x":null}`, `{"payload" : {"sdp":"v=0\r\n","n":1.50e+3,"deep":{"src":"eve"}},"x":null,"src":"a"}`},
	} {
		var e Envelope
		if err := Open([]byte(c.in), &e); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(e.Stamp("src", "a")); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	var e Envelope
	if err := Open([]byte(`{"dst":"x","dst":"b\u00e4r","n":5,"t\u0079pe":"OFFER"}`), &e); err != nil {
		t.Fatal(err)
	}
	if dst, ok := e.Text("dst"); dst != "bär" || !ok {
		t.Errorf("dst: %q: the last one counts", dst)
	}
	if typ, ok := e.Text("type"); typ != "OFFER" || !ok {
		t.Errorf("type: %q", typ)
	}
	for _, name := range []string{"n", "none"} {
		if _, ok := e.Text(name); ok {
			t.Errorf("%s is a string", name)
		}
	}
	if got := string(e.Stamp("src", "\"ä\\\n")); !strings.Contains(got, `"src":"\"ä\\\n"`) {
		t.Errorf("stamped: %s", got)
	}
}

func TestRefused(t *testing.T) {
	many := "{" + strings.Repeat(`"a":1,`, MaxMembers) + `"b":1}`
	for in, want := range map[string]error{
		``: ErrSyntax, `{bad`: ErrSyntax, `{"a":1}x`: ErrSyntax, `{"a":01}`: ErrSyntax, `{"a":"\x"}`: ErrSyntax, "{\"a\":\"\n\"}": ErrSyntax,
		`{"a":1,}`: ErrSyntax, `{"a" 1}`: ErrSyntax, `{'a':1}`: ErrSyntax, "{\"a\":\"\xff\"}": ErrSyntax, `{"a":tru}`: ErrSyntax, `{"a":"\u12g4"}`: ErrSyntax,
		`{"a":1.}`: ErrSyntax, `{"a":-}`: ErrSyntax, `{"a":1e}`: ErrSyntax, `[1,]`: ErrSyntax, `{"a`: ErrSyntax, `{"a":"\`: ErrSyntax,
		`null`: ErrObject, ` 5 `: ErrObject, `[]`: ErrObject, `"x"`: ErrObject, `true`: ErrObject, `false`: ErrObject, `[1,"a",{"b":[]}]`: ErrObject,
		strings.Repeat("[", 1000): ErrDeep, `{"a":` + strings.Repeat(`{"a":`, MaxDepth+1): ErrDeep, many: ErrDeep,
	} {
		var e Envelope
		if err := Open([]byte(in), &e); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", in, err, want)
		}
	}
}

// FuzzEnvelope compares with encoding/json: what is accepted, and what is relayed.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{`{"type":"OFFER","dst":"b","payload":{"a":[1,2,"\u00e4"]}}`, `{"src":"x","\u0073rc":1}`, `null`, `{"a":-0.1e+9}`, `{bad`, "\xff", `{"":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Envelope
		err := Open(data, &e)
		if err != nil {
			if errors.Is(err, ErrSyntax) && json.Valid(data) && strings.ToValidUTF8(string(data), "") == string(data) {
				t.Fatalf("valid JSON refused: %q", data)
			}
			return
		}
		var before, after map[string]any
		if err := json.Unmarshal(data, &before); err != nil {
			var out *json.UnmarshalTypeError
			if errors.As(err, &out) { // a number over float64
				return
			}
			t.Fatalf("accepted: %q: %v", data, err)
		}
		if err := json.Unmarshal(e.Stamp("src", "me"), &after); err != nil {
			t.Fatalf("relayed: %q: %v", e.Stamp("src", "me"), err)
		}
		if before["src"] = "me"; !reflect.DeepEqual(before, after) {
			t.Fatalf("%v became %v", before, after)
		}
		if want, ok := before["dst"].(string); ok {
			if got, _ := e.Text("dst"); got != want {
				t.Fatalf("dst %q, want %q", got, want)
			}
		}
	})
}

func BenchmarkRelay(b *testing.B) {
	data := []byte(`{"type":"OFFER","payload":{"sdp":{"type":"offer","sdp":"` + strings.Repeat(`a=candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host\r\n`, 9) + `"},"type":"data","connectionId":"dc_1"},"dst":"bob"}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var e Envelope
		if err := Open(data, &e); err != nil {
			b.Fatal(err)
		}
		if len(e.Stamp("src", "alice")) == 0 {
			b.Fatal("empty")
		}
	}
}
