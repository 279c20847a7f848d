package easyrtc

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"veche.example/internal/front"
)

func TestToken(t *testing.T) {
	ice := func(r *http.Request, client string) []front.ICEServer {
		return []front.ICEServer{{URLs: []string{"turn:" + strings.Split(r.Host, ":")[0]}, Username: client, Credential: "c"}}
	}
	s := newStand(t, front.Config{ICE: ice}, Options{DefaultRoom: "default"})
	a := s.enter("app", `"username":"Ann ✓","setPresence":{"show":"dnd","status":"busy"}`)
	b := s.connectPolling() // polling only is as good
	out := b.mustAuth("app", `"roomJoin":{"default":{"roomName":"default"},"r.2":{"roomName":"r.2","roomParameter":{"x":1}}},"easyrtcsid":"sid%1"`)
	data := out["msgData"].(anyMap)
	if dig(data, "application", "applicationName") != "app" || dig(data, "sessionData", "easyrtcsid") != "sid%1" || data["serverTime"] == nil {
		t.Errorf("%v", data)
	}
	servers := dig(data, "iceConfig", "iceServers").([]any)
	if want := (anyMap{"urls": []any{"turn:127.0.0.1"}, "username": "easyrtc:app:" + b.id, "credential": "c"}); !reflect.DeepEqual(servers[0], want) {
		t.Errorf("%v", servers)
	}
	list := dig(data, "roomData", "default", "clientList").(anyMap)
	ann := list[a.id].(anyMap)
	if len(list) != 2 || ann["username"] != "Ann ✓" || !reflect.DeepEqual(ann["presence"], anyMap{"show": "dnd", "status": "busy"}) || ann["easyrtcid"] != a.id || ann["roomJoinTime"] == nil {
		t.Errorf("%v", list)
	}
	if !reflect.DeepEqual(dig(list, b.id, "presence"), anyMap{"show": "chat", "status": nil}) {
		t.Errorf("%v", list[b.id])
	}
	if dig(data, "roomData", "r.2", "roomStatus") != "join" {
		t.Errorf("%v", data["roomData"])
	}
	a.room("default", b.id, "")
	fresh := b.cmd(`{"msgType":"getIceConfig","msgData":{}}`)
	if fresh["msgType"] != "iceConfig" || len(dig(fresh, "msgData", "iceConfig", "iceServers").([]any)) != 1 {
		t.Errorf("%v", fresh)
	}
	rooms := a.cmd(`{"msgType":"getRoomList"}`)
	want := anyMap{"default": anyMap{"roomName": "default", "numberClients": 2.0}, "r.2": anyMap{"roomName": "r.2", "numberClients": 1.0}}
	if rooms["msgType"] != "roomList" || !reflect.DeepEqual(dig(rooms, "msgData", "roomList"), want) {
		t.Errorf("%v", rooms)
	}
	if st := s.a.Stats(); st.Clients != 2 || st.Socket.Open != 1 {
		t.Errorf("%+v", st)
	}
}

