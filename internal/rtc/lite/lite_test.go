package lite

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

func request(t testing.TB, user, pwd string, more ...stun.Setter) []byte {
	t.Helper()
	set := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user)}
	m, err := stun.Build(append(append(set, more...), stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// TestAnswer: who knows the password is answered, with the address it came from.
func TestAnswer(t *testing.T) {
	a, from := New("peer"), netip.MustParseAddrPort("192.0.2.1:1000")
	priority := stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{1, 2, 3, 4}}
	c, ok := a.Answer(request(t, a.User, a.Pwd, priority, stun.RawAttribute{Type: stun.AttrUseCandidate}), from)
	if !ok || !c.Success || !c.Use || c.Priority != 0x01020304 {
		t.Fatalf("%+v", c)
	}
	m := &stun.Message{Raw: c.Reply}
	var mapped stun.XORMappedAddress
	if err := m.Decode(); err != nil || mapped.GetFrom(m) != nil || mapped.Port != 1000 || !mapped.IP.Equal(from.Addr().AsSlice()) {
		t.Error(err, mapped)
	}
	if c, ok = a.Answer(request(t, a.User, a.Pwd, stun.RawAttribute{Type: stun.AttrICEControlled, Value: make([]byte, 8)}), from); !ok || c.Success || c.Reply == nil {
		t.Errorf("role conflict: %+v", c)
	}
	for name, b := range map[string][]byte{
		"password": request(t, a.User, "wrong"), "user": request(t, a.Ufrag+":other", a.Pwd), "nothing": nil,
		"fingerprint": append(bytes.Clone(request(t, a.User, a.Pwd))[:60], 1, 2, 3, 4),
	} {
		if _, ok := a.Answer(b, from); ok {
			t.Error(name, "was answered")
		}
	}
	if b := New("peer"); b.Ufrag == a.Ufrag || len(b.Pwd) < 22 || len(b.Ufrag) < 4 {
		t.Error("credentials", b.Ufrag, b.Pwd)
	}
}

func TestPairPriority(t *testing.T) {
	if low, high := PairPriority(100<<24, 90), PairPriority(126<<24, 126); low >= high {
		t.Error(low, high)
	}
	if p := PairPriority(0xffffffff, 126); p&1 != 1 {
		t.Error("the controlling side's is greater", p)
	}
}

// FuzzAnswer: any datagram.
func FuzzAnswer(f *testing.F) {
	a := New("peer")
	f.Add(request(f, a.User, a.Pwd))
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := a.Answer(b, netip.MustParseAddrPort("192.0.2.1:1")); ok && len(c.Reply) == 0 {
			t.Fatal("an answer without bytes")
		}
	})
}
