// Package wsconn is the WebSocket pump that every signalling adapter shares: it keeps what the
// network can do to us away from them.
//
//	http ─▶ Server.Serve      handshake.go  origin, subprotocol, caps; then the connection is ours
//	          Conn.read       reader.go     size limit, rate limit, panics ─▶ Handler.Message
//	Send ─▶ Conn.push         queue.go      bounded queue, never blocks; overflow closes with Slow
//	          Conn.write      writer.go     one goroutine while there is something to write
//	          keeper          keeper.go     pings, idle and handshake timeouts of all connections
//	          Conn.end        close.go      last words, close frame, lingering, Handler.Closed
//
// Reading is the library's (github.com/coder/websocket, see docs/adr/0003-websocket-library.md): it
// parses what strangers send. Writing is ours: a server's frames have no mask and no extensions, so
// a frame is a header and the payload, and many leave in one system call.
//
// An idle connection costs one goroutine, a writing one two; Server.Close waits for all of them.
package wsconn