func TestRooms(t *testing.T) {
	s := newStand(t, front.Config{}, Options{DefaultRoom: "default", RoomSize: 2})
	a, b := s.enter("app", ""), s.enter("app", "")
	a.room("default", b.id, "")
	join := b.cmd(`{"msgType":"roomJoin","msgData":{"roomJoin":{"x":{"roomName":"x"}}}}`)
	if list, _ := dig(join, "msgData", "roomData", "x", "clientList").(anyMap); join["msgType"] != "roomData" || len(list) != 1 || dig(join, "msgData", "roomData", "default") != nil {
		t.Errorf("%v", join)
	}
	a.cmd(`{"msgType":"roomJoin","msgData":{"roomJoin":{"x":{"roomName":"x"}}}}`)
	b.room("x", a.id, "")
	wants(t, "a third one", s.connect().auth("app", `"roomJoin":{"x":{"roomName":"x"}}`), loginGeneral)
	c := s.enter("app", `"roomJoin":{"y":{"roomName":"y"}}`)
	wants(t, "a full room", c.cmd(`{"msgType":"roomJoin","msgData":{"roomJoin":{"w":{"roomName":"w"},"x":{"roomName":"x"}}}}`), badRoom)
	if rooms := dig(c.cmd(`{"msgType":"getRoomList"}`), "msgData", "roomList").(anyMap); rooms["w"] != nil {
		t.Errorf("one room of two was joined: %v", rooms)
	}
	// presence and fields reach the room, and who comes later
	b.cmd(`{"msgType":"setPresence","msgData":{"setPresence":{"show":"away","status":"lunch"}}}`)
	seen := []anyMap{a.room2(), a.room2()}
	for _, name := range []string{"default", "x"} {
		if !slices.ContainsFunc(seen, func(m anyMap) bool {
			return reflect.DeepEqual(dig(m, name, "clientListDelta", "updateClient", b.id, "presence"), anyMap{"show": "away", "status": "lunch"})
		}) {
			t.Errorf("%s: %v", name, seen)
		}
	}
	field := b.cmd(`{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{"roomName":"x","field":{"mediaIds":{"fieldName":"mediaIds","fieldValue":{"default":1}}}}}}`)
	want := anyMap{"mediaIds": anyMap{"fieldName": "mediaIds", "fieldValue": anyMap{"default": 1.0}}}
	if !reflect.DeepEqual(dig(field, "msgData", "roomData", "x", "clientListDelta", "updateClient", b.id, "apiField"), want) {
		t.Errorf("%v", field)
	}
	if e := a.room("x", b.id, ""); !reflect.DeepEqual(e["apiField"], want) {
		t.Errorf("%v", e)
	}
	b.cmd(`{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{"roomName":"x"}}}`)
	if e := a.room("x", b.id, ""); e["apiField"] != nil {
		t.Errorf("%v", e)
	}
	leave := b.cmd(`{"msgType":"roomLeave","msgData":{"roomLeave":{"x":{"roomName":"x"},"never":{"roomName":"never"}}}}`)
	if dig(leave, "msgData", "roomData", "x", "roomStatus") != "leave" || dig(leave, "msgData", "roomData", "never", "roomStatus") != "leave" {
		t.Errorf("%v", leave)
	}
	a.room("x", "", b.id)
	if out := b.cmd(`{"msgType":"roomLeave","msgData":{"roomLeave":{}}}`); out["msgType"] != "roomData" {
		t.Errorf("%v", out)
	}
	_ = b.ws.CloseNow() // a socket that breaks is as good
	a.room("default", "", b.id)
}

// room2 reads the rooms of an event about them.
func (p *peer) room2() anyMap {
	p.t.Helper()
	return dig(p.expect("easyrtcCmd", anyMap{"msgType": "roomData"}), "msgData", "roomData").(anyMap)
}

// TestCall: each message of a call reaches the one it is for, unchanged, from who it is.
func TestCall(t *testing.T) {
	s := newStand(t, front.Config{}, Options{DefaultRoom: "default"})
	a, c := s.enter("app", ""), s.enter("app", "")
	b := s.connectPolling()
	b.mustAuth("app", "")
	a.room("default", c.id, "")
	a.room("default", b.id, "")
	c.room("default", b.id, "")
	for _, typ := range []string{"offer", "answer", "candidate"} {
		data := `{"type":"` + typ + `","sdp":"v=0\r\n","n":1e2,"ü":["✓"]}`
		out := a.cmd(`{"msgType":"` + typ + `","targetEasyrtcid":"` + b.id + `","senderEasyrtcid":"` + c.id + `","easyrtcid":"x","msgData":` + data + `}`)
		if out["msgType"] != "ack" {
			t.Fatalf("%v", out)
		}
		got := b.expect("easyrtcCmd", anyMap{"msgType": typ, "senderEasyrtcid": a.id, "easyrtcid": b.id})
		if want := (anyMap{"type": typ, "sdp": "v=0\r\n", "n": 100.0, "ü": []any{"✓"}}); !reflect.DeepEqual(got["msgData"], want) || got["serverTime"] == nil {
			t.Errorf("%v", got)
		}
	}
	for _, typ := range []string{"reject", "hangup"} {
		if out := b.cmd(`{"msgType":"` + typ + `","targetEasyrtcid":"` + a.id + `"}`); out["msgType"] != "ack" {
			t.Errorf("%v", out)
		}
		if got := a.expect("easyrtcCmd", anyMap{"msgType": typ, "senderEasyrtcid": b.id}); got["msgData"] != nil {
			t.Errorf("%v", got)
		}
	}
	c.nothing()
	s.until("all is counted", func() bool { return s.a.Stats().Relayed == 5 })
}

