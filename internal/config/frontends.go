package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Frontends are the signalling protocols of other systems that the server speaks besides its own. In each source of
// the configuration "frontends" is a list of names, which are the ones that are served, or a map with their settings,
// where naming one is enough to serve it.
type Frontends struct {
	Article Article `koanf:"article" doc:"Clients of the article's own protocol (docs/migrate/article.md): WebSockets at /."`

	EasyRTC EasyRTC `koanf:"easyrtc" doc:"Clients of Open-EasyRTC (docs/migrate/easyrtc.md), at /socket.io/."`

	PeerJS PeerJS `koanf:"peerjs" doc:"Clients of PeerJS (docs/migrate/peerjs.md), below /peerjs/."`

	SaltyRTC SaltyRTC `koanf:"saltyrtc" doc:"Clients of SaltyRTC (docs/migrate/saltyrtc.md), at /{64 hex digits} and below /saltyrtc/."`

	SIP SIP `koanf:"sip" doc:"Clients of SIP over WebSocket (docs/migrate/sip.md), at /sip."`
}

// Frontend is what every front-end can be told.
type Frontend struct {
	Enabled     bool     `koanf:"enabled" doc:"Whether it is served; naming the front-end is as good."`
	Listen      string   `koanf:"listen" doc:"HOST:PORT of a port of its own, besides its place on http.listen; empty means none."`
	Access      string   `koanf:"access" enum:"auto open token" doc:"Who may connect. open: anybody. token: who shows a token of this server. auto: as auth.openRooms says."`
	Origins     []string `koanf:"origins" doc:"Origins of foreign web pages that may use it, besides http.origins; * means any. A page of the machine that the server and the browser both run on always may."`
	Connections int      `koanf:"connections" min:"1" doc:"Connections at a time."`
	PerIP       int      `koanf:"perIP" doc:"Connections of one address (IPv6: /64) at a time; 0 means no limit."`
}

// Article configures the front-end for the article's own protocol.
type Article struct{ Frontend }

// PeerJS configures the front-end for PeerJS.
type PeerJS struct {
	Frontend
	Keys      []string      `koanf:"keys" doc:"API keys; peers with different keys never meet. With access token the key is the room of the token."`
	Discovery bool          `koanf:"discovery" doc:"Let clients list all peers of their key."`
	Expire    time.Duration `koanf:"expire" min:"100ms" doc:"How long messages wait for a peer that is not there before the sender is told."`
	Idle      time.Duration `koanf:"idle" min:"1s" doc:"Silence, heartbeats included, after which a client is dropped."`
}

func defaultFrontend() Frontend { return Frontend{Access: "auto", Connections: 10_000} }

func defaultFrontends() Frontends {
	return Frontends{
		Article:  Article{defaultFrontend()},
		EasyRTC:  defaultEasyRTC(),
		PeerJS:   PeerJS{Frontend: defaultFrontend(), Keys: []string{"peerjs"}, Expire: 5 * time.Second, Idle: 90 * time.Second},
		SIP:      defaultSIP(),
		SaltyRTC: SaltyRTC{Frontend: defaultFrontend()},
	}
}

// FrontendNames lists the front-ends there are.
func FrontendNames() []string {
	var names []string
	t := reflect.TypeFor[Frontends]()
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("koanf"))
	}
	return names
}

// Each visits the front-ends in the order of their names' list.
func (f *Frontends) Each(visit func(name string, common *Frontend)) {
	v := reflect.ValueOf(f).Elem()
	for i, name := range FrontendNames() {
		common, ok := v.Field(i).FieldByName("Frontend").Addr().Interface().(*Frontend)
		if !ok {
			panic("config: front-end " + name + " does not embed Frontend") // found by the first test
		}
		visit(name, common)
	}
}

const (
	frontendsKey = "frontends"
	frontendsEnv = EnvPrefix + "FRONTENDS"
)

// applyFrontends turns on what a source names: by the list, or by a key below the name. It takes out of values what
// is not a field.
func applyFrontends(c *Config, values map[string]any) error {
	if raw, there := values[frontendsKey]; there && !empty(raw) {
		delete(values, frontendsKey)
		names, err := listOf(raw)
		if err != nil {
			return err
		}
		if err := c.Frontends.only(names); err != nil {
			return err
		}
	}
	c.Frontends.Each(func(name string, common *Frontend) {
		key := frontendsKey + "." + name
		for k, v := range values {
			if k == key && empty(v) || strings.HasPrefix(k, key+".") {
				common.Enabled = true // unless "enabled: false" follows
			}
		}
	})
	return nil
}

// only turns the named on and all others off.
func (f *Frontends) only(names []string) error {
	known := FrontendNames()
	for _, n := range names {
		if !slices.Contains(known, n) {
			return fmt.Errorf("%q: no such front-end%s", n, suggestion(n, known))
		}
	}
	f.Each(func(name string, common *Frontend) { common.Enabled = slices.Contains(names, name) })
	return nil
}

func listOf(raw any) ([]string, error) {
	var names []string
	list := field{value: reflect.ValueOf(&names).Elem()}
	if err := list.setList(raw); err != nil {
		return nil, errors.New("must be a list of names, or a map with a name and its settings in each line")
	}
	return names, nil
}

func (c Config) checkFrontends(fail func(key string, value any, cause string)) {
	c.Frontends.Each(func(name string, common *Frontend) {
		key := frontendsKey + "." + name
		checkAddress(key+".listen", common.Listen, true, fail)
		checkOrigins(key+".origins", common.Origins, fail)
	})
	c.Frontends.SIP.check(fail)
	c.Frontends.EasyRTC.check(fail)
	c.Frontends.SaltyRTC.check(fail)
	p := &c.Frontends.PeerJS
	if len(p.Keys) == 0 {
		fail("frontends.peerjs.keys", "", "must not be empty")
	}
	for i, k := range p.Keys {
		if k == "" || len(k) > 64 || url.PathEscape(k) != k || slices.Contains(p.Keys[:i], k) {
			fail("frontends.peerjs.keys", k, "must be 1 to 64 letters, digits, - or _, each key once")
		}
	}
}
