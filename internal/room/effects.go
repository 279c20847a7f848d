package room

import "time"

// Effects is what the caller of Apply must do, in the order of each list.
type Effects struct {
	Deliver []Delivery
	Timers  []TimerOp
	Reply   Reply
	Closed  bool // the room is over; every later command is answered with ErrEnded
}

// Delivery is one event for one member.
type Delivery struct {
	To    MemberID
	Event Event
}

// TimerOp starts (or restarts) the timer Key, which applies Expire{Key} After that time; After 0
// stops it.
type TimerOp struct {
	Key   string
	After time.Duration
}

// Reply is the answer to the command's sender. Both are nil for commands without an answer.
type Reply struct {
	Call *Call        // Ring
	Chat *ChatMessage // Chat
}

// Timer keys: a prefix and the id of whom it is about.
const (
	timerSettle = "settle"
	timerElect  = "elect"
	timerGrace  = "grace:"
	timerRing   = "ring:"
)

// tx is one command in the making: the room it changes and the effects so far.
type tx struct {
	*Room
	now     time.Time
	actor   *member // nil for Join, Expire and the operator
	effects Effects
	dirty   bool     // who is here, or how, has changed: reconcile
	elect   bool     // a moderator may be missing
	hidden  MemberID // the joiner: it gets a snapshot instead of the events of its own join
}

func (t *tx) send(to MemberID, e Event) {
	if to != t.hidden {
		t.effects.Deliver = append(t.effects.Deliver, Delivery{to, e})
	}
}

// tell sends e to everybody except the member named ("" = to everybody).
func (t *tx) tell(except MemberID, e Event) {
	for _, m := range t.order {
		if m.ID != except {
			t.send(m.ID, e)
		}
	}
}

func (t *tx) start(key string, after time.Duration) {
	t.timers[key] = t.now.Add(after)
	t.effects.Timers = append(t.effects.Timers, TimerOp{key, after})
}

func (t *tx) stop(key string) {
	if _, ok := t.timers[key]; ok {
		delete(t.timers, key)
		t.effects.Timers = append(t.effects.Timers, TimerOp{Key: key})
	}
}

// updated tells everybody except the member named of m as it is now.
func (t *tx) updated(m *member, except MemberID) {
	t.tell(except, Updated{m.clone()})
}
