package sdp

import "veche.example/internal/media"

// Known tells whether the section's transport is one of those that WebRTC clients write (RFC 9429 §5.1.2).
func (s *Section) Known() bool {
	switch s.Proto {
	case "UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP":
		return true
	}
	return false
}

// Media is one audio or video section.
type Media struct {
	MID             string
	Kind            media.Kind
	Sends, Receives bool // what the offerer wants to do
}

// Media lists the audio and video sections that are not rejected.
func (o *Offer) Media() []Media {
	var list []Media
	for _, s := range o.Sections {
		if s.Kind != 0 && !s.Rejected {
			list = append(list, Media{s.MID, s.Kind, s.Direction.Sends(), s.Direction.Receives()})
		}
	}
	return list
}
