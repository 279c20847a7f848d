package turnd

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// attrsOf are the attributes of an Allocate by a user name from an address.
func attrsOf(user string, method stun.Method) *turn.RequestAttributes {
	return &turn.RequestAttributes{
		Username: user, Realm: "veche", Method: method, SrcAddr: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5},
	}
}

func TestAuthenticate(t *testing.T) {
	r := newRig(t, nil)
	now := time.Now()
	r.now = func() time.Time { return now }
	user, password, expires := r.Credentials("alice:1", now)
	if left := expires.Sub(now); left < 4*time.Minute || left > 5*time.Minute {
		t.Errorf("good for %v", left)
	}
	old, _, _ := r.Credentials("alice:1", now.Add(-5*time.Minute))
	ms, _, _ := strings.Cut(user, ":")
	for name, c := range map[string]struct {
		a  *turn.RequestAttributes
		ok bool
	}{
		"fresh":               {attrsOf(user, stun.MethodAllocate), true},
		"expired":             {attrsOf(old, stun.MethodAllocate), false},
		"expired, refresh":    {attrsOf(old, stun.MethodRefresh), true},
		"expired, channel":    {attrsOf(old, stun.MethodChannelBind), true},
		"no member":           {attrsOf(ms+":", stun.MethodAllocate), false},
		"no expiry":           {attrsOf("alice", stun.MethodAllocate), false},
		"expiry is no number": {attrsOf("never:alice", stun.MethodAllocate), false},
		"expiry too large":    {attrsOf("99999999999999999999:alice", stun.MethodAllocate), false},
		"long member":         {attrsOf(ms+":"+strings.Repeat("x", maxMember+1), stun.MethodAllocate), false},
		"other realm":         {&turn.RequestAttributes{Username: user, Realm: "x", SrcAddr: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1)}}, false},
		"no address":          {&turn.RequestAttributes{Username: user, Realm: "veche", SrcAddr: &net.UnixAddr{}}, false},
	} {
		id, key, ok := r.authenticate(c.a)
		if ok != c.ok {
			t.Errorf("%s: %v", name, ok)
		}
		if !ok {
			continue
		}
		if u, good := parseUserID(id); !good || u.member != "alice:1" || u.ip != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("%s: user %q", name, id)
		}
		if name == "fresh" && string(key) != string(turn.GenerateAuthKey(user, "veche", password)) {
			t.Errorf("%s: another key", name)
		}
	}
	if other, _, _ := r.Credentials("bob", now); r.creds.password(other) == password {
		t.Error("two members have one password")
	}
}

// TestGuest: a user that everybody knows is let in from this machine only.
func TestGuest(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Guest = Guest{"webrtc", "turnserver"} })
	from := func(ip net.IP, user string) *turn.RequestAttributes {
		return &turn.RequestAttributes{Username: user, Realm: "veche", Method: stun.MethodAllocate, SrcAddr: &net.UDPAddr{IP: ip, Port: 5}}
	}
	for name, c := range map[string]struct {
		a  *turn.RequestAttributes
		ok bool
	}{
		"loopback": {from(net.IPv4(127, 0, 0, 1), "webrtc"), true}, "IPv6 loopback": {from(net.IPv6loopback, "webrtc"), true},
		"elsewhere": {from(net.IPv4(192, 0, 2, 1), "webrtc"), false}, "another user": {from(net.IPv4(127, 0, 0, 1), "webrtd"), false},
	} {
		id, key, ok := r.authenticate(c.a)
		if ok != c.ok || ok && string(key) != string(turn.GenerateAuthKey("webrtc", "veche", "turnserver")) {
			t.Errorf("%s: %v", name, ok)
		}
		if _, good := parseUserID(id); ok && !good {
			t.Errorf("%s: user %q", name, id)
		}
	}
	if _, _, ok := newRig(t, nil).authenticate(from(net.IPv4(127, 0, 0, 1), "webrtc")); ok {
		t.Error("there is a guest where none was asked for")
	}
}

func TestUserID(t *testing.T) {
	u := userID{ip: netip.MustParseAddr("2001:db8::1"), issued: 17, member: "a|b:c"}
	if got, ok := parseUserID(u.String()); !ok || got != u {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"", "|", "||", "x|1|m", "1.2.3.4|x|m", "1.2.3.4|1|", "1.2.3.4|1"} {
		if _, ok := parseUserID(bad); ok {
			t.Errorf("%q is a user", bad)
		}
	}
}

