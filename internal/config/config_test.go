package config

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write veche.example.yaml and docs/configuration.md")

const goodSecret = "0123456789abcdef0123456789abcdef"

var compareAddr = cmp.Options{
	cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty(),
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "veche.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGenerated proves that the example and the documentation are those of the struct.
func TestGenerated(t *testing.T) {
	for path, want := range map[string][]byte{
		"../../veche.example.yaml":    Example(),
		"../../docs/configuration.md": Markdown(),
	} {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale, run go generate ./internal/config:\n%s", path, diff)
		}
	}
}

func TestExampleIsTheDefaults(t *testing.T) {
	got, err := Load(write(t, string(Example())), nil, map[string]string{"auth.secret": goodSecret})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Auth.Secret = goodSecret
	if diff := cmp.Diff(want, got, compareAddr); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	c := Default()
	for _, s := range sections(&c) {
		if s.key != "" && !strings.HasSuffix(s.doc, ".") {
			t.Errorf("section %s: doc %q", s.key, s.doc)
		}
		for _, f := range s.fields {
			if f.doc == "" || strings.HasSuffix(f.key, ".") || strings.ContainsAny(f.doc, "|\n") {
				t.Errorf("field %s: doc %q", f.key, f.doc)
			}
		}
	}
}

func TestLoadOrder(t *testing.T) {
	path := write(t, `
http:
  listen: ":1"
  trustedProxies: [10.0.0.0/8, "::1"]
turn:
  ttl: 10m
limits:
  frame: 32KiB
media:
auth:
  secret: "`+goodSecret+`"
`)
	environ := []string{"PATH=/bin", "VECHE_HTTP_LISTEN=:2", "VECHE_TURN_MODE=open", "VECHE_MEDIA_IPS=192.0.2.1, 2001:db8::1", "VECHE_AUTH_OPEN_ROOMS=true"}
	got, err := Load(path, environ, map[string]string{"http.listen": ":3", "rooms.video": "h264,vp8"})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.HTTP.Listen = ":3"
	want.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	want.TURN.TTL = 10 * time.Minute
	want.TURN.Mode = "open"
	want.Limits.Frame = 32 << 10
	want.Media.IPs = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	want.Rooms.Video = []string{"h264", "vp8"}
	want.Auth = Auth{Secret: goodSecret, OpenRooms: true}
	if diff := cmp.Diff(want, got, compareAddr); diff != "" {
		t.Error(diff)
	}
}

func TestEnvNames(t *testing.T) {
	c := Default()
	seen := map[string]string{}
	for _, f := range fields(&c) {
		if other, twice := seen[f.env]; twice {
			t.Errorf("%s and %s are both %s", f.key, other, f.env)
		}
		seen[f.env] = f.key
	}
	for env, key := range map[string]string{
		"VECHE_HTTP_TRUSTED_PROXIES": "http.trustedProxies", "VECHE_MEDIA_IPS": "media.ips", "VECHE_HTTP_TLS_SELF_SIGNED": "http.tls.selfSigned",
		"VECHE_LIMITS_PENDING_PER_IP": "limits.pendingPerIP", "VECHE_TURN_TTL": "turn.ttl",
	} {
		if seen[env] != key {
			t.Errorf("%s sets %q", env, seen[env])
		}
	}
}