func TestMessages(t *testing.T) {
	s := newStand(t, front.Config{}, Options{DefaultRoom: "default"})
	a := s.enter("app", `"credential":{"groups":["staff","night"]},"roomJoin":{"one":{"roomName":"one"}}`)
	b := s.enter("app", `"credential":{"groups":["staff"]},"roomJoin":{"one":{"roomName":"one"}}`)
	c := s.enter("app", `"roomJoin":{"one":{"roomName":"one"},"two":{"roomName":"two"}}`)
	d := s.enter("app", `"credential":{"groups":["staff"]},"roomJoin":{"two":{"roomName":"two"}}`)
	a.room("one", b.id, "")
	a.room("one", c.id, "")
	b.room("one", c.id, "")
	c.room("two", d.id, "")
	all := map[*peer]string{a: "a", b: "b", c: "c", d: "d"}
	for _, m := range []struct {
		from    *peer
		targets string
		to      []*peer
		members anyMap
	}{
		{a, `"targetEasyrtcid":"` + d.id + `"`, []*peer{d}, anyMap{"targetEasyrtcid": d.id}},
		{a, `"targetEasyrtcid":"` + b.id + `","targetRoom":"one"`, []*peer{b}, anyMap{"targetRoom": "one"}},
		{a, `"targetEasyrtcid":"` + b.id + `","targetGroup":"staff"`, []*peer{b}, anyMap{"targetGroup": "staff"}},
		{a, `"targetRoom":"one"`, []*peer{b, c}, anyMap{"targetRoom": "one"}},
		{c, `"targetRoom":"one","targetGroup":"staff"`, []*peer{a, b}, anyMap{"targetRoom": "one"}},
		{c, `"targetGroup":"staff"`, []*peer{a, b, d}, anyMap{"targetGroup": "staff"}},
		{a, `"targetGroup":"night"`, nil, nil},
	} {
		if out := m.from.msg(`{"msgType":"hello","senderEasyrtcid":"spoofed",` + m.targets + `,"msgData":{"x":[1,null,"✓"]}}`); out["msgType"] != "ack" {
			t.Errorf("%s: %v", m.targets, out)
		}
		for _, p := range m.to {
			got := p.expect("easyrtcMsg", m.members)
			if got["senderEasyrtcid"] != m.from.id || got["msgType"] != "hello" || !reflect.DeepEqual(got["msgData"], anyMap{"x": []any{1.0, nil, "✓"}}) {
				t.Errorf("%s: %v", m.targets, got)
			}
		}
		for p, name := range all {
			if !slices.Contains(m.to, p) {
				t.Log(m.targets, "not to", name)
				p.nothing()
			}
		}
	}
	for _, m := range []struct {
		targets string
		want    code
	}{
		{`"targetEasyrtcid":"` + a.id + `"`, targetID}, {`"targetEasyrtcid":"nobody"`, targetID}, {`"targetEasyrtcid":5`, targetID},
		{`"targetEasyrtcid":"` + d.id + `","targetRoom":"one"`, targetRoom}, {`"targetEasyrtcid":"` + b.id + `","targetGroup":"night"`, targetGroup},
		{`"targetRoom":"two"`, targetRoom}, {`"targetRoom":"__proto__"`, targetRoom}, {`"targetRoom":"x y"`, targetRoom},
		{`"targetGroup":"nobody"`, targetGroup}, {`"targetGroup":""`, targetGroup}, {`"for":"the server"`, badType},
	} {
		wants(t, m.targets, a.msg(`{"msgType":"hello",`+m.targets+`}`), m.want)
	}
	wants(t, "no msgType", a.msg(`{"targetRoom":"one"}`), badType)
	d.nothing()
}

