package easyrtc

import (
	"encoding/json"
	"slices"

	"veche.example/internal/signal/easyrtc/socketio"
)

// maxRooms is how many rooms a client may be in.
const maxRooms = 32

// app is an application: clients that can reach each other, and their rooms. Adapter.mu guards it.
type app struct {
	name    string
	clients map[string]*client // by easyrtcid
	rooms   map[string]*room
}

// room is who is in it, by easyrtcid.
type room struct {
	name    string
	members map[string]*place
}

// place is a client in a room.
type place struct {
	k      *client
	joined int64 // ms since 1970
	field  json.RawMessage
}

// member is what a client is after it has authenticated.
type member struct {
	app      *app // nil = it has not
	username string
	person   string // who may be the same one, come back
	token    string // "" = everybody may
	wide     bool   // the token is for the application, not for one room
	groups   []string
	presence presence
	rooms    map[string]*room
}

// entry is a client in a list.
type entry struct {
	Easyrtcid string          `json:"easyrtcid"`
	Joined    int64           `json:"roomJoinTime"`
	Presence  presence        `json:"presence"`
	Field     json.RawMessage `json:"apiField,omitempty"`
	Username  string          `json:"username,omitempty"`
}

// view is what a client is told about a room.
type view struct {
	Name    string           `json:"roomName"`
	Status  string           `json:"roomStatus"` // join, update, leave
	Clients map[string]entry `json:"clientList,omitempty"`
	Delta   *delta           `json:"clientListDelta,omitempty"`
}

// delta is what has changed in a list.
type delta struct {
	Update map[string]entry `json:"updateClient,omitempty"`
	Remove map[string]gone  `json:"removeClient,omitempty"`
}

type gone struct {
	Easyrtcid string `json:"easyrtcid"`
}

// roomData is the msgData of what is told about rooms.
type roomData struct {
	Rooms map[string]view `json:"roomData"`
}

func (p *place) entry() entry {
	return entry{p.k.id, p.joined, p.k.presence, p.field, p.k.username}
}

// list is all of a room.
func (r *room) list() view {
	v := view{Name: r.name, Status: "join", Clients: make(map[string]entry, len(r.members))}
	for id, p := range r.members {
		v.Clients[id] = p.entry()
	}
	return v
}

// changed is what is told about a client that has changed or come.
func (r *room) changed(k *client) view {
	return view{Name: r.name, Status: "update", Delta: &delta{Update: map[string]entry{k.id: r.members[k.id].entry()}}}
}

// tell sends a view to all in the room but one.
func (r *room) tell(but *client, v view) {
	data, err := json.Marshal(roomData{map[string]view{r.name: v}})
	if err != nil {
		return // strings and numbers: it does not happen
	}
	at := now()
	for id, p := range r.members {
		if p.k == but {
			continue
		}
		if body, err := json.Marshal(message{Easyrtcid: id, Type: "roomData", Data: json.RawMessage(data), Time: at}); err == nil {
			out := socketio.AppendEvent(make([]byte, 0, len(body)+32), eventCmd)
			_ = p.k.x.Send(append(append(out, body...), socketio.End)) // it is closing, or closed as too slow
		}
	}
}

// join takes a client into a room, false if there is no place. Adapter.mu is held.
func (a *Adapter) join(k *client, name string) bool {
	r := k.app.rooms[name]
	if r == nil {
		r = &room{name: name, members: make(map[string]*place)}
	}
	if r.members[k.id] != nil {
		return true
	}
	if len(r.members) >= a.opt.RoomSize || len(k.rooms) >= maxRooms {
		return false
	}
	r.members[k.id] = &place{k: k, joined: now()}
	k.app.rooms[name], k.rooms[name] = r, r
	r.tell(k, r.changed(k))
	return true
}

// part takes a client out of a room; Adapter.mu is held.
func (k *client) part(r *room) {
	delete(r.members, k.id)
	delete(k.rooms, r.name)
	if len(r.members) == 0 {
		delete(k.app.rooms, r.name)
		return
	}
	r.tell(nil, view{Name: r.name, Status: "update", Delta: &delta{Remove: map[string]gone{k.id: {k.id}}}})
}

// leave takes a client out of everything; idempotent. Adapter.mu is held.
func (a *Adapter) leave(k *client) {
	if k.app == nil {
		return
	}
	for _, r := range k.rooms {
		k.part(r)
	}
	delete(k.app.clients, k.id)
	if len(k.app.clients) == 0 {
		delete(a.apps, k.app.name)
	}
	a.clients--
	k.member = member{}
}

// reaches says whether a client may send to another one of its application: to anybody there, unless both are let in
// for single rooms only. Adapter.mu is held.
func (k *client) reaches(other *client) bool {
	if k.wide || other.wide {
		return true
	}
	for name := range k.rooms {
		if other.rooms[name] != nil {
			return true
		}
	}
	return false
}

// list names the rooms that a client may know of, with how many are in them. Adapter.mu is held.
func (a *Adapter) list(k *client) map[string]any {
	type size struct {
		Name    string `json:"roomName"`
		Clients int    `json:"numberClients"`
	}
	out := make(map[string]any)
	known := k.rooms
	if k.wide {
		known = k.app.rooms
		for _, name := range append(slices.Clone(a.opt.Rooms), a.opt.DefaultRoom) {
			if name != "" {
				out[name] = size{Name: name} // there although nobody is in it
			}
		}
	}
	for name, r := range known {
		out[name] = size{name, len(r.members)}
	}
	return out
}