func TestMistakes(t *testing.T) {
	const secret = "auth: {secret: " + goodSecret + "}\n"
	for _, c := range []struct {
		name, yaml string
		environ    []string
		set        map[string]string
		want       []string // parts of the message
	}{
		{"not YAML", "http: [", nil, nil, []string{"veche.yaml", "yaml"}},
		{"key twice", "http: {listen: \":1\"}\nhttp: {listen: \":2\"}", nil, nil, []string{"already defined"}},
		{"a typo", secret + "http: {lisen: \":1\"}", nil, nil, []string{"http.lisen", "did you mean http.listen?"}},
		{"wrong case", secret + "http: {trustedproxies: []}", nil, nil, []string{"http.trustedproxies", "did you mean http.trustedProxies?"}},
		{"wrong place", secret + "listen: \":1\"", nil, nil, []string{"listen: no such key", "http.listen or metrics.listen"}},
		{"unheard of", secret + "blockchain: {coins: 3}", nil, nil, []string{"blockchain.coins: no such key"}},
		{"section as value", secret + "http: yes", nil, nil, []string{"http: is a section"}},
		{"value as section", secret + "log: {level: {x: 1}}", nil, nil, []string{"log.level.x", "no such key"}},
		{"number as text", secret + "http: {listen: 8080}", nil, nil, []string{"http.listen", `"8080"`, "quotes"}},
		{"duration without unit", secret + "turn: {ttl: 300}", nil, nil, []string{"turn.ttl", `"300"`, "45s"}},
		{"too short", secret + "turn: {ttl: 1s}", nil, nil, []string{"turn.ttl", `"1s"`, "at least 1m"}},
		{"bad network", secret + "http: {trustedProxies: [10.0.0.0/33]}", nil, nil, []string{"http.trustedProxies", "10.0.0.0/33", "network"}},
		{"scalar for a list", secret + "rooms: {video: 3}", nil, nil, []string{"rooms.video", "list"}},
		{"bad address", secret + "media: {ips: [localhost]}", nil, nil, []string{"media.ips", "localhost"}},
		{"unusable address", secret + "media: {ips: [0.0.0.0]}", nil, nil, []string{"media.ips", "0.0.0.0"}},
		{"bad size", secret + "limits: {frame: 64KB}", nil, nil, []string{"limits.frame", "64KB", "64KiB"}},
		{"size too small", secret + "limits: {frame: 1}", nil, nil, []string{"limits.frame", "at least 4KiB"}},
		{"sizes contradict", secret + "limits: {sdp: 16KiB}", nil, nil, []string{"limits.sdp", "limits.frame"}},
		{"size too large", secret + "limits: {frame: 1MiB}", nil, nil, []string{"limits.frame", "at most 65536"}},
		{"negative", secret + "limits: {burst: -1}", nil, nil, []string{"limits.burst", "-1", "at least 1"}},
		{"port too high", secret + "turn: {portMax: 70000}", nil, nil, []string{"turn.portMax", "65535"}},
		{"ports reversed", secret + "turn: {portMin: 50000, portMax: 40000}", nil, nil, []string{"turn.portMax", "range"}},
		{"unknown codec", secret + "rooms: {video: [vp8, divx]}", nil, nil, []string{"rooms.video", "divx", "h265"}},
		{"codec twice", secret + "rooms: {video: [vp8, vp8]}", nil, nil, []string{"rooms.video", "twice"}},
		{"unknown level", secret + "log: {level: loud}", nil, nil, []string{"log.level", "loud", "debug"}},
		{"no port", secret + "http: {listen: localhost}", nil, nil, []string{"http.listen", "HOST:PORT"}},
		{"port name", secret + "http: {listen: \":https\"}", nil, nil, []string{"http.listen", "number"}},
		{"empty UDP", secret + "media: {udp: \"\"}", nil, nil, []string{"media.udp", "HOST:PORT"}},
		{"prefix", secret + "http: {prefix: veche/}", nil, nil, []string{"http.prefix", "/veche"}},
		{"origin", secret + "http: {origins: [example.org]}", nil, nil, []string{"http.origins", "example.org"}},
		{"key without cert", secret + "http: {tls: {key: k.pem}}", nil, nil, []string{"http.tls.cert", "missing"}},
		{"cert and self-signed", secret + "http: {tls: {cert: c, key: k, selfSigned: true}}", nil, nil, []string{"http.tls.selfSigned"}},
		{"no secret", "", nil, nil, []string{"auth.secret", "missing", "openRooms"}},
		{"short secret", "auth: {secret: hunter2hunter2}", nil, nil, []string{"auth.secret", "14 bytes", "32"}},
		{"two secrets", secret, nil, map[string]string{"auth.secretFile": "x"}, []string{"auth.secretFile", "one of them"}},
		{"no secret file", "auth: {secretFile: /nowhere/x}", nil, nil, []string{"auth.secretFile", "/nowhere/x", "no such file"}},
		{"environment typo", secret, []string{"VECHE_HTTP_LISTN=:1"}, nil, []string{"VECHE_HTTP_LISTN", "did you mean VECHE_HTTP_LISTEN?"}},
		{"environment unknown key", secret, []string{"VECHE_HTTP_COLOUR=red"}, nil, []string{"VECHE_HTTP_COLOUR", "no such variable"}},
		{"environment section typo", secret, []string{"VECHE_HTP_LISTEN=:1"}, nil, []string{"VECHE_HTP_LISTEN", "VECHE_HTTP_LISTEN"}},
		{"environment value", secret, []string{"VECHE_AUTH_OPEN_ROOMS=maybe"}, nil, []string{"VECHE_AUTH_OPEN_ROOMS", "maybe", "true or false"}},
		{"flag unknown", secret, nil, map[string]string{"http.port": "1"}, []string{"command line", "http.port"}},
		{"several at once", secret + "http: {listen: x}\nlog: {level: y}", nil, nil, []string{"http.listen", "log.level"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(write(t, c.yaml), c.environ, c.set)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q says nothing of %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), goodSecret) {
				t.Errorf("the message shows a secret: %s", err)
			}
		})
	}
}

