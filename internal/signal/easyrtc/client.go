package easyrtc

import (
	"encoding/json"

	"veche.example/internal/front/envelope"
	"veche.example/internal/signal/easyrtc/engineio"
	"veche.example/internal/signal/easyrtc/socketio"
	"veche.example/internal/wsconn"
)

// The events of the protocol.
const (
	eventAuth = "easyrtcAuth"
	eventCmd  = "easyrtcCmd"
	eventMsg  = "easyrtcMsg"
)

// client is one connection. It implements engineio.Handler.
type client struct {
	a  *Adapter
	x  *engineio.Session
	id string // easyrtcid

	// of the handler's methods
	connected bool
	skip      int // binary messages that are attachments of what was refused

	member // guarded by Adapter.mu
}

// ack is where an answer goes: to the acknowledgement that was asked for.
type ack struct {
	wanted bool
	id     uint64
}

// Message implements engineio.Handler.
func (k *client) Message(data []byte, binary bool) {
	if binary {
		if k.skip > 0 {
			k.skip--
			return
		}
		k.malformed(ack{}, badData, "binary messages are not taken")
		return
	}
	p, err := socketio.Parse(data)
	if err != nil {
		k.malformed(ack{}, badStructure, err.Error())
		return
	}
	to := ack{p.HasID, p.ID}
	switch {
	case p.Kind == socketio.Connect && p.Namespace != "/":
		_ = k.x.Send(socketio.Refused(p.Namespace)) // it is closing: nobody is left to tell
	case p.Namespace != "/", p.Kind == socketio.ConnectError:
		k.malformed(ack{}, badStructure, "not a packet of a client, or of another namespace")
	case p.Kind == socketio.Connect:
		if !k.connected {
			k.connected = true
			_ = k.x.Send(socketio.Connected(newID()))
		}
	case p.Kind == socketio.Disconnect:
		k.x.Close(nil, "")
	case p.Kind == socketio.BinaryEvent:
		k.skip = p.Attachments
		k.a.stats.binary.Add(1)
		k.fail(to, badData, "binary attachments are not taken: use a data channel")
	case p.Kind == socketio.BinaryAck:
		k.skip = p.Attachments
	case p.Kind == socketio.Ack: // nothing was asked
	case !k.connected:
		k.x.Close(nil, "an event before the connection")
	default:
		k.event(&p, to)
	}
}

// event acts on an event.
func (k *client) event(p *socketio.Packet, to ack) {
	name, value, err := p.Args()
	if err != nil {
		k.malformed(to, badStructure, err.Error())
		return
	}
	var e envelope.Envelope
	if err := envelope.Open(value, &e); err != nil {
		if name == eventAuth && !k.known() {
			k.refuse(to, loginBadAuth, err.Error())
			return
		}
		k.malformed(to, badStructure, err.Error())
		return
	}
	switch {
	case name == eventAuth:
		k.authenticate(&e, to)
	case name != eventCmd && name != eventMsg:
		k.malformed(to, badType, "no event of this name is known")
	case !k.known():
		k.fail(to, noAuth, "")
	case name == eventCmd:
		k.command(&e, to)
	default:
		k.message(&e, to)
	}
}

// known says whether the client is authenticated.
func (k *client) known() bool {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	return k.app != nil
}

// malformed is fail for what no client of the protocol sends.
func (k *client) malformed(to ack, c code, why string) {
	k.a.stats.malformed.Add(1)
	k.fail(to, c, why)
}

// fail answers with an error; where no answer was asked for it is an event, which clients show.
func (k *client) fail(to ack, c code, why string) { k.answer(to, errorMessage(c, why)) }

// answer sends JSON as an acknowledgement; what nobody has asked for is sent only if it is an error.
func (k *client) answer(to ack, body []byte) {
	_ = k.x.Send(packet(to, body)) // it is closing: nobody is left to tell
}

// packet makes one of JSON: an acknowledgement, or an event of the server's.
func packet(to ack, body []byte) []byte {
	out := make([]byte, 0, len(body)+32)
	if to.wanted {
		out = socketio.AppendAck(out, to.id)
	} else {
		out = socketio.AppendEvent(out, eventCmd)
	}
	return append(append(out, body...), socketio.End)
}

// reply acknowledges with a message, if that was asked for.
func (k *client) reply(to ack, typ string, data any) {
	if !to.wanted {
		return
	}
	body, err := json.Marshal(message{Type: typ, Data: data})
	if err != nil {
		k.fail(to, general, "")
		return
	}
	k.answer(to, body)
}

// refuse answers with an error and ends the connection; the client does not come back by itself.
func (k *client) refuse(to ack, c code, why string) {
	k.a.stats.refused.Add(1)
	k.fail(to, c, why)
	k.x.Close(socketio.Disconnected(), string(c))
}

// Limited implements engineio.Handler.
func (k *client) Limited(data []byte) {
	k.a.stats.rate.Add(1)
	if p, err := socketio.Parse(data); err == nil && p.Kind == socketio.Event {
		k.fail(ack{p.HasID, p.ID}, general, "too many messages")
	}
}

// LastWords implements engineio.Handler.
func (k *client) LastWords(why wsconn.Reason) []byte {
	switch why {
	case wsconn.Slow:
		return packet(ack{}, errorMessage(general, "too slow: messages were not read"))
	case wsconn.TooBig:
		return packet(ack{}, errorMessage(badSize, ""))
	case wsconn.Rate:
		return packet(ack{}, errorMessage(general, "too many messages"))
	case wsconn.Protocol:
		return packet(ack{}, errorMessage(badStructure, "not a packet of Engine.IO"))
	case wsconn.Timeout:
		return packet(ack{}, errorMessage(loginTimeout, ""))
	case wsconn.Shutdown:
		return packet(ack{}, errorMessage(serverShutdown, ""))
	}
	return nil
}

// Closed implements engineio.Handler.
func (k *client) Closed(wsconn.Reason) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	k.a.leave(k)
}
