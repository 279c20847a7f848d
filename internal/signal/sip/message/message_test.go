package message

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAsItWas(t *testing.T) {
	const text = "INVITE sip:bob@x;transport=ws SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nRefer-To: <sip:c@x?Replaces=1%3Bto-tag%3D2>;early-only\r\n" +
		"Contact: \"A, \\\"b\\\" <c>\" <sip:a@b;x=\"y;z\">;+sip.instance=\"<urn:uuid:1>\";k=a=b==\r\nX-Odd:\r\nSubject: ü\r\nContent-Length: 5\r\n\r\nbody\xff"
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(strings.Replace(text, "X-Odd:\r", "X-Odd: \r", 1), "", "", 1)
	if got := string(m.Bytes()); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestForms(t *testing.T) {
	m, err := Parse([]byte("SIP/2.0 200 \r\nv: SIP/2.0/WS a;branch=1 , SIP/2.0/WS b;branch=\"2,3\"\r\nf : <sip:a@x>\r\nRECORD-ROUTE: <sip:a;lr>,<sip:b,c;lr>\r\nSubject: a\r\n \tb\r\n  c\r\nk: path,  Outbound\r\n\r\n"))
	if err != nil || m.Status != 200 || m.Reason != "" {
		t.Fatal(m, err)
	}
	if v := m.All("via"); len(v) != 2 || v[1] != `SIP/2.0/WS b;branch="2,3"` {
		t.Errorf("Via: %q", v)
	}
	if r := m.All("Record-Route"); len(r) != 2 || r[1] != "<sip:b,c;lr>" {
		t.Errorf("Record-Route: %q", r)
	}
	if m.Get("Subject") != "a b c" || m.Get("From") != "<sip:a@x>" || !m.Has("Supported", "outbound") || m.Has("Supported", "out") {
		t.Errorf("%+v", m.Headers)
	}
}

func TestBad(t *testing.T) {
	for in, want := range map[string]error{
		"": ErrSyntax, "\r\n\r\n": ErrSyntax, "A\r\n\r\n": ErrSyntax, "A B\r\n\r\n": ErrSyntax, "A B C\r\n\r\n": ErrSyntax, "SIP/2.0 99 x\r\n\r\n": ErrSyntax,
		"SIP/2.0 +20 x\r\n\r\n": ErrSyntax, "SIP/2.0 700 x\r\n\r\n": ErrSyntax, "SIP/1.0 200 x\r\n\r\n": ErrSyntax, "A\x00 sip:x SIP/2.0\r\n\r\n": ErrSyntax,
		"A sip:x SIP/2.0\r\n\xff: b\r\n\r\n": ErrSyntax, "Ä sip:x SIP/2.0\r\n\r\n": ErrSyntax, "A sip:x SIP/2.0": ErrSyntax,
		"A sip:x SIP/3.0\r\n\r\n": ErrVersion, "A sip:x SIP/2.0\r\nb\r\n\r\n": ErrHeader, "A sip:x SIP/2.0\r\n: b\r\n\r\n": ErrHeader,
		"A sip:x SIP/2.0\r\nb: c\nd: e\r\n\r\n": ErrHeader, "A sip:x SIP/2.0\r\nb: c\rd\r\n\r\n": ErrHeader, "A sip:x SIP/2.0\r\nVia: \"\r\n\r\n": ErrHeader,
		"A sip:x SIP/2.0\r\nl: 1\r\n\r\n": ErrLength, "A sip:x SIP/2.0\r\nl: -1\r\n\r\n": ErrLength,
		"A sip:x SIP/2.0\r\nb: " + strings.Repeat("x", MaxLine) + "\r\n\r\n": ErrTooMuch, "A sip:x SIP/2.0\r\nRoute: " + strings.Repeat(",", MaxHeaders) + "\r\n\r\n": ErrTooMuch,
	} {
		if _, err := Parse([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", in, err, want)
		}
	}
}

func TestURI(t *testing.T) {
	for in, want := range map[string]string{
		"sip:a@X.org": "a@x.org:0", "SIPS:a:pw@x:5061;lr?h=1": "a@x:5061", "sip:x": "@x:0", "sip:a%6Eb@x.": "anb@x:0", "sip:%40@[::1]:5": "%40@[::1]:5", "sip:A@x": "A@x:0",
	} {
		if u, err := ParseURI(in); err != nil || u.Point() != want {
			t.Errorf("%s: %q, %v, want %q", in, u.Point(), err, want)
		}
	}
	for _, in := range []string{"", "sip", "sip:", "sip:@x", "sip:a@", "sip:a@b@c", "sip:x:", "sip:x:99999", "sip:a b", "sip:<x>", "sip:x\n", "sip:a]b", "sip:ü"} {
		if u, err := ParseURI(in); err == nil {
			t.Errorf("%q: %+v", in, u)
		}
	}
	if u, err := ParseURI("tel:+1"); err != nil || u.Scheme != "tel" {
		t.Errorf("tel: %+v, %v", u, err)
	}
}

func TestAddr(t *testing.T) {
	for in, want := range map[string][3]string{
		`<sip:a@x;t=1>;tag=2`: {"sip:a@x;t=1", "2"}, `sip:a@x;tag=3`: {"sip:a@x", "3"}, `"A <\"b>" <sip:a@x> ; tag = "4;\"5"`: {"sip:a@x", `4;"5`}, `A B <sip:a@x>`: {"sip:a@x", ""},
	} {
		if a, err := ParseAddr(in); err != nil || a.Text != want[0] || a.Param("tag") != want[1] {
			t.Errorf("%s: %+v, %v", in, a, err)
		}
	}
	for _, in := range []string{"", "<sip:a@x", "<>", "*", `<sip:a@x>x`, `<sip:a@x>;a="`, `"a <sip:a@x>`} {
		if a, err := ParseAddr(in); err == nil {
			t.Errorf("%q: %+v", in, a)
		}
	}
	if got := Without(`;a=1;Expires=5;b="c;d"`, "expires"); got != `;a=1;b="c;d"` {
		t.Error(got)
	}
}

// FuzzParse: what is accepted comes out the same when it is read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("INVITE sip:bob@x SIP/2.0\r\nv: SIP/2.0/WS a;branch=1, SIP/2.0/WS b\r\nf: \"A\" <sip:a@x>;tag=1\r\nt: sip:b@x\r\ni: 1\r\nCSeq: 1 INVITE\r\nl: 1\r\n\r\nx"))
	f.Add([]byte("SIP/2.0 486 Busy Here\r\nSubject: a\r\n b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		once := m.Bytes()
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%v: %q became %q", err, data, once)
		}
		if twice := again.Bytes(); !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q", once, twice)
		}
		for _, h := range m.Headers {
			_, _ = ParseAddr(h.Value)
			_, _ = ParseVia(h.Value)
			_, _, _ = Words(h.Value)
			_ = Without(h.Value, "expires")
		}
		_, _ = Parse(m.Respond(200, "OK", "t").Bytes())
	})
}
