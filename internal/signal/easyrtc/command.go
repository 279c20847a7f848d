package easyrtc

import (
	"bytes"
	"encoding/json"
	"strconv"

	"veche.example/internal/front/envelope"
	"veche.example/internal/signal/easyrtc/socketio"
)

// maxField is the bytes of an API field of a room, less one.
const maxField = 4096

// command acts on easyrtcCmd.
func (k *client) command(e *envelope.Envelope, to ack) {
	typ, ok := e.Text("msgType")
	if !ok {
		k.malformed(to, badType, "")
		return
	}
	raw, there := e.Raw("msgData")
	data, isObject := objectOf(raw)
	switch typ {
	case "offer", "answer", "candidate":
		if !isObject || len(data) == 0 {
			k.fail(to, badData, "")
			return
		}
		k.signal(e, typ, to)
	case "reject", "hangup":
		if there {
			k.fail(to, badData, "")
			return
		}
		k.signal(e, typ, to)
	case "getIceConfig":
		if there && (!isObject || len(data) > 0) {
			k.fail(to, badData, "")
			return
		}
		k.iceConfig(to)
	case "getRoomList":
		if there {
			k.fail(to, badData, "")
			return
		}
		k.roomList(to)
	case "stillAlive": // of old clients
		k.reply(to, "ack", nil)
	case "roomJoin", "roomLeave", "setPresence", "setRoomApiField", "setUserCfg":
		if !isObject {
			k.fail(to, badData, "")
			return
		}
		k.set(typ, data[typ], to)
	default:
		k.fail(to, badType, "")
	}
}

// set acts on a command whose msgData has one member, of the command's name.
func (k *client) set(typ string, raw json.RawMessage, to ack) {
	o, ok := objectOf(raw)
	switch {
	case !ok || len(o) == 0 && typ != "roomLeave":
		k.fail(to, badStructure, "") // roomJoin:{} too, by which the project's server dies
	case typ == "roomJoin":
		k.roomJoin(raw, to)
	case typ == "roomLeave":
		k.roomLeave(raw, to)
	case typ == "setPresence":
		k.setPresence(raw, to)
	case typ == "setRoomApiField":
		k.setField(o, to)
	default: // setUserCfg: what the client is set to is of no use to us
		for _, name := range []string{"p2pList", "userSettings"} {
			if raw, there := o[name]; there {
				if inner, ok := objectOf(raw); !ok || len(inner) == 0 {
					k.fail(to, badStructure, "")
					return
				}
			}
		}
		k.reply(to, "ack", nil)
	}
}

// signal hands a message of a call to the client that it is for.
func (k *client) signal(e *envelope.Envelope, typ string, to ack) {
	target, ok := e.Text("targetEasyrtcid")
	if !ok || !validName(target) {
		k.fail(to, badStructure, "")
		return
	}
	k.a.mu.Lock()
	var other *client
	if k.app != nil {
		if other = k.app.clients[target]; other != nil && typ != "hangup" && !k.reaches(other) {
			other = nil
		}
	}
	k.a.mu.Unlock()
	data, _ := e.Raw("msgData")
	if other == nil || !k.a.relay(eventCmd, other, parts{from: k.id, typ: strconv.AppendQuote(nil, typ), data: data}) {
		k.fail(to, targetID, "")
		return
	}
	k.reply(to, "ack", nil)
}

// parts are what a relayed message is made of; those in JSON are the sender's.
type parts struct {
	from                string
	typ, data           []byte // JSON; data nil = none
	client, room, group string // targets, as the sender has named them
}

// relay sends to one client, false if it is not there any more. No lock is held.
func (a *Adapter) relay(event string, to *client, p parts) bool {
	out := socketio.AppendEvent(make([]byte, 0, len(p.data)+len(p.typ)+256), event)
	out = appendMember(append(out, '{'), "senderEasyrtcid", p.from)
	out = appendMember(append(out, ','), "easyrtcid", to.id)
	for _, t := range []struct{ name, value string }{{"targetEasyrtcid", p.client}, {"targetRoom", p.room}, {"targetGroup", p.group}} {
		if t.value != "" {
			out = appendMember(append(out, ','), t.name, t.value)
		}
	}
	out = append(append(out, `,"msgType":`...), p.typ...)
	if p.data != nil {
		out = append(append(out, `,"msgData":`...), p.data...)
	}
	out = strconv.AppendInt(append(out, `,"serverTime":`...), now(), 10)
	if to.x.Send(append(out, '}', socketio.End)) != nil {
		a.stats.dead.Add(1)
		return false
	}
	a.stats.relayed.Add(1)
	return true
}

