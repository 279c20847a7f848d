package easyrtc

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"veche.example/internal/front"
	"veche.example/internal/front/envelope"
)

// Who may be somebody that is still there is given this long for a sign of life, and so many are asked.
const (
	probeTime = 4 * time.Second
	probeMost = 16
)

const maxToken = 4 << 10

// login is a request to authenticate that has been read.
type login struct {
	application, username, session, token string
	groups                                []string
	presence                              presence
	rooms                                 []string
}

// authenticate lets a client in. Who is in already is taken out first: a client that uses one Socket.IO connection
// again asks anew.
func (k *client) authenticate(e *envelope.Envelope, to ack) {
	in, c := readLogin(e)
	if !to.wanted {
		c = loginStructure // there is no other way to hand out an id
	}
	if c != none {
		k.a.stats.malformed.Add(1)
		k.refuse(to, c, "")
		return
	}
	grant, wide, c := k.a.admit(in)
	if c != none {
		k.refuse(to, c, "")
		return
	}
	if c := k.a.enter(k, in, grant, wide); c != none {
		k.refuse(to, c, "")
		return
	}
	k.welcome(in, to)
	k.x.Ready()
	k.a.probe(k)
}

// readLogin checks a request, in the order of the project's server.
func readLogin(e *envelope.Envelope) (*login, code) {
	if typ, _ := e.Text("msgType"); typ != "authenticate" {
		return nil, loginBadAuth
	}
	raw, _ := e.Raw("msgData")
	data, ok := objectOf(raw)
	version, versioned := textOf(data["apiVersion"])
	if !ok || !versioned {
		return nil, loginStructure
	}
	if raw, there := data["roomJoin"]; there && raw[0] != '{' {
		return nil, loginStructure
	}
	in := &login{application: "default", presence: presence{Show: "chat"}}
	if !wordOf(version, 32, "_.+-") ||
		!optional(data["applicationName"], &in.application, validName) ||
		!optional(data["easyrtcsid"], &in.session, func(s string) bool { return wordOf(s, 100, "_.%-") }) ||
		!optional(data["username"], &in.username, func(s string) bool { return lineOf(s, 1, 64) }) {
		return nil, badStructure
	}
	if raw, there := data["credential"]; there && !in.readCredential(raw) {
		return nil, badStructure
	}
	if raw, there := data["roomJoin"]; there {
		if in.rooms, _, ok = roomsOf(raw); !ok {
			return nil, badStructure
		}
	}
	if raw, there := data["setPresence"]; there && !in.presence.change(raw) {
		return nil, badStructure
	}
	if raw, there := data["setUserCfg"]; there && raw[0] != '{' {
		return nil, loginUserCfg
	}
	return in, none
}

// optional reads a string that need not be there.
func optional(raw json.RawMessage, into *string, valid func(string) bool) bool {
	if raw == nil {
		return true
	}
	s, ok := textOf(raw)
	if !ok || !valid(s) {
		return false
	}
	*into = s
	return true
}

// readCredential takes {"token":…,"groups":[…]}; other members are other servers'.
func (in *login) readCredential(raw []byte) bool {
	o, ok := objectOf(raw)
	if !ok || len(o) == 0 || !optional(o["token"], &in.token, func(s string) bool { return len(s) <= maxToken }) {
		return false
	}
	if raw, there := o["groups"]; there {
		if json.Unmarshal(raw, &in.groups) != nil || len(in.groups) > maxRooms || slices.ContainsFunc(in.groups, func(g string) bool { return !validName(g) }) {
			return false
		}
	}
	return true
}

// admit says whether the client may be where it wants to be, and completes what it has said.
func (a *Adapter) admit(in *login) (grant front.Grant, wide bool, c code) {
	if len(a.opt.Applications) > 0 && !slices.Contains(a.opt.Applications, in.application) {
		return grant, false, loginAppAuth
	}
	if len(in.rooms) == 0 && a.opt.DefaultRoom != "" {
		in.rooms = []string{a.opt.DefaultRoom}
	}
	if slices.ContainsFunc(in.rooms, func(name string) bool { return !a.hasRoom(name) }) {
		return grant, false, loginBadRoom
	}
	if a.config.Authorize == nil {
		in.token = ""
		return grant, true, none
	}
	grant, err := a.config.Allow(in.token, in.application)
	wide = err == nil
	if !wide {
		if len(in.rooms) == 0 {
			return grant, false, loginBadAuth
		}
		for _, name := range in.rooms {
			if grant, err = a.config.Allow(in.token, in.application+"/"+name); err != nil {
				a.log.Debug("easyrtc: refused", "err", err)
				return grant, false, loginBadAuth
			}
		}
	}
	known := []string{grant.Name, grant.Identity}
	switch {
	case grant.Name == "" && grant.Identity == "":
	case in.username == "" && grant.Name != "":
		in.username = grant.Name
	case in.username == "":
		in.username = grant.Identity
	case !slices.Contains(known, in.username):
		return grant, false, loginBadAuth // somebody else's name
	}
	in.groups = nil // a token knows better
	if grant.Role != "" {
		in.groups = []string{grant.Role}
	}
	return grant, wide, none
}