// TestErrors: what is wrong with a command is told by its code; roomJoin:{} is one, and the server lives on.
func TestErrors(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Rate: 1000, Burst: 1000, Frame: 64 << 10}}, Options{DefaultRoom: "default"})
	early := s.connect()
	wants(t, "before authenticate", early.cmd(`{"msgType":"getRoomList"}`), noAuth)
	wants(t, "before authenticate", early.msg(`{"msgType":"x","targetRoom":"default"}`), noAuth)
	a, b := s.enter("app", ""), s.enter("app", "")
	a.room("default", b.id, "")
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for _, c := range []struct {
		value string
		want  code
	}{
		{`{"msgType":"roomJoin","msgData":{"roomJoin":{}}}`, badStructure}, {`{"msgType":"roomJoin","msgData":{}}`, badStructure},
		{`{"msgType":"roomJoin"}`, badData}, {`{"msgType":"roomJoin","msgData":null}`, badData},
		{`{"msgType":"roomJoin","msgData":{"roomJoin":{"x":{"roomName":"y"}}}}`, badStructure},
		{`{"msgType":"roomJoin","msgData":{"roomJoin":{"a b":{"roomName":"a b"}}}}`, badStructure},
		{`{"msgType":"roomJoin","msgData":{"roomJoin":{"x":{"roomName":"x","roomParameter":1}}}}`, badStructure},
		{`{"msgType":"roomJoin","msgData":{"roomJoin":[]}}`, badStructure},
		{`{"msgType":"roomLeave","msgData":{"roomLeave":{"x":null}}}`, badStructure}, {`{"msgType":"roomLeave"}`, badData},
		{`{"msgType":"offer","targetEasyrtcid":"` + b.id + `"}`, badData}, {`{"msgType":"offer","targetEasyrtcid":"` + b.id + `","msgData":{}}`, badData},
		{`{"msgType":"offer","msgData":{"sdp":""}}`, badStructure}, {`{"msgType":"candidate","targetEasyrtcid":"not good","msgData":{"a":1}}`, badStructure},
		{`{"msgType":"answer","targetEasyrtcid":"constructor","msgData":{"a":1}}`, targetID},
		{`{"msgType":"hangup","targetEasyrtcid":"` + b.id + `","msgData":null}`, badData}, {`{"msgType":"reject"}`, badStructure},
		{`{"msgType":"hangup","targetEasyrtcid":"nobody"}`, targetID},
		{`{"msgType":"getIceConfig","msgData":{"a":1}}`, badData}, {`{"msgType":"getRoomList","msgData":{}}`, badData},
		{`{"msgType":"setPresence","msgData":{"setPresence":{}}}`, badStructure}, {`{"msgType":"setPresence","msgData":{"setPresence":{"show":"up"}}}`, badStructure},
		{`{"msgType":"setPresence","msgData":{"setPresence":{"status":"a\nb"}}}`, badStructure},
		{`{"msgType":"setPresence","msgData":{"setPresence":{"status":"` + strings.Repeat("x", 256) + `"}}}`, badStructure},
		{`{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{}}}`, badStructure}, {`{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{"roomName":"a b"}}}`, badRoom},
		{`{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{"roomName":"other"}}}`, badRoom},
		{`{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{"roomName":"default","field":1}}}`, badStructure},
		{`{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{"roomName":"default","field":{"x":"` + strings.Repeat("x", maxField) + `"}}}}`, badSize},
		{`{"msgType":"setUserCfg","msgData":{"setUserCfg":{}}}`, badStructure}, {`{"msgType":"setUserCfg","msgData":{"setUserCfg":{"p2pList":{}}}}`, badStructure},
		{`{"msgType":"constructor"}`, badType}, {`{"msgType":5}`, badType}, {`{}`, badType},
		{`null`, badStructure}, {`[]`, badStructure}, {`"x"`, badStructure}, {`{"msgType":"offer","msgData":` + deep + `}`, badStructure},
	} {
		wants(t, c.value, a.cmd(c.value), c.want)
	}
	for _, good := range []string{
		`{"msgType":"setUserCfg","msgData":{"setUserCfg":{"userSettings":{"isVideoEnabled":true}}}}`, `{"msgType":"getIceConfig"}`, `{"msgType":"stillAlive"}`,
	} {
		if out := a.cmd(good); out["msgType"] == "error" {
			t.Errorf("%s: %v", good, out)
		}
	}
	wants(t, "another event", a.ask("toString", `{}`), badType)
	b.nothing()
}

