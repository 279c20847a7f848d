package msgpack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestDecode has a value of every kind of the MessagePack specification.
func TestDecode(t *testing.T) {
	for _, c := range []struct {
		in   string // the value of {"a": value}
		want any
	}{
		{"00", int64(0)}, {"7f", int64(127)}, {"ff", int64(-1)}, {"e0", int64(-32)},
		{"c0", nil}, {"c2", false}, {"c3", true},
		{"cc80", int64(128)}, {"cdffff", int64(65535)}, {"ceffffffff", int64(4294967295)}, {"cf0000000100000000", int64(1 << 32)},
		{"cfffffffffffffffff", ^uint64(0)}, {"d0ff", int64(-1)}, {"d08f", int64(-113)}, {"d18000", int64(-32768)}, {"d2ffffffff", int64(-1)}, {"d38000000000000000", int64(-1 << 63)},
		{"ca3fc00000", 1.5}, {"cb3ff8000000000000", 1.5},
		{"a0", ""}, {"a161", "a"}, {"d90161", "a"}, {"da000161", "a"}, {"db0000000161", "a"},
		{"c400", []byte{}}, {"c40105", []byte{5}}, {"c5000105", []byte{5}}, {"c60000000105", []byte{5}},
		{"90", []any{}}, {"9201c0", []any{int64(1), nil}}, {"dc000101", []any{int64(1)}}, {"dd0000000101", []any{int64(1)}},
		{"80", Map{}}, {"81a16201", Map{"b": int64(1)}}, {"de0001a16201", Map{"b": int64(1)}}, {"df00000001a16201", Map{"b": int64(1)}},
		{"d40109", Extension{1, []byte{9}}}, {"d5ff0909", Extension{-1, []byte{9, 9}}}, {"c7010109", Extension{1, []byte{9}}},
	} {
		raw, err := hex.DecodeString("81a161" + c.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(raw)
		if err != nil || !reflect.DeepEqual(got, Map{"a": c.want}) {
			t.Errorf("%s: %#v, %v", c.in, got, err)
		}
		for n := range raw { // whatever is cut off
			if _, err := Decode(raw[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%x: %v", raw[:n], err)
			}
		}
		if _, err := Decode(append(raw, 0)); !errors.Is(err, ErrTrail) {
			t.Errorf("%s and more: %v", c.in, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"":                 ErrShort,
		"90":               ErrMap,
		"c0":               ErrMap,
		"8101c0":           ErrKey,
		"82a161c0a161c0":   ErrKey,
		"81a161c1":         ErrUnknown,
		"81a161a1ff":       ErrText,
		"81a1ffc0":         ErrText,
		"81a161dbffffffff": ErrShort,
		"81a161ddffffffff": ErrShort,
		"dfffffffff":       ErrShort,
		"81a161c6ffffffff": ErrShort,
		"81a1619191919190": ErrBig,
		"81a161dc0800" + strings.Repeat("00", 2048): ErrBig,
	} {
		raw, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(raw); !errors.Is(err, want) {
			t.Errorf("%.20s: %v, want %v", in, err, want)
		}
	}
}

func TestAppend(t *testing.T) {
	long, bytes200 := strings.Repeat("l", 100), bytes.Repeat([]byte{7}, 200)
	b := AppendMap(nil, 6)
	b = AppendString(AppendString(b, "s"), long)
	b = AppendBytes(AppendString(b, "b"), bytes200)
	b = AppendByte(AppendByte(AppendArray(AppendString(b, "a"), 2), 127), 255)
	b = AppendBool(AppendString(b, "t"), true)
	b = AppendBool(AppendString(b, "f"), false)
	b = AppendArray(AppendString(b, "many"), 254)
	for range 254 {
		b = AppendByte(b, 1)
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	many := m["many"].([]any)
	delete(m, "many")
	if want := (Map{"s": long, "b": bytes200, "a": []any{int64(127), int64(255)}, "t": true, "f": false}); !reflect.DeepEqual(m, want) || len(many) != 254 {
		t.Errorf("%v, %d", m, len(many))
	}
}

// FuzzDecode: whatever comes is refused or is a bounded map.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x81, 0xa1, 'a', 0xc4, 1, 0})
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x81, 0xa1, 'a', 0x91, 0x91, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if (m == nil) == (err == nil) {
			t.Errorf("%v, %v", m, err)
		}
		if n := count(m); n > maxValues {
			t.Errorf("%d values", n)
		}
	})
}

func count(v any) int {
	n := 1
	switch v := v.(type) {
	case Map:
		for _, one := range v {
			n += 1 + count(one)
		}
	case []any:
		for _, one := range v {
			n += count(one)
		}
	}
	return n
}
