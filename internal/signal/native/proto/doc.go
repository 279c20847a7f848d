// Package proto is the wire format of Veche's own protocol, docs/protocol/veche-v1.md: frames in,
// frames out, no I/O.
//
// Decode reads a client's frame, Encode writes a server's. The table (table.go) lists every message;
// what a client may send is one Request per file, what a server sends one Event per type. Tests
// compare the table with the document, and frames with docs/protocol/vectors, which the TypeScript
// SDK uses as well.
//
// Protocol flow:
//
//	client                           server
//	hello {v, room, name, …}  ──▶
//	                          ◀──    welcome {you, room, members, …}      or error, bye
//	                          ◀──    joined, left, seats, … {n: 1, 2, …}  events, numbered
//	chat {id: 7, …}           ──▶
//	                          ◀──    ok {re: 7, …}                        or error {re: 7, …}
//	(socket lost)
//	hello {resume: {token, n}}──▶
//	                          ◀──    welcome {resumed, n}, events n+1 …
package proto

// Version is the version this package speaks.
//
//	1  2026-11  first version
const Version = 1

// Subprotocol is what the WebSocket handshake must agree on.
const Subprotocol = "veche.v1"
