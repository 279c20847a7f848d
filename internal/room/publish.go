package room

import "slices"

// Publish says which sources the actor sends now; a track replaces the
// one of the same source.
type Publish struct{ Tracks []Track }

// Message implements Command.
func (Publish) Message() Message { return MsgPublish }

func (c Publish) apply(t *tx) error {
	tracks := slices.Clone(t.actor.Tracks)
	for _, n := range c.Tracks {
		kind := n.Source.Kind()
		if kind == "" || n.Kind != "" && n.Kind != kind {
			return fail(CodeBadMessage, "tracks: unknown source or kind")
		}
		n.Kind = kind
		if n.Codec != "" && !slices.Contains(codecsOf[kind], n.Codec) {
			return fail(CodeBadMessage, "tracks: unknown codec")
		}
		same := func(o Track) bool { return o.Source == n.Source }
		if i := slices.IndexFunc(tracks, same); i >= 0 {
			tracks[i] = n
		} else {
			tracks = append(tracks, n)
		}
	}
	t.setTracks(t.actor, tracks)
	return nil
}

func (t *tx) setTracks(m *member, tracks []Track) {
	if !slices.Equal(tracks, m.Tracks) {
		m.Tracks = tracks
		t.updated(m, m.ID)
	}
}
