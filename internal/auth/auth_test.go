package auth

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	now    = time.Unix(1_800_000_000, 0)
	secret = []byte("0123456789abcdef0123456789abcdef")
)

func keys(t testing.TB) *Keys {
	t.Helper()
	k, err := NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type object = map[string]any

func part(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func mac(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// token is what a stranger with a key could write.
func token(t testing.TB, key []byte, header, claims any) string {
	t.Helper()
	text := part(t, header) + "." + part(t, claims)
	return text + "." + mac(key, text)
}

var header = object{"alg": "HS256", "typ": "JWT"}

// claims is a good grant with changes; a nil value takes a claim away.
func claims(changes object) object {
	c := object{"room": "r", "name": "Ann", "role": "speaker", "sub": "u1", "exp": now.Add(time.Minute).Unix()}
	for name, v := range changes {
		if v == nil {
			delete(c, name)
		} else {
			c[name] = v
		}
	}
	return c
}

func TestGrantRoundTrip(t *testing.T) {
	k := keys(t)
	for _, role := range []string{Viewer, Speaker, Moderator} {
		want := Grant{Room: "комната", Name: "Анна", Identity: "user:1", Role: role, Expires: now.Add(time.Hour)}
		token, err := k.Mint(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Verify(token, "комната", now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestForeignIssuer(t *testing.T) {
	k := keys(t)
	for name, c := range map[string]struct {
		header, claims object
		role           string
	}{
		"usual":            {header, claims(nil), Speaker},
		"no type":          {object{"alg": "HS256"}, claims(nil), Speaker},
		"no role":          {header, claims(object{"role": nil}), Speaker},
		"nbf, iat in past": {header, claims(object{"nbf": now.Unix() - 5, "iat": now.Unix() - 5}), Speaker},
		"clock 5 s ahead":  {header, claims(object{"nbf": now.Unix() + 5, "iat": now.Unix() + 5}), Speaker},
		"unknown claims":   {header, claims(object{"iss": "shop", "admin": true, "__proto__": object{"role": "moderator"}}), Speaker},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := k.Verify(token(t, secret, c.header, c.claims), "r", now)
			if err != nil || g.Role != c.role || g.Room != "r" {
				t.Errorf("%+v, %v", g, err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	k := keys(t)
	good := token(t, secret, header, claims(nil))
	segments := strings.Split(good, ".")
	resume, err := k.MintResume(Resume{Room: "r", Member: "m", Role: Moderator, Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	other := []byte("another secret of at least 32 bytes")
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"empty", "", ErrToken},
		{"garbage", "a.b.c", ErrToken},
		{"two parts", segments[0] + "." + segments[1], ErrToken},
		{"four parts", good + ".x", ErrToken},
		{"dots", strings.Repeat(".", 4000), ErrToken},
		{"too long", good + strings.Repeat("A", MaxToken), ErrToken},
		{"megabyte", strings.Repeat("A", 1<<20), ErrToken},
		{"no signature", segments[0] + "." + segments[1] + ".", ErrToken},
		{"cut signature", good[:len(good)-3], ErrToken},
		{"padded signature", good + "=", ErrToken},
		{"other signature", segments[0] + "." + segments[1] + "." + mac(secret, "x"), ErrToken},
		{"other secret", token(t, other, header, claims(nil)), ErrToken},
		{"empty secret", token(t, nil, header, claims(nil)), ErrToken},
		{"changed claims", segments[0] + "." + part(t, claims(object{"role": "moderator"})) + "." + segments[2], ErrToken},
		{"alg none", part(t, object{"alg": "none", "typ": "JWT"}) + "." + segments[1] + ".", ErrToken},
		{"alg None, signed", token(t, secret, object{"alg": "None", "typ": "JWT"}, claims(nil)), ErrToken},
		{"alg empty", token(t, secret, object{"alg": "", "typ": "JWT"}, claims(nil)), ErrToken},
		{"alg missing", token(t, secret, object{"typ": "JWT"}, claims(nil)), ErrToken},
		{"alg a list", token(t, secret, object{"alg": []string{"HS256"}, "typ": "JWT"}, claims(nil)), ErrToken},
		{"alg HS512", token(t, secret, object{"alg": "HS512", "typ": "JWT"}, claims(nil)), ErrToken},
		{"alg RS256 with our MAC", token(t, secret, object{"alg": "RS256", "typ": "JWT"}, claims(nil)), ErrToken},
		{"alg RS256", rs256(t, claims(nil)), ErrToken},
		{"type null", token(t, secret, object{"alg": "HS256", "typ": nil}, claims(nil)), ErrToken},
		{"type of a resume token", token(t, secret, object{"alg": "HS256", "typ": "veche-resume+jwt"}, claims(nil)), ErrToken},
		{"a resume token", resume, ErrToken},
		{"claims null", token(t, secret, header, nil), ErrToken},
		{"claims a list", token(t, secret, header, []int{1}), ErrToken},
		{"header null", token(t, secret, nil, claims(nil)), ErrToken},
		{"expired", token(t, secret, header, claims(object{"exp": now.Unix() - 11})), ErrExpired},
		{"no expiry", token(t, secret, header, claims(object{"exp": nil})), ErrToken},
		{"expiry text", token(t, secret, header, claims(object{"exp": "tomorrow"})), ErrToken},
		{"expiry zero", token(t, secret, header, claims(object{"exp": 0})), ErrExpired},
		{"expiry huge", token(t, secret, header, claims(object{"exp": 1e300, "room": "other"})), nil},
		{"not yet", token(t, secret, header, claims(object{"nbf": now.Unix() + 11})), ErrNotYet},
		{"expired and not yet", token(t, secret, header, claims(object{"exp": now.Unix() - 20, "nbf": now.Unix() + 20})), ErrExpired},
		{"other room", token(t, secret, header, claims(object{"room": "other"})), ErrRoom},
		{"other case", token(t, secret, header, claims(object{"room": "R"})), ErrRoom},
		{"expired, other room", token(t, secret, header, claims(object{"room": "other", "exp": now.Unix() - 20})), ErrExpired},
		{"no room", token(t, secret, header, claims(object{"room": nil})), ErrToken},
		{"room a list", token(t, secret, header, claims(object{"room": []string{"r"}})), ErrToken},
		{"room too long", token(t, secret, header, claims(object{"room": strings.Repeat("r", 65)})), ErrToken},
		{"name too long", token(t, secret, header, claims(object{"name": strings.Repeat("n", 65)})), ErrToken},
		{"identity too long", token(t, secret, header, claims(object{"sub": strings.Repeat("n", 257)})), ErrToken},
		{"unknown role", token(t, secret, header, claims(object{"role": "admin"})), ErrToken},
		{"role in capitals", token(t, secret, header, claims(object{"role": "Moderator"})), ErrToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := k.Verify(c.token, "r", now)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if g != (Grant{}) {
				t.Errorf("a refused token gave %+v", g)
			}
		})
	}
}

// rs256 is a token signed with an RSA key of the attacker's.
func rs256(t *testing.T, claims any) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := part(t, object{"alg": "RS256", "typ": "JWT"}) + "." + part(t, claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestGrantLastsUntilItExpires(t *testing.T) {
	k := keys(t)
	token, err := k.Mint(Grant{Room: "r", Expires: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Verify(token, "r", now.Add(Leeway-time.Second)); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	if _, err := k.Verify(token, "r", now.Add(Leeway)); !errors.Is(err, ErrExpired) {
		t.Errorf("after the leeway: %v", err)
	}
}

func TestMintRefuses(t *testing.T) {
	k := keys(t)
	exp := now.Add(time.Minute)
	for name, g := range map[string]Grant{
		"no room":      {Expires: exp},
		"long room":    {Room: strings.Repeat("я", 65), Expires: exp},
		"not UTF-8":    {Room: "\xff", Expires: exp},
		"unknown role": {Room: "r", Role: "king", Expires: exp},
		"no expiry":    {Room: "r"},
		"long name":    {Room: "r", Name: strings.Repeat("n", 65), Expires: exp},
	} {
		if token, err := k.Mint(g); err == nil {
			t.Errorf("%s: %s", name, token)
		}
	}
	if token, err := k.Mint(Grant{Room: strings.Repeat("я", 64), Expires: exp}); err != nil {
		t.Errorf("64 letters: %s %v", token, err)
	}
}

func TestResumeRoundTrip(t *testing.T) {
	want := Resume{
		Room: "r", Member: "AAAAAAAAAAAAAAAAAAAAAA", Name: "Анна", Role: Moderator, Agent: "web", Kind: "meeting", Topology: "sfu",
		Audio: []string{"opus"}, Video: []string{"vp8", "h264"}, Locked: true, Expires: now.Add(time.Hour),
	}
	token, err := keys(t).MintResume(want)
	if err != nil {
		t.Fatal(err)
	}
	// Another server with the same secret, as after a restart.
	got, err := keys(t).VerifyResume(token, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := keys(t).VerifyResume(token, want.Expires); !errors.Is(err, ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
}

func TestVerifyResumeRefuses(t *testing.T) {
	k := keys(t)
	grant, err := k.Mint(Grant{Room: "r", Role: Moderator, Identity: "m", Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	typed := object{"alg": "HS256", "typ": "veche-resume+jwt"}
	session := func(changes object) object {
		c := claims(object{"sub": "m", "agent": "web"})
		for name, v := range changes {
			if v == nil {
				delete(c, name)
			} else {
				c[name] = v
			}
		}
		return c
	}
	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"a grant", grant, ErrToken},
		{"signed with the secret itself", token(t, secret, typed, session(nil)), ErrToken},
		{"type of a grant", token(t, k.resume.key, header, session(nil)), ErrToken},
		{"no type", token(t, k.resume.key, object{"alg": "HS256"}, session(nil)), ErrToken},
		{"alg none", part(t, object{"alg": "none", "typ": "veche-resume+jwt"}) + "." + part(t, session(nil)) + ".", ErrToken},
		{"expired by a second", token(t, k.resume.key, typed, session(object{"exp": now.Unix() - 1})), ErrExpired},
		{"no expiry", token(t, k.resume.key, typed, session(object{"exp": nil})), ErrToken},
		{"no member", token(t, k.resume.key, typed, session(object{"sub": nil})), ErrToken},
		{"no room", token(t, k.resume.key, typed, session(object{"room": nil})), ErrToken},
		{"no role", token(t, k.resume.key, typed, session(object{"role": nil})), ErrToken},
		{"too many codecs", token(t, k.resume.key, typed, session(object{"video": make([]string, 17)})), ErrToken},
		{"too long", strings.Repeat("A", MaxToken+1), ErrToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := k.VerifyResume(c.token, now)
			if !errors.Is(err, c.want) || r.Member != "" {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	if _, err := k.VerifyResume(token(t, k.resume.key, typed, session(nil)), now); err != nil {
		t.Errorf("the unchanged one: %v", err)
	}
}

func TestMintResumeRefusesTooMuch(t *testing.T) {
	k := keys(t)
	for name, r := range map[string]Resume{
		"no member": {Room: "r", Role: Viewer, Expires: now},
		"no expiry": {Room: "r", Member: "m", Role: Viewer},
		"too long":  {Room: "r", Member: "m", Role: Viewer, Name: strings.Repeat("x", MaxToken), Expires: now},
	} {
		if _, err := k.MintResume(r); err == nil {
			t.Error(name)
		}
	}
}

func TestKeys(t *testing.T) {
	if _, err := NewKeys(secret[:MinSecret-1]); err == nil {
		t.Error("a short secret is taken")
	}
	mine := append([]byte(nil), secret...)
	k, err := NewKeys(mine)
	if err != nil {
		t.Fatal(err)
	}
	clear(mine) // the caller may wipe its copy
	if _, err := k.Verify(token(t, secret, header, claims(nil)), "r", now); err != nil {
		t.Errorf("the key is the caller's slice: %v", err)
	}
	turn := k.Derive("turn")
	if len(turn) != sha256.Size || string(turn) == string(k.Derive("resume")) || string(turn) != string(keys(t).Derive("turn")) {
		t.Error("derived keys must differ by purpose only")
	}
}

// FuzzVerify: no text makes verification panic or let somebody in; the seeds are what attackers try.
func FuzzVerify(f *testing.F) {
	k := keys(f)
	f.Add(token(f, secret, header, claims(nil)))
	f.Add(token(f, secret, object{"alg": "none"}, claims(nil)))
	f.Add(token(f, k.resume.key, object{"alg": "HS256", "typ": "veche-resume+jwt"}, claims(object{"sub": "m"})))
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := k.Verify(text, "r", now); err == nil {
			if g.Room != "r" || g.check() != nil {
				t.Errorf("%+v", g)
			}
			// Only who knows the secret can have made it.
			signed, sig, _ := cutLast(text)
			if sig != mac(secret, signed) {
				t.Errorf("accepted without a signature: %q", text)
			}
		}
		if r, err := k.VerifyResume(text, now); err == nil {
			signed, sig, _ := cutLast(text)
			if sig != mac(k.resume.key, signed) || r.Member == "" {
				t.Errorf("accepted without a signature: %q", text)
			}
		}
	})
}

func cutLast(s string) (string, string, bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
