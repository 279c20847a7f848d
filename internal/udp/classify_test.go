package udp

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// stunMessage builds a STUN message of a type with raw attributes.
func stunMessage(typ uint16, attrs ...[]byte) []byte {
	body := bytes.Join(attrs, nil)
	b := binary.BigEndian.AppendUint16(nil, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	b = binary.BigEndian.AppendUint32(b, stunCookie)
	b = append(b, "transaction!"...)
	return append(b, body...)
}

func stunAttr(typ uint16, value string) []byte {
	b := binary.BigEndian.AppendUint16(nil, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// dtlsRecord builds a record of a content type and epoch; the body is a handshake message of the given type with a random.
func dtlsRecord(content byte, epoch uint16, msg byte, random byte) []byte {
	b := []byte{content, 0xfe, 0xfd, byte(epoch >> 8), byte(epoch), 0, 0, 0, 0, 0, 0, 0, 46}
	b = append(b, msg, 0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 34, 0xfe, 0xfd)
	return append(b, bytes.Repeat([]byte{random}, 32)...)
}

func TestClassify(t *testing.T) {
	user := stunAttr(attrUsername, "srvU:cliU")
	use := stunAttr(attrUseCandidate, "")
	cut := stunMessage(0x0001, user)
	lying := stunMessage(0x0001, []byte{0, 6, 0xff, 0xff})
	badCookie := stunMessage(0x0001, user)
	badCookie[5]++
	for name, c := range map[string]struct {
		in   []byte
		want class
		ok   func(message) bool
	}{
		"empty":                    {nil, classNone, nil},
		"check":                    {stunMessage(0x0001, user), classCheck, func(m message) bool { return string(m.ufrag) == "srvU" && !m.useCandidate }},
		"check nominating":         {stunMessage(0x0001, user, use), classCheck, func(m message) bool { return m.useCandidate }},
		"nomination first":         {stunMessage(0x0001, use, user), classCheck, func(m message) bool { return m.useCandidate }},
		"second user name":         {stunMessage(0x0001, user, stunAttr(attrUsername, "evil:x")), classCheck, func(m message) bool { return string(m.ufrag) == "srvU" }},
		"odd attribute length":     {stunMessage(0x0001, stunAttr(0x8022, "abc"), user), classCheck, nil},
		"STUN client":              {stunMessage(0x0001), classTURN, nil},
		"no colon":                 {stunMessage(0x0001, stunAttr(attrUsername, "srvU")), classNone, nil},
		"empty ufrag":              {stunMessage(0x0001, stunAttr(attrUsername, ":x")), classNone, nil},
		"empty user name":          {stunMessage(0x0001, stunAttr(attrUsername, "")), classNone, nil},
		"long ufrag":               {stunMessage(0x0001, stunAttr(attrUsername, string(bytes.Repeat([]byte("u"), 257))+":x")), classNone, nil},
		"success":                  {stunMessage(0x0101), classReply, func(m message) bool { return m.success }},
		"error":                    {stunMessage(0x0111), classReply, func(m message) bool { return !m.success }},
		"indication":               {stunMessage(0x0011), classReply, nil},
		"allocate":                 {stunMessage(0x0003), classTURN, nil},
		"refresh":                  {stunMessage(0x0004), classTURN, nil},
		"send indication":          {stunMessage(0x0016), classTURN, nil},
		"channel bind":             {stunMessage(0x0009), classTURN, nil},
		"connection bind":          {stunMessage(0x000b), classTURN, nil},
		"allocate success":         {stunMessage(0x0103), classNone, nil},
		"unknown method":           {stunMessage(0x0200), classNone, nil},
		"cut short":                {cut[:len(cut)-4], classNone, nil},
		"trailing bytes":           {append(bytes.Clone(cut), 0, 0, 0, 0), classNone, nil},
		"attribute beyond the end": {lying, classNone, nil},
		"wrong cookie":             {badCookie, classNone, nil},
		"header only":              {cut[:19], classNone, nil},
		"ZRTP":                     {bytes.Repeat([]byte{16}, 40), classNone, nil},
		"client hello":             {dtlsRecord(22, 0, 1, 7), classDTLS, nil},
		"short DTLS":               {[]byte{22, 0xfe, 0xfd}, classNone, nil},
		"DTLS 1.3 record":          {[]byte{0x2c, 1, 2, 3}, classDTLS, nil},
		"channel data":             {[]byte{0x40, 0, 0, 2, 1, 2}, classTURN, nil},
		"channel data padded":      {[]byte{0x40, 0, 0, 2, 1, 2, 0, 0}, classTURN, nil},
		"channel data too long":    {[]byte{0x40, 0, 0, 3, 1, 2}, classNone, nil},
		"channel data cut":         {[]byte{0x4f, 0, 0}, classNone, nil},
		"reserved channel":         {[]byte{0x50, 0, 0, 0}, classNone, nil},
		"RTP":                      {append([]byte{0x80, 96}, make([]byte, 20)...), classSRTP, nil},
		"RTCP":                     {append([]byte{0x81, 201}, make([]byte, 20)...), classSRTP, nil},
		"RTP too short":            {[]byte{0x80, 96, 0, 0}, classNone, nil},
		"192 and above":            {bytes.Repeat([]byte{192}, 40), classNone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, why := classify(c.in)
			if m.class != c.want {
				t.Fatalf("class %d, want %d (%v)", m.class, c.want, why)
			}
			if (why == dropNone) != (m.class != classNone) {
				t.Errorf("class %d with drop reason %v", m.class, why)
			}
			if c.ok != nil && !c.ok(m) {
				t.Errorf("wrong details: %+v", m)
			}
		})
	}
}

func TestClientRandom(t *testing.T) {
	hello := dtlsRecord(22, 0, 1, 7)
	fragment := bytes.Clone(hello)
	fragment[21] = 40 // fragment offset
	for name, c := range map[string]struct {
		in    []byte
		clear bool
		want  byte
	}{
		"client hello":    {hello, true, 7},
		"server hello":    {dtlsRecord(22, 0, 2, 7), true, 0},
		"later fragment":  {fragment, true, 0},
		"encrypted":       {dtlsRecord(22, 1, 1, 7), false, 7}, // never asked for, only clear records are
		"change cipher":   {dtlsRecord(20, 0, 1, 7), true, 0},
		"cut short":       {hello[:50], true, 0},
		"connection id":   {dtlsRecord(25, 0, 1, 7), false, 0},
		"DTLS 1.3 record": {append([]byte{0x2c}, hello[1:]...), false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := dtlsClear(c.in); got != c.clear {
				t.Errorf("clear %v, want %v", got, c.clear)
			}
			r := clientRandom(c.in)
			if c.want == 0 && r != nil || c.want != 0 && !bytes.Equal(r, bytes.Repeat([]byte{c.want}, 32)) {
				t.Errorf("random %x", r)
			}
		})
	}
}

func TestSSRC(t *testing.T) {
	rtp := append([]byte{0x80, 0x80 | 96}, make([]byte, 20)...)
	binary.BigEndian.PutUint32(rtp[8:], 77)
	rtcp := append([]byte{0x81, 201}, make([]byte, 6)...)
	binary.BigEndian.PutUint32(rtcp[4:], 78)
	if s, ok := ssrcOf(rtp); !ok || s != 77 {
		t.Error("RTP", s, ok)
	}
	if s, ok := ssrcOf(rtcp); !ok || s != 78 {
		t.Error("RTCP", s, ok)
	}
	if _, ok := ssrcOf(rtp[:11]); ok {
		t.Error("an RTP packet without SSRC has one")
	}
}

// FuzzClassify: any bytes are classified without a panic, and what is a DTLS or SRTP packet can be looked at further.
func FuzzClassify(f *testing.F) {
	f.Add([]byte{})
	f.Add(stunMessage(0x0001, stunAttr(attrUsername, "srvU:cliU"), stunAttr(attrUseCandidate, "")))
	f.Add(stunMessage(0x0001, []byte{0, 6, 0xff, 0xff}))
	f.Add(stunMessage(0x0101))
	f.Add(stunMessage(0x0003))
	f.Add(dtlsRecord(22, 0, 1, 7))
	f.Add([]byte{0x2c})
	f.Add([]byte{0x40, 0, 0, 2, 1, 2})
	f.Add(append([]byte{0x80, 96}, make([]byte, 20)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, why := classify(b)
		if (m.class == classNone) == (why == dropNone) {
			t.Fatalf("class %d, reason %v", m.class, why)
		}
		switch m.class {
		case classCheck:
			if len(m.ufrag) == 0 || len(m.ufrag) > maxUfrag {
				t.Fatalf("ufrag %q", m.ufrag)
			}
		case classDTLS:
			if dtlsClear(b) {
				clientRandom(b)
			}
		case classSRTP:
			ssrcOf(b)
		}
	})
}
