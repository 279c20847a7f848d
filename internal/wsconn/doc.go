// Package wsconn is the WebSocket pump that every signalling adapter shares: it keeps what the
// network can do to us away from them.
//
//	http ─▶ Server.Serve      handshake.go  origin, subprotocol, caps; then the connection is ours
//	          poller          poll_linux.go one epoll for all connections: an idle one has no goroutine
//	          Conn.run        reader.go     size limit, rate limit, panics ─▶ Handler.Message
//	          Conn.consume    parse.go      frames of RFC 6455
//	Send ─▶ Conn.push         queue.go      bounded queue, never blocks; overflow closes with Slow
//	          Conn.write      writer.go     one goroutine while there is something to write
//	          keeper          keeper.go     pings, idle and handshake timeouts of all connections
//	          Conn.end        close.go      last words, close frame, lingering, Handler.Closed
//
// A server's frames have no mask and no extensions, so a frame is a header and the payload, and many
// leave in one system call (docs/adr/0003-websocket-library.md and 0017).
//
// An idle connection costs no goroutine and no buffer, unless it is inside of TLS; Server.Close waits
// for all of them.
package wsconn
