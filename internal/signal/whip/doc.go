// Package whip is publishing and playing by plain HTTP: WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep).
//
// A POST with an SDP offer makes a member of the room and a resource under an unguessable URL; PATCH
// trickles candidates (RFC 8840) and restarts ICE, DELETE ends it. A publisher is a member that people
// see and hear; a player is a viewer with one seat that shows the room's first publisher.
//
// The way of a request, in file order:
//
//	Adapter.ServeHTTP  serve.go     method and path
//	post               post.go      checks, join, offer, 201
//	  scan             offer.go     what the sections of an offer are for
//	  makeRoom         encoder.go   an encoder that comes again takes its own place
//	patch, delete      patch.go     on a resource (resource.go)
//	  parseFragment    fragment.go  application/trickle-ice-sdpfrag
//	extension          extension.go layers that a player chooses
//	events             events.go    what a player is told: server-sent events
//	statusOf           problem.go   the one place where errors become status codes
package whip
