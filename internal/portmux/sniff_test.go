package portmux

import (
	"bytes"
	"testing"
)

var (
	stunFirst = []byte{0, 3, 0, 8, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	iceFirst  = append([]byte{0, 20}, 0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
)

func TestRecognise(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want kind
		need int // bytes needed to tell
	}{
		"GET":                    {[]byte("GET / HTTP/1.1\r\n"), kindHTTP, 1},
		"HTTP/2 with prior know": {[]byte("PRI * HTTP/2.0\r\n\r\n"), kindHTTP, 1},
		"lower case":             {[]byte("get / HTTP/1.1\r\n"), kindHTTP, 1},
		"channel data":           {[]byte{0x40, 0, 0, 4, 1, 2, 3, 4, 5, 6}, kindUnknown, 1},
		"TLS":                    {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3}, kindTLS, 1},
		"TURN":                   {stunFirst, kindTURN, 8},
		"ICE":                    {iceFirst, kindICE, 10},
		"zeros":                  {make([]byte, 20), kindUnknown, 10},
		"SSH-like digit":         {[]byte("1234567890"), kindUnknown, 8},
		"high bytes":             {bytes.Repeat([]byte{0xff}, 20), kindUnknown, 1},
		"long first frame":       {append([]byte{9, 20}, iceFirst[2:]...), kindUnknown, 8},
		"not STUN in the frame":  {append([]byte{0, 20, 0x80}, iceFirst[3:]...), kindUnknown, 8},
		"@":                      {bytes.Repeat([]byte("@"), 12), kindUnknown, 1},
		"[":                      {bytes.Repeat([]byte("["), 12), kindUnknown, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range len(c.in) + 1 {
				k, more := recognise(c.in[:n])
				if more != (n < c.need) {
					t.Fatalf("with %d bytes: more %v", n, more)
				}
				if !more && k != c.want {
					t.Fatalf("with %d bytes: kind %d, want %d", n, k, c.want)
				}
			}
		})
	}
}

// FuzzRecognise: ten bytes settle every case, and more bytes never change the answer.
func FuzzRecognise(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1"))
	f.Add(stunFirst)
	f.Add(iceFirst)
	f.Add([]byte{0x16, 3, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		last, settled := kindUnknown, false
		for n := range len(b) + 1 {
			k, more := recognise(b[:n])
			if settled && (more || k != last) {
				t.Fatalf("changed its mind at %d bytes", n)
			}
			last, settled = k, !more
			if n >= sniffLen && more {
				t.Fatal("wants more than ten bytes")
			}
		}
	})
}
