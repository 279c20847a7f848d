// Package session is one participant: what the room offers × what the client wants.
//
// A Manager makes sessions and knows who publishes what in each room; a Session stands between a
// room (package hub), a media connection (package rtc) and a client's adapter, whose Outlet it feeds.
//
//	adapter ─ Session.Do ─▶ hub                 room events ─▶ Session ─▶ Outlet.Room
//	        ─ Session.Offer, View ─▶ peer       stage: tracks come and go ─▶ seats ─▶ Outlet.Seats
package session