// TestMalformed: what is no packet or no event is answered to its sender only, and does not end the connection.
func TestMalformed(t *testing.T) {
	s := newStand(t, front.Config{}, Options{DefaultRoom: "default"})
	a, b := s.enter("app", ""), s.enter("app", "")
	a.room("default", b.id, "")
	for _, packet := range []string{"4", "49", "4x", `42`, `42[]`, `42["easyrtcCmd"`, `42["easyrtcCmd"]`, `42[{}]`, `42["easyrtcMsg",{}]`, `44{}`, `42/other,["e"]`, `42["nothing",{}]`, `4517-["e"]`} {
		a.send(packet)
		a.expect("easyrtcCmd", anyMap{"msgType": "error"})
	}
	a.send("40/admin,")
	if got := a.read(); got != `44/admin,{"message":"Invalid namespace"}` {
		t.Errorf("%s", got)
	}
	// binary attachments are refused, and those that follow do no harm
	a.send(`451-7["easyrtcMsg",{"msgType":"x","targetRoom":"default","msgData":{"_placeholder":true,"num":0}}]`)
	if err := a.ws.Write(a.ctx, websocket.MessageBinary, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if got := a.read(); !strings.HasPrefix(got, `437[{`) || !strings.Contains(got, string(badData)) {
		t.Errorf("%s", got)
	}
	a.nothing()
	if err := a.ws.Write(a.ctx, websocket.MessageBinary, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	a.expect("easyrtcCmd", anyMap{"msgType": "error"})
	b.nothing()
	if st := s.a.Stats(); st.Dropped["malformed"] < 10 || st.Dropped["binary"] != 1 {
		t.Errorf("%+v", st)
	}
}

func TestLoginRefused(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Pending: 100}}, Options{DefaultRoom: "default", Applications: []string{"app"}, Rooms: []string{"r"}})
	for _, c := range []struct {
		value string
		want  code
	}{
		{`null`, loginBadAuth}, {`{}`, loginBadAuth}, {`{"msgType":"hello"}`, loginBadAuth},
		{`{"msgType":"authenticate"}`, loginStructure}, {`{"msgType":"authenticate","msgData":{}}`, loginStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":1}}`, loginStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","roomJoin":1}}`, loginStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"a b"}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"a b"}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","username":""}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","username":"a\nb"}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","easyrtcsid":"a/b"}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","credential":{}}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","credential":"x"}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","setPresence":{}}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","roomJoin":{"r":{}}}}`, badStructure},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","setUserCfg":1}}`, loginUserCfg},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"other"}}`, loginAppAuth},
		{`{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app","roomJoin":{"q":{"roomName":"q"}}}}`, loginBadRoom},
	} {
		p := s.connect()
		wants(t, c.value, p.ask("easyrtcAuth", c.value), c.want)
		if last, why := p.ended(); last != "" || why != string(c.want) {
			t.Errorf("%s: then %q, closed with %q", c.value, last, why)
		}
	}
	p := s.connectPolling() // the answer comes by polling as well, and then the end
	wants(t, "polling", p.ask("easyrtcAuth", `{}`), loginBadAuth)
	if a, b := p.read(), p.read(); a != "41" || b != "1" {
		t.Errorf("%q %q", a, b)
	}
	p = s.enter("app", `"roomJoin":{}`) // the default room
	if rooms := dig(p.cmd(`{"msgType":"getRoomList"}`), "msgData", "roomList").(anyMap); dig(rooms, "default", "numberClients") != 1.0 || dig(rooms, "r", "numberClients") != 0.0 {
		t.Errorf("%v", rooms)
	}
	wants(t, "a room there is not", p.cmd(`{"msgType":"roomJoin","msgData":{"roomJoin":{"q":{"roomName":"q"}}}}`), badRoom)
	quiet := s.connect()
	quiet.send(`42["easyrtcAuth",{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app"}}]`)
	if last, _ := quiet.ended(); !strings.Contains(last, string(loginStructure)) {
		t.Errorf("no acknowledgement wanted: %q", last)
	}
}

