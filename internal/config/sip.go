package config

import (
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// SIP configures the front-end for SIP over WebSocket.
type SIP struct {
	Frontend
	Domains    []string      `koanf:"domains" doc:"Domains of the users; empty means whatever domain a client says."`
	Realm      string        `koanf:"realm" doc:"Realm of digest authentication, which stored hashes are of."`
	Users      []Secret      `koanf:"users" doc:"Who may register, each NAME:PASSWORD, NAME:md5=HA1 or NAME:md5=HA1;sha256=HA1 with the hash of NAME:REALM:PASSWORD in hex; NAME may have a @DOMAIN. Where access is open, these names need their password and all others none."`
	MinExpires time.Duration `koanf:"minExpires" min:"1s" doc:"Shortest time that a client may register for."`
	MaxExpires time.Duration `koanf:"maxExpires" min:"1m" doc:"Longest time that a client may register for; more is cut to it."`
	Nonce      time.Duration `koanf:"nonce" min:"1s" doc:"How long a challenge is good for."`
}

func defaultSIP() SIP {
	return SIP{Frontend: defaultFrontend(), Realm: "veche", MinExpires: time.Minute, MaxExpires: 2 * time.Hour, Nonce: 5 * time.Minute}
}

// SIPUser is an entry of frontends.sip.users.
type SIPUser struct{ Name, Password, HA1, HA1SHA256 string }

// SIPUsers reads the entries; an error tells the cause and no secret.
func (s *SIP) SIPUsers() ([]SIPUser, error) {
	var out []SIPUser
	seen := make(map[string]bool)
	for _, entry := range s.Users {
		name, secret, ok := strings.Cut(entry.Reveal(), ":")
		if !ok || name == "" || secret == "" || strings.ContainsAny(name, " \"\\<>;") || seen[name] {
			return nil, errors.New("must be NAME:PASSWORD or NAME:md5=HA1, each name once")
		}
		seen[name] = true
		u := SIPUser{Name: name}
		hashes, stored := strings.CutPrefix(secret, "md5=")
		if !stored {
			u.Password = secret
			out = append(out, u)
			continue
		}
		u.HA1, u.HA1SHA256, _ = strings.Cut(hashes, ";sha256=")
		if !hash(u.HA1, 16) || u.HA1SHA256 != "" && !hash(u.HA1SHA256, 32) {
			return nil, errors.New("a hash must be 32 (MD5) or 64 (SHA-256) hexadecimal digits")
		}
		out = append(out, u)
	}
	return out, nil
}

func hash(s string, bytes int) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == bytes
}

func (s *SIP) check(fail func(key string, value any, cause string)) {
	if _, err := s.SIPUsers(); err != nil {
		fail("frontends.sip.users", masked, err.Error())
	}
	if s.Realm == "" || strings.ContainsAny(s.Realm, "\"\\") {
		fail("frontends.sip.realm", s.Realm, "must be text without quotes")
	}
	for _, d := range s.Domains {
		if d == "" || d != strings.ToLower(d) || strings.ContainsAny(d, ":/@ ") {
			fail("frontends.sip.domains", d, "must be a domain in lower case, without a port")
		}
	}
	if s.MaxExpires < s.MinExpires {
		fail("frontends.sip.maxExpires", s.MaxExpires, "must not be less than frontends.sip.minExpires")
	}
}
