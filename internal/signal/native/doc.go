// Package native speaks Veche's own protocol (docs/protocol/veche-v1.md) with browsers and bots.
//
// It is thin: a frame is decoded (package proto), checked against the authorisation table and given
// to a Participant; what a Participant tells its Outlet becomes a numbered frame. What a room or a
// media connection is, it does not know; seam.go says what it needs.
package native
