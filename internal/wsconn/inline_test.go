package wsconn

import "testing"

// TestInline: all is the same when messages are dealt with and written in place.
func TestInline(t *testing.T) {
	inline = true
	defer func() { inline = false }()
	for name, test := range map[string]func(*testing.T){
		"messages": TestMessagesBothWays, "order": TestSendersKeepTheirOrder, "close": TestCloseBySide, "too big": TestTooBig, "flood": TestFlood,
		"slow": TestSlowReader, "slow, told": TestSlowReaderIsTold, "stuck": TestStuckWrite, "fragments": TestNotUTF8IsTheHandlersMatter,
		"not WebSocket": TestNotWebSocket, "panic": TestPanicEndsOneConnection, "idle": TestIdle, "handshake": TestHandshakeTimeout,
		"shutdown": TestShutdown, "cut off": TestShutdownCutsOff,
	} {
		t.Run(name, test)
	}
}
