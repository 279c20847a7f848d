package room

// reconcile derives everything that follows from who is here and tells the members what
// changed: the moderator of an open meeting, the topology, the codec, the end.
func (t *tx) reconcile() {
	if len(t.order) == 0 {
		t.close()
		return
	}
	t.succeed()
	t.chooseMode()
	t.chooseCodec()
	t.checkSettled()
}

// close ends the room; the caller has told the members.
func (t *tx) close() {
	for key := range t.timers {
		t.stop(key)
	}
	t.closed = true
	t.effects.Closed = true
}

// succeed makes the oldest browser that may speak the moderator of an open meeting that has lost
// its last one; somebody whose socket is away only if there is nobody else.
func (t *tx) succeed() {
	if !t.elect || !t.opt.Open || t.opt.Kind != Meeting || t.moderators() > 0 {
		return
	}
	var heir *member
	for _, m := range t.order {
		if m.Agent == AgentWeb && m.Role == Speaker && (heir == nil || !heir.Connected && m.Connected) {
			heir = m
		}
	}
	if heir != nil {
		heir.Role = Moderator
		t.updated(heir, "")
	}
}

// wantMode says who should carry the media. A viewer may not signal media, so it needs the SFU.
func (r *Room) wantMode() Mode {
	switch {
	case r.opt.Kind == Lobby || r.opt.Topology == ForceP2P:
		return P2P
	case r.opt.Kind == Broadcast || r.opt.Topology == ForceSFU || len(r.order) > 2:
		return SFU
	}
	for _, m := range r.order {
		if m.Agent != AgentWeb || m.Role < Speaker {
			return SFU
		}
	}
	return P2P
}

func (t *tx) chooseMode() {
	want := t.wantMode()
	if want == t.mode {
		return
	}
	t.mode = want
	if len(t.order) == 1 && t.hidden != "" {
		return // the first member: it starts in this mode
	}
	t.epoch++
	t.settling = true
	for _, m := range t.order {
		m.ready = false
	}
	t.start(timerSettle, t.opt.SettleTimeout)
	t.tell("", TopologyChanged{t.mode, t.epoch})
}

// checkSettled ends a change of topology when every browser with a socket said Ready. With none
// there, the timer ends it: somebody who is coming back still has the old path.
func (t *tx) checkSettled() {
	if !t.settling {
		return
	}
	waiting := 0
	for _, m := range t.order {
		if m.Agent == AgentWeb && m.Connected {
			if !m.ready {
				return
			}
			waiting++
		}
	}
	if waiting > 0 {
		t.settle()
	}
}

func (t *tx) settle() {
	t.settling = false
	t.stop(timerSettle)
	t.tell("", Settled{t.epoch})
}

func (t *tx) chooseCodec() {
	if c := t.publishVideo(); c != t.publish {
		t.publish = c
		t.tell("", t.changed())
	}
}
