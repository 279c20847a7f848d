// Package room is the domain of Veche: one room and its members as a pure state machine.
//
// A Room takes commands (Join, Ring, Lock …) and answers each with Effects: events for members,
// timers to start or stop, and a reply. It starts no goroutine and reads no clock, socket or
// random source: the time comes with each command, ids come with the commands or from
// Options.NewID. Package hub runs rooms.
//
// The pipeline of one command, in file order:
//
//	Room.Apply      room.go        refuses a closed room
//	  authorise     room.go        the table role × phase × message (permission.go), then Kind.Has
//	  Command.apply join.go …      one file per command; it checks everything before it changes anything
//	  reconcile     reconcile.go   what follows from who is here: moderator, topology, codec, closing
//
// A command that fails changes nothing and has no effects.
package room