// TestApart: applications know nothing of each other.
func TestApart(t *testing.T) {
	s := newStand(t, front.Config{}, Options{DefaultRoom: "default"})
	a, b := s.enter("one", `"username":"u"`), s.enter("two", `"username":"u"`)
	wants(t, "message", a.msg(`{"msgType":"x","targetEasyrtcid":"`+b.id+`"}`), targetID)
	wants(t, "call", a.cmd(`{"msgType":"offer","targetEasyrtcid":"`+b.id+`","msgData":{"sdp":""}}`), targetID)
	if out := a.msg(`{"msgType":"x","targetRoom":"default"}`); out["msgType"] != "ack" {
		t.Errorf("%v", out)
	}
	b.cmd(`{"msgType":"setPresence","msgData":{"setPresence":{"show":"away"}}}`)
	b.cmd(`{"msgType":"roomJoin","msgData":{"roomJoin":{"secret":{"roomName":"secret"}}}}`)
	if rooms := dig(a.cmd(`{"msgType":"getRoomList"}`), "msgData", "roomList").(anyMap); len(rooms) != 1 || dig(rooms, "default", "numberClients") != 1.0 {
		t.Errorf("%v", rooms)
	}
	a.nothing()
	b.nothing()
}

// TestTokens: one for the application, one for a room, and what they do not give.
func TestTokens(t *testing.T) {
	allow := func(token, space string) (front.Grant, error) {
		switch token + "@" + space {
		case "all@app":
			return front.Grant{Identity: "root", Role: "moderator"}, nil
		case "one@app/one", "both@app/one", "both@app/two", "two@app/two":
			return front.Grant{Identity: "ann", Name: "Ann"}, nil
		}
		return front.Grant{}, fmt.Errorf("%w: %s for %s", front.ErrDenied, token, space)
	}
	s := newStand(t, front.Config{Authorize: allow}, Options{DefaultRoom: "default"})
	join := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, `"`+n+`":{"roomName":"`+n+`"}`)
		}
		return `"roomJoin":{` + strings.Join(list, ",") + `}`
	}
	for _, more := range []string{
		"", join("one"), `"credential":{"token":"one"}`, `"credential":{"token":"one"},` + join("two"), `"credential":{"token":"one"},` + join("one", "two"),
		`"credential":{"password":"one"},` + join("one"), `"username":"bob","credential":{"token":"one"},` + join("one"),
	} {
		p := s.connect()
		wants(t, more, p.auth("app", more), loginBadAuth)
	}
	root := s.enter("app", `"credential":{"token":"all","groups":["x"]}`)
	wants(t, "for another application", s.connect().auth("other", `"credential":{"token":"all"}`), loginBadAuth)
	ann := s.connect()
	out := ann.mustAuth("app", `"credential":{"token":"one"},`+join("one"))
	if dig(out, "msgData", "roomData", "one", "clientList", ann.id, "username") != "Ann" {
		t.Errorf("%v", out)
	}
	wants(t, "a room the token is not for", ann.cmd(`{"msgType":"roomJoin","msgData":{`+join("two")+`}}`), noAuth)
	if rooms := dig(ann.cmd(`{"msgType":"getRoomList"}`), "msgData", "roomList").(anyMap); len(rooms) != 1 || rooms["one"] == nil {
		t.Errorf("rooms of others are seen: %v", rooms)
	}
	bob := s.enter("app", `"credential":{"token":"two"},`+join("two"))
	wants(t, "across rooms", ann.msg(`{"msgType":"x","targetEasyrtcid":"`+bob.id+`"}`), targetID)
	wants(t, "across rooms", ann.cmd(`{"msgType":"offer","targetEasyrtcid":"`+bob.id+`","msgData":{"sdp":""}}`), targetID)
	more := ann.cmd(`{"msgType":"roomJoin","msgData":{"roomJoin":{"two":{"roomName":"two","roomParameter":{"token":"two"}}}}}`)
	if more["msgType"] != "roomData" {
		t.Errorf("%v", more)
	}
	bob.room("two", ann.id, "")
	if out := ann.msg(`{"msgType":"x","targetEasyrtcid":"` + bob.id + `"}`); out["msgType"] != "ack" {
		t.Errorf("%v", out)
	}
	if out := ann.msg(`{"msgType":"help","targetGroup":"moderator"}`); out["msgType"] != "ack" { // the role
		t.Errorf("%v", out)
	}
	root.expect("easyrtcMsg", anyMap{"msgType": "help", "senderEasyrtcid": ann.id})
	wants(t, "a group of one's own making", ann.msg(`{"msgType":"x","targetGroup":"x"}`), targetGroup)
}