// appendMember writes a member whose value is a valid name: no character of it needs an escape.
func appendMember(out []byte, name, value string) []byte {
	out = append(append(append(out, '"'), name...), `":"`...)
	return append(append(out, value...), '"')
}

func (k *client) iceConfig(to ack) {
	k.a.mu.Lock()
	name := ""
	if k.app != nil {
		name = k.app.name
	}
	k.a.mu.Unlock()
	k.reply(to, "iceConfig", map[string]any{"iceConfig": k.a.ice(k, name)})
}

func (k *client) roomList(to ack) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	if k.app == nil {
		return
	}
	k.reply(to, "roomList", map[string]any{"roomList": k.a.list(k)})
}

// roomJoin takes the client into rooms, all or none.
func (k *client) roomJoin(raw []byte, to ack) {
	names, parameters, ok := roomsOf(raw)
	if !ok {
		k.fail(to, badStructure, "")
		return
	}
	k.a.mu.Lock()
	me, application := k.member, ""
	if k.app != nil {
		application = k.app.name
	}
	k.a.mu.Unlock()
	for _, name := range names {
		extra, _ := textOf(parameters[name]["token"])
		if len(extra) > maxToken {
			extra = ""
		}
		if c := k.a.mayJoin(application, me.token, extra, name, me.wide); c != none {
			k.fail(to, c, "")
			return
		}
	}
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	if k.app == nil {
		return
	}
	out := roomData{make(map[string]view)}
	var fresh []*room
	for _, name := range names {
		was := k.rooms[name] != nil
		if !k.a.join(k, name) {
			for _, r := range fresh {
				k.part(r)
			}
			k.fail(to, badRoom, "")
			return
		}
		if !was {
			fresh = append(fresh, k.rooms[name])
		}
		out.Rooms[name] = k.rooms[name].list()
	}
	k.reply(to, "roomData", out)
}

// roomLeave takes the client out of rooms; calls go on.
func (k *client) roomLeave(raw []byte, to ack) {
	names, _, ok := roomsOf(raw)
	if !ok {
		k.fail(to, badStructure, "")
		return
	}
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	out := roomData{make(map[string]view)}
	for _, name := range names {
		if r := k.rooms[name]; r != nil {
			k.part(r)
		}
		out.Rooms[name] = view{Name: name, Status: "leave"}
	}
	k.reply(to, "roomData", out)
}

// setPresence tells all of the client's rooms how it is.
func (k *client) setPresence(raw []byte, to ack) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	if !k.presence.change(raw) {
		k.fail(to, badStructure, "")
		return
	}
	out := roomData{make(map[string]view)}
	for name, r := range k.rooms {
		out.Rooms[name] = r.changed(k)
		r.tell(k, out.Rooms[name])
	}
	k.reply(to, "roomData", out)
}

// setField sets what the client says about itself in one room; nothing takes it back.
func (k *client) setField(o object, to ack) {
	name, ok := textOf(o["roomName"])
	if !ok || !validName(name) {
		k.fail(to, badRoom, "")
		return
	}
	field, there := o["field"]
	if there {
		var compact bytes.Buffer
		if field[0] != '{' || json.Compact(&compact, field) != nil {
			k.fail(to, badStructure, "")
			return
		}
		if field = compact.Bytes(); len(field) >= maxField {
			k.fail(to, badSize, "")
			return
		}
		if members, _ := objectOf(field); len(members) == 0 {
			field = nil
		}
	}
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	r := k.rooms[name]
	if r == nil {
		k.fail(to, badRoom, "")
		return
	}
	r.members[k.id].field = field
	v := r.changed(k)
	r.tell(k, v)
	k.reply(to, "roomData", roomData{map[string]view{name: v}})
}
