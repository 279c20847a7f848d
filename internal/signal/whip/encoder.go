package whip

import (
	"context"
	"crypto/sha256"
	"time"

	"veche.example/internal/session"
)

// Policy is what becomes of an encoder that comes while it seems to be there already. The same encoder is one with the same
// room, token and name, and without a token the same address too: it has crashed and come back before the server has
// noticed, or somebody has begun to stream twice.
type Policy string

// The policies.
const (
	// Replace: it takes its own place; without a token only if the one that is there has gone silent, since they may
	// be two.
	Replace Policy = "replace"
	Refuse  Policy = "refuse"  // it is refused, as long as the one that is there sends
	Several Policy = "several" // both are members
)

// What is sent is looked at so often, for so long, before an encoder is taken for dead.
const (
	quietLook  = 10 * time.Millisecond
	quietAfter = 1500 * time.Millisecond
)

// encoder names an encoder without keeping its token.
type encoder struct {
	hash    [sha256.Size]byte
	unknown bool // it has no token
}

func keyOf(r session.JoinRequest) encoder {
	text := r.Room + "\x00" + r.Name + "\x00" + r.Token
	if r.Token == "" {
		text += "\x00" + r.IP.String()
	}
	return encoder{sha256.Sum256([]byte(text)), r.Token == ""}
}

// makeRoom ends the encoder that the key names, or returns errBusy, by the policy. It waits until the old one has left: the
// room never shows it twice.
func (a *Adapter) makeRoom(ctx context.Context, key encoder) error {
	if a.config.Encoders == Several {
		return nil
	}
	a.mu.Lock()
	old := a.encoders[key]
	a.mu.Unlock()
	if old == nil {
		return nil
	}
	if a.config.Encoders == Refuse || key.unknown {
		sends, err := old.sends(ctx)
		switch {
		case err != nil:
			return err
		case sends && a.config.Encoders == Refuse:
			return errBusy
		case sends, key.unknown && !old.connected.Load():
			return nil
		}
	}
	if a.end(old, "replaced") {
		a.stats.replaced.Add(1)
	}
	select {
	case <-old.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sends says whether a publisher sends anything now. One that has never been connected does not.
func (s *resource) sends(ctx context.Context) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	p := s.p
	s.pass()
	if p == nil || !s.connected.Load() {
		return false, nil
	}
	before := p.Facts().Received()
	tick := time.NewTicker(quietLook)
	defer tick.Stop()
	for end := time.Now().Add(quietAfter); time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-s.gone:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if p.Facts().Received() != before {
			return true, nil
		}
	}
	return false, nil
}
