package easyrtc

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"veche.example/internal/front"
	"veche.example/internal/signal/easyrtc/engineio"
)

// TestSlowReader: who does not read is closed with a reason, and who sends to it is told that it is gone.
func TestSlowReader(t *testing.T) {
	s := newStand(t, front.Config{Limits: front.Limits{Rate: 1e6, Burst: 1e6, Frame: 1 << 20}}, Options{DefaultRoom: "default"})
	a, slow := s.enter("app", ""), s.enter("app", "")
	a.room("default", slow.id, "")
	big := `{"msgType":"x","targetEasyrtcid":"` + slow.id + `","msgData":"` + strings.Repeat("x", 500<<10) + `"}`
	for {
		out := a.msg(big)
		if out["msgType"] != "ack" {
			wants(t, "to who does not read", out, targetID)
			break
		}
	}
	a.room("default", "", slow.id)
	if last, why := slow.ended(); !strings.Contains(last, "too slow") || why != "slow" {
		t.Errorf("closed with %q after %.80q", why, last)
	}
	s.until("it is counted", func() bool { st := s.a.Stats(); return st.Dropped["dead"] > 0 && st.Socket.Ended["slow"] == 1 })
}

// TestIdleMemory reports what connections hold that have authenticated and do nothing; the bound is for the day
// somebody gives each a buffer.
func TestIdleMemory(t *testing.T) {
	const conns, most = 1000, 16 << 10 // both ends are in this process
	s := newStand(t, front.Config{Limits: front.Limits{Pending: conns}}, Options{DefaultRoom: "default"})
	before := held()
	list := make([]net.Conn, 0, conns)
	auth := `421["easyrtcAuth",{"msgType":"authenticate","msgData":{"apiVersion":"2.1.8","applicationName":"app","roomJoin":{"r%d":{"roomName":"r%d"}}}}]`
	for i := range conns {
		c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/socket.io/"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		list = append(list, c)
		request := "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		if _, err := io.WriteString(c, request+frame("40")+frame(fmt.Sprintf(auth, i, i))); err != nil {
			t.Fatal(err)
		}
	}
	s.until("all are in", func() bool { return s.a.Stats().Clients == len(list) })
	per := (held() - before) / conns
	t.Logf("%d bytes per idle connection, both ends", per)
	if per > most {
		t.Errorf("%d bytes per idle connection", per)
	}
}

// frame is a text frame of a client, with the mask 0.
func frame(text string) string {
	head := []byte{0x81, 0x80 | byte(len(text))}
	if len(text) > 125 {
		head = []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text))}
	}
	return string(head) + "\x00\x00\x00\x00" + text
}

// held is what the heap and the stacks hold.
func held() int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// FuzzMessage: whatever a client says, the server answers it with errors at most; the other one hears nothing but
// messages that are JSON and from who sent them, and is served as before.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`2["easyrtcCmd",{"msgType":"roomJoin","msgData":{"roomJoin":{}}}]`, `21["easyrtcCmd",{"msgType":"getRoomList"}]`,
		`21["easyrtcMsg",{"msgType":"x","targetRoom":"default","msgData":{"a":1},"senderEasyrtcid":"b"}]`,
		`21["easyrtcAuth",{"msgType":"authenticate","msgData":{"apiVersion":"1","applicationName":"app"}}]`,
		`21["easyrtcCmd",{"msgType":"setPresence","msgData":{"setPresence":{"show":"away"}}}]`,
		`21["easyrtcCmd",{"msgType":"setRoomApiField","msgData":{"setRoomApiField":{"roomName":"default","field":{"a":1}}}}]`,
		`51-["easyrtcMsg",{"_placeholder":true,"num":0}]`, `2["easyrtcCmd",null]`, `0`, `1`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStand(t, front.Config{}, Options{DefaultRoom: "default"})
		eve, bob := s.enter("app", ""), s.enter("app", "")
		eve.room("default", bob.id, "")
		id := eve.id
		for _, packet := range [][]byte{append([]byte{engineio.Message}, data...), []byte("41")} { // and goodbye
			if eve.ws.Write(eve.ctx, websocket.MessageText, packet) != nil {
				break // it has ended already
			}
		}
		eve.ended()
		s.until("eve is gone", func() bool { return s.a.Stats().Clients == 1 })
		if out := bob.cmd(`{"msgType":"stillAlive"}`); out["msgType"] != "ack" {
			t.Fatalf("%v", out)
		}
		for len(bob.kept) > 0 {
			if _, m := bob.event(); m["senderEasyrtcid"] != nil && m["senderEasyrtcid"] != id {
				t.Fatalf("%v", m)
			}
		}
		bob.nothing()
	})
}
