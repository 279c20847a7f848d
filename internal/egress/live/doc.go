// Package live shows rooms to audiences that play over HTTP: HLS with low latency, and MPEG-DASH of the same segments. An
// Output is a member of the room that takes one seat's media; it is made by the first request for it and ends when
// nobody has asked for a while.
//
//	request ─ Server (serve.go: path, token) ─ find or make ─▶ Output ─ playlist or file
//	room ─▶ local.Viewer ─ queues ─▶ Output.run ─ picture.go, sound.go ─▶ segment.Track
//	                                     └ convert.go: ffmpeg, for VP8 and for AAC
//
// An output never stands still: where the room has no picture or no sound, black and silence take their place.
package live