// TestWrongCredentials: what a client gets that has none, or someone else's, or altered ones. Nothing says why.
func TestWrongCredentials(t *testing.T) {
	r := newRig(t, nil)
	other, _, _ := r.Credentials("bob", time.Now())
	for name, change := range map[string]func(c *rawClient){
		"wrong password":         func(c *rawClient) { c.password = "x" },
		"other's user name":      func(c *rawClient) { c.user = other },
		"prolonged":              func(c *rawClient) { c.user = "9" + c.user },
		"renamed":                func(c *rawClient) { c.user += "2" },
		"TURN REST with a guess": func(c *rawClient) { c.user = strconv.FormatInt(time.Now().Unix()+900, 10) + ":alice" },
		"expired":                func(c *rawClient) { c.user, c.password, _ = r.Credentials("alice", time.Now().Add(-time.Hour)) },
		"foreign secret": func(c *rawClient) {
			c.user, c.password, _ = newCreds([]byte("foreign"), "veche", time.Minute).issue("alice", time.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := r.raw(t, "alice")
			c.hello()
			change(c)
			res := c.allocate()
			if codeOf(res) != stun.CodeBadRequest && codeOf(res) != stun.CodeUnauthorized {
				t.Fatalf("answer %v", res)
			}
			var e stun.ErrorCodeAttribute
			if err := e.GetFrom(res); err != nil || len(e.Reason) != 0 {
				t.Errorf("it says why: %q", e.Reason)
			}
			if res.Contains(stun.AttrSoftware) {
				t.Error("it says who it is")
			}
		})
	}
	if s := r.Stats(); s.AuthFailed != 7 || s.Allocated != 0 {
		t.Errorf("%+v", s)
	}
}

// TestStaleNonce: a nonce the server did not make is answered with a new one (438), and with that it goes on.
func TestStaleNonce(t *testing.T) {
	r := newRig(t, nil)
	c := r.raw(t, "alice")
	c.nonce = stun.Nonce("00000000000000000000000000000000")
	res := c.allocate()
	if codeOf(res) != stun.CodeStaleNonce {
		t.Fatalf("answer %v", res)
	}
	if err := c.nonce.GetFrom(res); err != nil {
		t.Fatal(err)
	}
	if code := codeOf(c.allocate()); code != 0 {
		t.Error(code)
	}
}

// TestRevoke: a member that is gone has no relays, and no credentials until it is given new ones.
func TestRevoke(t *testing.T) {
	r := newRig(t, nil)
	a, b := r.raw(t, "alice"), r.raw(t, "bob")
	for _, c := range []*rawClient{a, b} {
		c.hello()
		if code := codeOf(c.allocate()); code != 0 {
			t.Fatal(code)
		}
	}
	lifetime := stun.RawAttribute{Type: stun.AttrLifetime, Value: []byte{0, 0, 2, 88}}
	if code := codeOf(a.ask(stun.MethodRefresh, true, lifetime)); code != 0 {
		t.Fatal("refresh before:", code)
	}
	r.Revoke("alice")
	eventually(t, "her relay is closed", func() bool { s := r.Stats(); return s.Allocations == 1 && s.Revoked == 1 })
	if code := codeOf(a.ask(stun.MethodRefresh, true, lifetime)); code == 0 {
		t.Error("a revoked member refreshes")
	}
	if code := codeOf(a.allocate()); code == 0 {
		t.Error("a revoked member allocates")
	}
	if code := codeOf(b.ask(stun.MethodRefresh, true, lifetime)); code != 0 {
		t.Error("somebody else was hit:", code)
	}
	again := r.raw(t, "alice")
	again.hello()
	if code := codeOf(again.allocate()); code != 0 {
		t.Error("she does not come back:", code)
	}
	r.Revoke("nobody")
}

// TestRevokeRace: credentials that were checked just before Revoke open no relay after it.
func TestRevokeRace(t *testing.T) {
	r := newRig(t, nil)
	user, _, _ := r.Credentials("alice", time.Now())
	id, _, ok := r.authenticate(attrsOf(user, stun.MethodAllocate))
	if !ok {
		t.Fatal("not authenticated")
	}
	r.Revoke("alice")
	if _, _, err := (generator{r.Server}).AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: id}); err == nil {
		t.Error("a relay was opened")
	}
}

func TestRevokedAreForgotten(t *testing.T) {
	r := newRig(t, nil)
	now := time.Now()
	r.now = func() time.Time { return now }
	for i := range firstPrune - 1 {
		r.Revoke(strconv.Itoa(i))
	}
	now = now.Add(r.c.TTL + time.Second)
	r.Revoke("last")
	if n := len(r.creds.revokedAt); n != 1 {
		t.Errorf("%d are remembered", n)
	}
}

func TestLimiter(t *testing.T) {
	l, now := newLimiter(), time.Now()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for i := range limiterBurst {
		if !l.take(a, now, 1) {
			t.Fatal("stopped at", i)
		}
	}
	if l.take(a, now, 1) {
		t.Error("more than the burst")
	}
	if !l.take(b, now, 1) {
		t.Skip("both addresses share a slot by chance")
	}
	now = now.Add(time.Second)
	for i := range limiterRate {
		if !l.take(a, now, 1) {
			t.Fatal("after a second stopped at", i)
		}
	}
	if l.take(a, now, 1) {
		t.Error("more than the rate")
	}
	for range 1000 {
		l.take(b, now, failureCost)
	}
	if l.take(netip.MustParseAddr("2001:db8::ffff:1"), now, 1) {
		t.Error("another address of the same /64 has a bucket of its own")
	}
	if !l.take(b, now.Add(10*time.Second), 1) {
		t.Error("the debt is never paid off")
	}
}