func TestForeignEnvironmentIsLeftAlone(t *testing.T) {
	environ := []string{"VECHE_SERVICE_HOST=10.0.0.1", "VECHE_PORT=tcp://10.0.0.1:80", "VECHE_PORT_80_TCP_ADDR=10.0.0.1", "VECHE_CONFIG=x", "VECHE_AUTH_OPEN_ROOMS=1"}
	if _, err := Load("", environ, nil); err != nil {
		t.Error(err)
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load("/nowhere/veche.yaml", nil, nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	c := Default()
	c.Auth.Secret = goodSecret
	texts := []string{c.String(), fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%v %+v %#v %s %q %x", c.Auth, c.Auth, c.Auth, c.Auth.Secret, c.Auth.Secret, c.Auth.Secret)}
	texts = append(texts, logged(t, c)...)
	for i, text := range texts {
		if strings.Contains(text, goodSecret) || strings.Contains(text, fmt.Sprintf("%x", goodSecret)) {
			t.Errorf("text %d shows the secret: %s", i, text)
		}
	}
	if !strings.Contains(c.String(), `secret: "[secret]"`) {
		t.Errorf("no mask in\n%s", c)
	}
	if !strings.Contains(Default().String(), `secret: ""`) {
		t.Error("an empty secret looks like one")
	}
	if c.Auth.Secret.Reveal() != goodSecret {
		t.Error("Reveal")
	}
}

func TestStringLoadsAgain(t *testing.T) {
	c := Default()
	c.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("fd00::/8")}
	c.Media.IPs = []netip.Addr{netip.MustParseAddr("::1")}
	c.HTTP.Listen = "[::1]:80"
	c.Rooms.Audio = []string{"opus"}
	c.Auth.OpenRooms = true
	got, err := Load(write(t, c.String()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got, compareAddr); diff != "" {
		t.Error(diff)
	}
}

func TestKey(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		auth Auth
		want string // "" = an error
	}{
		"secret":        {Auth{Secret: goodSecret}, goodSecret},
		"file":          {Auth{SecretFile: file("a", goodSecret+"\n")}, goodSecret},
		"short file":    {Auth{SecretFile: file("b", "short\n")}, ""},
		"blank file":    {Auth{SecretFile: file("c", strings.Repeat(" ", 64))}, ""},
		"nothing":       {Auth{}, ""},
		"short, open":   {Auth{Secret: "short", OpenRooms: true}, ""},
		"missing, open": {Auth{SecretFile: dir + "/none", OpenRooms: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.auth.Key()
			if (err != nil) != (c.want == "") || string(got) != c.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	a, err := Auth{OpenRooms: true}.Key()
	b, err2 := Auth{OpenRooms: true}.Key()
	if err != nil || err2 != nil || len(a) < MinSecret || reflect.DeepEqual(a, b) {
		t.Errorf("open rooms: %x %v, %x %v", a, err, b, err2)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"0": 0, "1": 1, "65536": 64 << 10, "64KiB": 64 << 10, "1 MiB": 1 << 20, "1GiB": 1 << 30} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q: %d, %v", text, b, err)
		}
		var again Bytes
		if err := again.UnmarshalText([]byte(want.String())); err != nil || again != want {
			t.Errorf("%d is written %q and read %d, %v", want, want, again, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1.5KiB", "KiB", "64KB", "2GiB", "9999999999", "2147483648"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, b)
		}
	}
}
