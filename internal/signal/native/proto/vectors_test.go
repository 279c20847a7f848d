package proto

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"veche.example/internal/room"
)

const vectorDir = "../../../../docs/protocol/vectors"

// vector is one case; its members are explained in the README beside the files.
type vector struct {
	Name   string
	Dir    string
	Frame  json.RawMessage
	Raw    *string
	Base64 *string
	Fill   *struct {
		Text  string
		Count int
	}
	Want   json.RawMessage
	Error  string
	Member string
	ID     int
}

// bytes returns the frame as it would come from the socket.
func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	switch {
	case v.Raw != nil:
		s := *v.Raw
		if v.Fill != nil {
			s = strings.ReplaceAll(s, "%FILL%", strings.Repeat(v.Fill.Text, v.Fill.Count))
		}
		return []byte(s)
	case v.Base64 != nil:
		b, err := base64.StdEncoding.DecodeString(*v.Base64)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return v.Frame
}

func vectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob(vectorDir + "/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("vectors: %v, %v", files, err)
	}
	var all []vector
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		var list []vector
		if err := dec.Decode(&list); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all = append(all, list...)
	}
	return all
}

// plain parses JSON for comparison, with numbers by their value.
func plain(t testing.TB, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %.200s", err, data)
	}
	return v
}

// frameOf writes a decoded request as the frame it stands for.
func frameOf(t testing.TB, r Request, id int) map[string]any {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	m := plain(t, body).(map[string]any)
	m["t"] = r.Type()
	if id > 0 {
		m["id"] = float64(id)
	}
	return m
}

func TestVectorsAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	list := vectors(t)
	if len(list) < 60 {
		t.Errorf("only %d", len(list))
	}
	for _, v := range list {
		n := 0
		for _, given := range []bool{v.Frame != nil, v.Raw != nil, v.Base64 != nil} {
			if given {
				n++
			}
		}
		if key := v.Dir + " " + v.Name; n != 1 || v.Name == "" || seen[key] || v.Dir != "c2s" && v.Dir != "s2c" {
			t.Errorf("bad case %q: %d frames, or its name is not unique", key, n)
		} else {
			seen[key] = true
		}
	}
}

func TestRequestVectors(t *testing.T) {
	types := map[string]bool{}
	for _, v := range vectors(t) {
		if v.Dir != "c2s" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			data := v.bytes(t)
			if len(data) == 0 && v.Raw == nil {
				t.Fatal("no frame")
			}
			before := bytes.Clone(data)
			req, id, err := Decode(data)
			if v.Error != "" {
				refused(t, v, id, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			types[req.Type()] = true
			clear(data) // the request must not live in the frame's buffer
			want := v.Want
			if want == nil {
				want = before
			}
			if d := cmp.Diff(plain(t, want), any(frameOf(t, req, id))); d != "" {
				t.Errorf("decoded (-want +got):\n%s", d)
			}
			if len(req.Needs()) == 0 {
				t.Error("needs no right")
			}
			copy(data, before)
			if got := ID(data); got != id {
				t.Errorf("ID = %d, want %d", got, id)
			}
		})
	}
	for _, s := range Table {
		if s.Direction == FromClient && !types[s.Type] {
			t.Errorf("no vector with a valid %s", s.Type)
		}
	}
}

func refused(t *testing.T, v vector, id int, err error) {
	t.Helper()
	var e *room.Error
	if !errors.As(err, &e) {
		t.Fatalf("accepted; err = %v", err)
	}
	if string(e.Code) != v.Error || id != v.ID {
		t.Errorf("%v, id %d; want %s, id %d", e, id, v.Error, v.ID)
	}
	if v.Member != "" && !strings.HasPrefix(e.Text, v.Member+":") &&
		!strings.HasPrefix(e.Text, v.Member+".") && !strings.HasPrefix(e.Text, v.Member+"[") {
		t.Errorf("%q does not name %q", e.Text, v.Member)
	}
}

// TestEventVectors reads each event into its struct, which must know all its members, and writes
// it again.
func TestEventVectors(t *testing.T) {
	types := map[string]bool{}
	for _, v := range vectors(t) {
		if v.Dir != "s2c" || v.Error != "" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			want := v.Want
			if want == nil {
				want = v.Frame
			}
			var head struct {
				T  string
				N  uint64
				Re int
			}
			if err := json.Unmarshal(want, &head); err != nil {
				t.Fatal(err)
			}
			spec := serverSpec(t, head.T)
			members := plain(t, want).(map[string]any)
			delete(members, "t")
			delete(members, "re")
			n := head.N
			if head.T == "welcome" {
				n = 0 // its n is a member of its own
			} else {
				delete(members, "n")
			}
			if spec.Numbered != (n > 0) {
				t.Errorf("numbered %t, n = %d", spec.Numbered, n)
			}
			body, _ := json.Marshal(members)
			e := reflect.New(reflect.TypeOf(spec.zero))
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.DisallowUnknownFields()
			if err := dec.Decode(e.Interface()); err != nil {
				t.Fatal(err)
			}
			types[head.T] = true
			got := Encode(e.Elem().Interface().(Event), n, head.Re)
			if d := cmp.Diff(plain(t, want), plain(t, got)); d != "" {
				t.Errorf("encoded (-want +got):\n%s", d)
			}
		})
	}
	for _, s := range Table {
		if s.Direction == FromServer && !types[s.Type] {
			t.Errorf("no vector of %s", s.Type)
		}
	}
}

func serverSpec(t *testing.T, typ string) Spec {
	t.Helper()
	for _, s := range Table {
		if s.Type == typ && s.Direction == FromServer {
			return s
		}
	}
	t.Fatalf("no event %q", typ)
	return Spec{}
}
