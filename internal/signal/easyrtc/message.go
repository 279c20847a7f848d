package easyrtc

import (
	"slices"

	"veche.example/internal/front/envelope"
)

// message acts on easyrtcMsg: it goes to one client, to a room, or to a group.
func (k *client) message(e *envelope.Envelope, to ack) {
	typ, ok := e.Text("msgType")
	if !ok || typ == "" {
		k.malformed(to, badType, "")
		return
	}
	p := parts{from: k.id}
	p.typ, _ = e.Raw("msgType")
	p.data, _ = e.Raw("msgData")
	for _, t := range []struct {
		name string
		into *string
		c    code
	}{{"targetEasyrtcid", &p.client, targetID}, {"targetGroup", &p.group, targetGroup}, {"targetRoom", &p.room, targetRoom}} {
		if _, there := e.Raw(t.name); !there {
			continue
		}
		if *t.into, ok = e.Text(t.name); !ok || !validName(*t.into) {
			k.fail(to, t.c, "")
			return
		}
	}
	var list []*client
	c := badType // for the server: it has no messages of its own
	k.a.mu.Lock()
	switch {
	case k.app == nil:
		c = noAuth
	case p.client != "":
		list, c = p.toOne(k)
	case p.room != "":
		list, c = p.toRoom(k)
	case p.group != "":
		list, c = p.toGroup(k)
	}
	k.a.mu.Unlock()
	if c != none {
		k.fail(to, c, "")
		return
	}
	sent := 0
	for _, other := range list {
		if k.a.relay(eventMsg, other, p) {
			sent++
		}
	}
	if p.client != "" && sent == 0 {
		k.fail(to, targetID, "")
		return
	}
	k.reply(to, "ack", nil)
}

// toOne finds a single client, who must be in the room and in the group that are named as well. Adapter.mu is held.
func (p *parts) toOne(k *client) ([]*client, code) {
	other := k.app.clients[p.client]
	switch {
	case other == nil || other == k || !k.reaches(other):
		return nil, targetID
	case p.room != "" && (k.rooms[p.room] == nil || other.rooms[p.room] == nil):
		return nil, targetRoom
	case p.group != "" && (!slices.Contains(k.groups, p.group) || !slices.Contains(other.groups, p.group)):
		return nil, targetGroup
	}
	return []*client{other}, none
}

// toRoom finds those in a room that the client is in, and if one is named in a group. Adapter.mu is held.
func (p *parts) toRoom(k *client) ([]*client, code) {
	r := k.rooms[p.room]
	if r == nil {
		return nil, targetRoom
	}
	var list []*client
	for _, m := range r.members {
		if m.k != k && (p.group == "" || slices.Contains(m.k.groups, p.group)) {
			list = append(list, m.k)
		}
	}
	p.group = "" // the project's server names the room only
	return list, none
}

// toGroup finds those in a group of the application. Adapter.mu is held.
func (p *parts) toGroup(k *client) ([]*client, code) {
	var list []*client
	there := slices.Contains(k.groups, p.group)
	for _, other := range k.app.clients {
		if other != k && slices.Contains(other.groups, p.group) && k.reaches(other) {
			list = append(list, other)
			there = true
		}
	}
	if !there {
		return nil, targetGroup
	}
	return list, none
}
