package lite

const (
	leastAbsence = int64(2e9) // a shorter one is repaired by retransmission
	mostUsual    = int64(5e9) // clients that send nothing check their path every 2.5 to 5 s
)

// Absence finds out when a client is there again after it was away, or has moved to another path.
type Absence struct {
	heard int64 // last
	usual int64 // how long it is silent between two times that it is heard
	at    any   // the path
}

// Over is told, every now and then, when the client was heard last and where is sent to; true if both sides may have missed
// something.
func (a *Absence) Over(heard int64, at any) bool {
	moved := a.at != nil && at != nil && at != a.at
	if at != nil {
		a.at = at
	}
	gap := heard - a.heard
	first := a.heard == 0
	if a.heard = heard; gap <= 0 || first {
		return moved
	}
	back := gap > max(leastAbsence, 2*a.usual)
	a.usual = max(min(gap, mostUsual), a.usual-(a.usual-gap)/8)
	return moved || back
}