// hasRoom says whether there is, or may be, a room of this name.
func (a *Adapter) hasRoom(name string) bool {
	return len(a.opt.Rooms) == 0 || slices.Contains(a.opt.Rooms, name) || name == a.opt.DefaultRoom
}

// mayJoin says whether a client that is in may join one more room; extra is a token for it, "" = none. No lock is held.
func (a *Adapter) mayJoin(application, token, extra, name string, wide bool) code {
	if !a.hasRoom(name) {
		return badRoom
	}
	if a.config.Authorize == nil || wide {
		return none
	}
	for _, t := range []string{token, extra} {
		if _, err := a.config.Allow(t, application+"/"+name); err == nil {
			return none
		}
	}
	return noAuth
}

// enter makes the client a member; what it was before is over.
func (a *Adapter) enter(k *client, in *login, grant front.Grant, wide bool) code {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leave(k)
	if a.clients >= a.config.MaxClients() {
		return loginNoSockets
	}
	p := a.apps[in.application]
	if p == nil {
		p = &app{name: in.application, clients: make(map[string]*client), rooms: make(map[string]*room)}
		a.apps[in.application] = p
	}
	a.clients++
	p.clients[k.id] = k
	k.member = member{
		app: p, username: in.username, person: person(k, in, grant), token: in.token, wide: wide, groups: in.groups,
		presence: in.presence, rooms: make(map[string]*room),
	}
	for _, name := range in.rooms {
		if !a.join(k, name) {
			a.leave(k)
			return loginGeneral
		}
	}
	return none
}

// person is by what somebody who comes back can be known.
func person(k *client, in *login, grant front.Grant) string {
	switch {
	case grant.Identity != "":
		return "identity " + grant.Identity
	case in.session != "":
		return "session " + in.session
	case in.username != "":
		return "user " + in.username
	}
	return "address " + k.x.IP().String()
}

// welcome answers with the token: all that a client needs to know.
func (k *client) welcome(in *login, to ack) {
	type application struct {
		Name string `json:"applicationName"`
	}
	type session struct {
		Easyrtcsid string `json:"easyrtcsid"`
	}
	out := struct {
		Rooms       map[string]view `json:"roomData"`
		Application application     `json:"application"`
		Easyrtcid   string          `json:"easyrtcid"`
		ICE         any             `json:"iceConfig"`
		Time        int64           `json:"serverTime"`
		Session     *session        `json:"sessionData,omitempty"`
	}{Rooms: make(map[string]view), Application: application{in.application}, Easyrtcid: k.id, ICE: k.a.ice(k, in.application), Time: now()}
	if in.session != "" {
		out.Session = &session{in.session}
	}
	k.a.mu.Lock()
	defer k.a.mu.Unlock() // what happens in the rooms from here on is told after this
	for name, r := range k.rooms {
		out.Rooms[name] = r.list()
	}
	k.reply(to, "token", out)
}

// ice is the STUN and TURN servers for the client, with credentials of its own.
func (a *Adapter) ice(k *client, application string) any {
	servers := []front.ICEServer{}
	if a.config.ICE != nil {
		servers = append(servers, a.config.ICE(k.x.Request(), fmt.Sprintf("easyrtc:%s:%s", application, k.id))...)
	}
	return map[string][]front.ICEServer{"iceServers": servers}
}

// probe asks those for a sign of life who may be k, and have lost their connection without knowing.
func (a *Adapter) probe(k *client) {
	var list []*client
	a.mu.Lock()
	if k.app != nil {
		for _, other := range k.app.clients {
			if other != k && other.person == k.person && len(list) < probeMost {
				list = append(list, other)
			}
		}
	}
	a.mu.Unlock()
	for _, other := range list {
		other.x.Probe(probeTime)
	}
}