// TestAgain: a client that authenticates anew on the same connection is somewhere else with the same id.
func TestAgain(t *testing.T) {
	s := newStand(t, front.Config{}, Options{DefaultRoom: "default"})
	a, b := s.enter("one", ""), s.enter("one", "")
	a.room("default", b.id, "")
	id := b.id
	b.mustAuth("two", "")
	if b.id != id {
		t.Errorf("%s, was %s", b.id, id)
	}
	a.room("default", "", id)
	if n := s.a.Stats().Clients; n != 2 {
		t.Errorf("%d clients", n)
	}
}

func TestLimits(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Connections: 1, Rate: 0.001, Burst: 5}}, Options{DefaultRoom: "default"})
	a := s.enter("app", "")
	wants(t, "no place", s.connect().auth("app", ""), loginNoSockets)
	for range 3 {
		a.cmd(`{"msgType":"stillAlive"}`)
	}
	wants(t, "too fast", a.cmd(`{"msgType":"stillAlive"}`), general)
	s = newStand(t, front.Config{Limits: front.Limits{Frame: 4096}}, Options{DefaultRoom: "default"})
	a = s.enter("app", "")
	a.send(`42["easyrtcMsg",{"msgType":"x","targetRoom":"default","msgData":"` + strings.Repeat("x", 5000) + `"}]`)
	if last, why := a.ended(); !strings.Contains(last, string(badSize)) || why != "too-big" {
		t.Errorf("%q %q", last, why)
	}
}

// TestComingBack: who has lost the connection and comes back does not meet a ghost for long.
func TestComingBack(t *testing.T) {
	for _, known := range []string{`"username":"ann"`, `"easyrtcsid":"s1"`, ``} {
		t.Run(known, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, front.Config{}, Options{DefaultRoom: "default", Ping: time.Hour, Timeout: time.Hour})
			bob := s.enter("app", `"username":"bob"`)
			ghost := s.enter("app", known)
			bob.room("default", ghost.id, "")
			began := time.Now()
			ann := s.enter("app", known)
			bob.room("default", ann.id, "")
			go func() { // she is there and answers
				for {
					_, data, err := ann.ws.Read(ann.ctx)
					if err != nil {
						return
					}
					if string(data) == "2" && ann.ws.Write(ann.ctx, websocket.MessageText, []byte("3")) != nil {
						return
					}
				}
			}()
			bob.room("default", "", ghost.id)
			if took := time.Since(began); took > 2*probeTime {
				t.Errorf("after %v", took)
			}
			if last, why := ghost.ended(); why != "idle" {
				t.Errorf("%q %q", last, why)
			}
			bob.nothing()
		})
	}
}

func TestShutdown(t *testing.T) {
	s := newStand(t, front.Config{}, Options{DefaultRoom: "default"})
	a := s.enter("app", "")
	go func() { _ = s.a.Close(a.ctx) }()
	if last, why := a.ended(); !strings.Contains(last, string(serverShutdown)) || why != "shutdown" {
		t.Errorf("%q %q", last, why)
	}
}

func TestScripts(t *testing.T) {
	s := newStand(t, front.Config{}, Options{})
	res, err := http.Get(s.url + "socket.io.js")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", res.StatusCode)
	}
}
