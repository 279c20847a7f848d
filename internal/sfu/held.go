package sfu

import "veche.example/internal/media"

// maxHeld is how many packets of a track wait for each other at most.
const maxHeld = 16

// held is a packet of a track that waits for those after it, and where it is rewritten. Its bytes lie in the ring.
type held struct {
	packet
	x *scratch
}

// hand gives a packet to the slots, with those that wait, or lets it wait too. kept tells whether its bytes are in the ring;
// else they are valid only now.
func (t *Track) hand(c *packet, p *media.Packet, kept bool) {
	if !kept {
		t.Release(p.Out)
	}
	t.hold(c)
	if !kept || !p.Hold || t.cfg.Kind != media.Video || len(t.held) == maxHeld || len(*t.slots.Load()) == 0 {
		t.Release(p.Out)
	}
}

func (t *Track) hold(c *packet) {
	n := len(t.held)
	if n == cap(t.held) {
		t.held = append(t.held, held{})
	}
	t.held = t.held[:n+1]
	h := &t.held[n]
	if h.x == nil {
		h.x = newScratch()
	}
	h.packet = *c
}

// Waiting is how many packets Release will send, at all slots together. The goroutine that calls Write may ask.
func (t *Track) Waiting() int { return len(t.held) * len(*t.slots.Load()) }

// Release sends what waits, slot by slot, so that the state of each is looked at once for a whole run. It belongs to the
// goroutine that calls Write; out is what media.Packet.Out is.
func (t *Track) Release(out any) {
	run := t.held
	if len(run) == 0 {
		return
	}
	t.held = run[:0]
	t.x.out, t.x.now = out, run[len(run)-1].arrival
	for i := range run {
		run[i].x.out, run[i].x.now = out, t.x.now
	}
	for _, f := range *t.slots.Load() {
		f.slot.push(f, run)
	}
}
