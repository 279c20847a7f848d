package socketio

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Packet
	}{
		{"0", Packet{Kind: Connect, Namespace: "/"}},
		{`0{"token":"x"}`, Packet{Kind: Connect, Namespace: "/", Data: []byte(`{"token":"x"}`)}},
		{"0/admin,", Packet{Kind: Connect, Namespace: "/admin"}},
		{"0/admin", Packet{Kind: Connect, Namespace: "/admin"}},
		{`0/admin,{"a":1}`, Packet{Kind: Connect, Namespace: "/admin", Data: []byte(`{"a":1}`)}},
		{"1", Packet{Kind: Disconnect, Namespace: "/"}},
		{`2["e",{}]`, Packet{Kind: Event, Namespace: "/", Data: []byte(`["e",{}]`)}},
		{`212["e"]`, Packet{Kind: Event, Namespace: "/", HasID: true, ID: 12, Data: []byte(`["e"]`)}},
		{`2/n,0["e"]`, Packet{Kind: Event, Namespace: "/n", HasID: true, Data: []byte(`["e"]`)}},
		{`37[{}]`, Packet{Kind: Ack, Namespace: "/", HasID: true, ID: 7, Data: []byte(`[{}]`)}},
		{`51-3["e",{"_placeholder":true,"num":0}]`, Packet{Kind: BinaryEvent, Namespace: "/", Attachments: 1, HasID: true, ID: 3, Data: []byte(`["e",{"_placeholder":true,"num":0}]`)}},
		{`60-4[]`, Packet{Kind: BinaryAck, Namespace: "/", HasID: true, ID: 4, Data: []byte(`[]`)}},
	} {
		got, err := Parse([]byte(c.in))
		if err != nil || got.Kind != c.want.Kind || got.Namespace != c.want.Namespace || got.Attachments != c.want.Attachments ||
			got.HasID != c.want.HasID || got.ID != c.want.ID || !bytes.Equal(got.Data, c.want.Data) {
			t.Errorf("%s: %+v, %v", c.in, got, err)
		}
	}
	long := append([]byte("0/"), bytes.Repeat([]byte("n"), maxNamespace)...)
	for _, in := range []string{"", "7", "x", `["e"]`, "5", "5-[]", "517-[]", "51", `3["no id"]`, "29999999999999999[]", string(long)} {
		if p, err := Parse([]byte(in)); err == nil {
			t.Errorf("%q: %+v", in, p)
		}
	}
}

func TestArgs(t *testing.T) {
	p := Packet{Data: []byte(`["easyrtcCmd",{"a":[1]},"more"]`)}
	if name, value, err := p.Args(); name != "easyrtcCmd" || string(value) != `{"a":[1]}` || err != nil {
		t.Errorf("%q %s %v", name, value, err)
	}
	p.Data = []byte(`["e"]`)
	if name, value, err := p.Args(); name != "e" || value != nil || err != nil {
		t.Errorf("%q %s %v", name, value, err)
	}
	for _, in := range []string{"", "[]", "{}", "null", `[1]`, `[null,{}]`, `["e"`, `["e"]x`, `[["e"]]`, `["e",1,1,1,1,1,1,1,1]`} {
		p.Data = []byte(in)
		if name, _, err := p.Args(); err == nil {
			t.Errorf("%s: %q", in, name)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{Connected("abc"), `40{"sid":"abc"}`},
		{Refused("/x"), `44/x,{"message":"Invalid namespace"}`},
		{Refused("/"), `44{"message":"Invalid namespace"}`},
		{Disconnected(), `41`},
		{append(append(AppendEvent(nil, "e"), `{"a":1}`...), End), `42["e",{"a":1}]`},
		{append(append(AppendAck(nil, 12), `{}`...), End), `4312[{}]`},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

// FuzzPacket: what is read is within the limits, and an event that is read is written as one that reads the same.
func FuzzPacket(f *testing.F) {
	for _, seed := range []string{"0", `0/n,{"a":1}`, "1", `2["e",{}]`, `212["e",1]`, `37[{}]`, `51-3["e",{"_placeholder":true,"num":0}]`, "60-4[]", `44{"message":""}`, "", "2/", "29999999999999999[]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := Parse(in)
		if err != nil {
			return
		}
		if len(p.Namespace) > maxNamespace || p.Namespace == "" || p.Namespace[0] != '/' || p.Attachments > MaxAttachments || len(p.Data) > len(in) {
			t.Fatalf("%+v", p)
		}
		name, value, err := p.Args()
		if err != nil || value == nil {
			return
		}
		if !json.Valid(value) {
			t.Fatalf("not JSON: %q", value)
		}
		if quoted, _ := json.Marshal(name); string(quoted) != `"`+name+`"` {
			return // not a name that we send
		}
		again, err := Parse(append(append(AppendEvent(nil, name), value...), End)[1:])
		if err != nil {
			t.Fatal(err)
		}
		if n, v, err := again.Args(); err != nil || n != name || !bytes.Equal(v, value) {
			t.Fatalf("%q %s %v", n, v, err)
		}
	})
}
