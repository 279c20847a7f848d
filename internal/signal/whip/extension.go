package whip

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"veche.example/internal/session"
)

// The extensions of WHEP (draft-murillo-whep §4.6, unchanged in its successors' registry).
const (
	relEvents = "urn:ietf:params:whep:ext:core:server-sent-events"
	relLayer  = "urn:ietf:params:whep:ext:core:layer"

	jsonType = "application/json"
	maxJSON  = 4 << 10 // bytes of a body
)

// What follows the id of a player's session in a path.
const (
	pathEvents = "events"
	pathLayer  = "layer"
)

// extensions adds the links of a player's session.
func extensions(h http.Header, location string) {
	h.Add("Link", "<"+location+"/"+pathEvents+`>; rel="`+relEvents+`"; events="active,inactive,layers,viewercount"`)
	h.Add("Link", "<"+location+"/"+pathLayer+`>; rel="`+relLayer+`"`)
}

// extension serves what belongs to a player's session.
func (s *resource) extension(w http.ResponseWriter, r *http.Request, part string) error {
	switch {
	case part == pathLayer && r.Method == http.MethodPost:
		return s.layer(w, r)
	case part == pathEvents && r.Method == http.MethodPost:
		return s.subscribe(w, r)
	case part == pathEvents && r.Method == http.MethodGet:
		return s.events(w, r)
	}
	w.Header().Set("Allow", allowed(path{id: s.id, part: part}))
	return errMethod
}

// layerRequest is what a player wants of its picture. Without an encodingId everything is open again.
type layerRequest struct {
	MediaID          *string `json:"mediaId"`
	EncodingID       string  `json:"encodingId"`
	SpatialLayerID   *int    `json:"spatialLayerId"`
	TemporalLayerID  *int    `json:"temporalLayerId"`
	MaxSpatialLayer  *int    `json:"maxSpatialLayerId"`
	MaxTemporalLayer *int    `json:"maxTemporalLayerId"`
	MaxWidth         *int    `json:"maxWidth"`
	MaxHeight        *int    `json:"maxHeight"`
}

// layer limits what the player is shown. When its link does not carry that, it is shown less.
func (s *resource) layer(w http.ResponseWriter, r *http.Request) error {
	text, err := s.a.body(w, r, jsonType, maxJSON)
	if err != nil {
		return err
	}
	var q layerRequest
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		return bad("layer: not the JSON that is expected")
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.a.config.Timeout)
	defer cancel()
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.pass()
	switch {
	case !s.listed():
		return errGone
	case !s.patches.take(time.Now(), patchRate, patchBurst):
		return errRate
	case q.MediaID != nil && *q.MediaID != s.offer.Seats[0].Video:
		return bad("layer: mediaId is not the mid of the video")
	}
	view, err := q.apply(s.view)
	if err != nil {
		return err
	}
	if view.Most != nil && view.Most.Encoding != "" && !s.offers(view.Most.Encoding) {
		return bad("layer: there is no such encoding now")
	}
	if err := s.p.Media().View(ctx, []session.Wish{view}); err != nil {
		return err
	}
	s.view = view
	w.WriteHeader(http.StatusOK)
	return nil
}

// offers says whether what is shown has an encoding; the caller has the turn.
func (s *resource) offers(id string) bool {
	seat := s.watch.look()
	return slices.ContainsFunc(s.p.Facts().Offered(seat.Member, seat.Source), func(o session.Offered) bool { return o.ID == id })
}

// apply puts a request into a wish.
func (q layerRequest) apply(w session.Wish) (session.Wish, error) {
	most := session.Most{Encoding: q.EncodingID, Spatial: session.All, Temporal: session.All}
	for _, f := range []struct {
		to   *int
		from []*int
	}{
		{&most.Spatial, []*int{q.SpatialLayerID, q.MaxSpatialLayer}},
		{&most.Temporal, []*int{q.TemporalLayerID, q.MaxTemporalLayer}},
	} {
		for _, v := range f.from {
			if v != nil && (*v < 0 || *v > maxLevel) {
				return w, bad("layer: 0 to %d", maxLevel)
			}
			if v != nil && (*f.to < 0 || *v < *f.to) {
				*f.to = *v
			}
		}
	}
	w.Width, w.Height, w.Most = playWidth, playHeight, &most
	for _, f := range []struct {
		to   *int
		from *int
	}{{&w.Width, q.MaxWidth}, {&w.Height, q.MaxHeight}} {
		if f.from != nil {
			if *f.from < 1 || *f.from > maxSide {
				return w, bad("layer: a size is 1 to %d", maxSide)
			}
			*f.to = *f.from
		}
	}
	return w, nil
}

// Bounds of what a request for a layer may say.
const (
	maxLevel = 7
	maxSide  = 1 << 15
)

// subscribe names the stream of the events that are wanted.
func (s *resource) subscribe(w http.ResponseWriter, r *http.Request) error {
	text, err := s.a.body(w, r, jsonType, maxJSON)
	if err != nil {
		return err
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return bad("events: a list of names is expected")
	}
	var chosen []byte
	for _, e := range eventNames {
		if slices.Contains(names, e) {
			if len(chosen) > 0 {
				chosen = append(chosen, ',')
			}
			chosen = append(chosen, e...)
		}
	}
	if len(chosen) == 0 {
		return bad("events: none that there is")
	}
	w.Header().Set("Location", s.a.location(r, s)+"/"+pathEvents+"?only="+string(chosen))
	w.WriteHeader(http.StatusCreated)
	return nil
}
