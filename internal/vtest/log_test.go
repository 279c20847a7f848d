package vtest

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"veche.example"
	"veche.example/internal/auth"
	"veche.example/internal/signal/native/proto"
)

// lines is what a server logs, as JSON.
type lines struct {
	mu sync.Mutex // guards the following
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestLog: whatever is logged, down to debug, holds no secret, and what concerns a client names its connection.
func TestLog(t *testing.T) {
	const secret = "a secret of thirty-two bytes ..."
	var log lines
	c := veche.DefaultConfig()
	c.Auth.Secret = secret
	c.Media.UDP, c.Media.TCP, c.Media.Loopback = "127.0.0.1:0", "127.0.0.1:0", true
	s := serve(t, c, veche.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	keys, err := auth.NewKeys([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Mint(auth.Grant{Room: "r", Role: auth.Moderator, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	p := s.join(Bot{Name: "p", Publish: true, Token: token})
	w := s.join(Bot{Name: "w", Seats: 1, Watch: true, Token: token})
	w.sees(0, p.ID(), "live", "live")
	const said = "nobody's business but ours"
	p.must(proto.Chat{Text: said})
	_, err = p.Ask(s.ctx, proto.Offer{PC: 9, SDP: "v=0\r\ns=" + said + "\r\n", Tracks: []proto.Section{}, Seats: []proto.Seat{}})
	wantCode(t, err, "sdp")
	stolen := token[:len(token)-4] + "AAAA"
	_, err = Bot{URL: s.url, Room: "r", Token: stolen}.Join(s.ctx)
	wantCode(t, err, "token")
	p.must(proto.Remove{Member: w.ID()})
	w.wait("removed", func(s State) bool { return s.Bye != nil })
	text := log.String()
	secrets := map[string]string{
		"the secret": secret, "a token": token, "a forged token": stolen, "a resume token": p.Welcome().Resume, "another's": w.Welcome().Resume, "a chat": said,
	}
	for _, server := range p.Welcome().ICEServers {
		if server.Credential != "" {
			secrets["a TURN password"] = server.Credential
		}
	}
	if len(secrets) != 7 {
		t.Error("no TURN password was told")
	}
	for what, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the log shows %s", what)
		}
	}
	ids := map[string]bool{}
	for line := range strings.Lines(text) {
		var f struct {
			Msg, CID, Member string
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if f.Member != "" && f.CID == "" {
			t.Errorf("no connection id: %s", line)
		}
		ids[f.CID] = true
	}
	if delete(ids, ""); len(ids) < 3 {
		t.Errorf("%d connections are named in\n%s", len(ids), text)
	}
}
