// Package segment makes CMAF of media that come as RTP: packets become frames, frames the parts and segments of a track,
// which playlists, manifests and recordings can share.
//
//	RTP ─ Order ─ Assembler ─▶ Unit ─ Describe ─▶ Frame ─ Track.Add ─▶ parts ─▶ segments ─▶ View, Track.File
//
// Times are nanoseconds on one line that all tracks of an output share; they never run backwards. Nothing here starts a
// goroutine or looks at a clock.
package segment
