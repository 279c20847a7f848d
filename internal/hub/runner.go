package hub

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"veche.example/internal/room"
)

// job is one thing asked of a room: a command (nil = a snapshot only) by actor, with a mailbox for
// Join and Attach.
type job struct {
	actor   room.MemberID
	command room.Command
	to      Receiver
	ticket  *ticket
}

// ticket decides, once, between the room's goroutine that takes a job up and the asker who has
// waited too long: a job is never done for somebody who has been told that it was not.
type ticket struct {
	taken  atomic.Bool
	answer chan answer // holds one
}

type answer struct {
	reply    room.Reply
	snapshot room.Snapshot
	err      error
}

// runner is one running room.
type runner struct {
	hub   *Hub
	id    room.ID
	queue chan job
	done  chan struct{} // closed when run has ended and the room is off the map

	// The following belong to the goroutine of run.
	room   *room.Room
	timers *timers
	boxes  map[room.MemberID]*mailbox
}

type mailbox struct {
	to   Receiver
	full bool // refused an event: only Removed is still to come
}

func newRunner(h *Hub, id room.ID, o room.Options) *runner {
	return &runner{
		hub: h, id: id, queue: make(chan job, h.limits.Queue), done: make(chan struct{}),
		room: room.New(id, o), timers: newTimers(), boxes: map[room.MemberID]*mailbox{},
	}
}

// ask queues j and waits for its answer; from any goroutine.
func (r *runner) ask(ctx context.Context, j job) answer {
	j.ticket = &ticket{answer: make(chan answer, 1)}
	select {
	case <-r.done: // a queue nobody reads would take it
		return answer{err: ErrNoRoom}
	case r.queue <- j:
	default:
		r.hub.stats.dropped.Add(1)
		return answer{err: ErrOverloaded}
	}
	select {
	case a := <-j.ticket.answer:
		return a
	case <-r.done:
		if j.ticket.taken.CompareAndSwap(false, true) {
			return answer{err: ErrNoRoom} // the room ended with j in its queue
		}
	case <-ctx.Done():
		if j.ticket.taken.CompareAndSwap(false, true) {
			return answer{err: ctx.Err()}
		}
	}
	return <-j.ticket.answer // taken up: the answer is here or at hand
}

// run is the room's goroutine.
func (r *runner) run() {
	defer close(r.done)
	defer r.hub.forget(r)
	defer r.timers.alarm.Stop()
	for {
		select {
		case <-r.hub.stop:
			r.end(room.CodeShutdown)
			return
		case j := <-r.queue:
			if j.ticket.taken.CompareAndSwap(false, true) {
				j.ticket.answer <- r.handle(j)
			}
		case <-r.timers.alarm.C:
			r.expire()
		}
		if r.room.Len() == 0 { // also when its first Join failed or was given up
			return
		}
		r.timers.arm()
	}
}

// handle does one job.
func (r *runner) handle(j job) answer {
	var a answer
	if !r.guard(func() { a = r.step(j) }) {
		return answer{err: ErrPanic}
	}
	return a
}

func (r *runner) step(j job) answer {
	if j.command == nil {
		return answer{snapshot: r.room.Snapshot(j.actor)}
	}
	r.hub.stats.commands.Add(1)
	now := time.Now()
	effects, err := r.room.Apply(j.actor, j.command, now)
	if err != nil {
		return answer{err: err}
	}
	a := answer{reply: effects.Reply}
	switch j.command.Message() {
	case room.MsgHello, room.MsgAttach:
		r.register(j.actor, j.to)
		// Before the deliveries: a full mailbox among them causes events of its own.
		a.snapshot = r.room.Snapshot(j.actor)
	}
	r.perform(effects, now)
	return a
}

// expire applies what the alarm was set for.
func (r *runner) expire() {
	r.guard(func() {
		now := time.Now()
		for _, key := range r.timers.expired(now) {
			effects, err := r.room.Apply("", room.Expire{Key: key}, now)
			if err != nil { // an earlier one has closed the room
				return
			}
			r.perform(effects, now)
		}
	})
}

// perform does what a command has caused, then removes the members who could not take it, and
// does what that causes.
func (r *runner) perform(effects room.Effects, now time.Time) {
	for todo := []room.Effects{effects}; len(todo) > 0; todo = todo[1:] {
		for _, op := range todo[0].Timers {
			if op.After > 0 {
				r.timers.start(op.Key, now.Add(op.After))
			} else {
				r.timers.stop(op.Key)
			}
		}
		for _, id := range r.deliver(todo[0].Deliver) {
			if e, err := r.room.Apply(id, room.Leave{Reason: room.ReasonSlow}, now); err == nil {
				todo = append(todo, e)
			}
		}
	}
}

// deliver puts events into mailboxes and returns the members whose mailbox is full.
func (r *runner) deliver(list []room.Delivery) (slow []room.MemberID) {
	for _, d := range list {
		box := r.boxes[d.To]
		if box == nil {
			continue
		}
		if _, last := d.Event.(room.Removed); last {
			box.to.Deliver(d.Event)
			delete(r.boxes, d.To)
			r.hub.stats.members.Add(-1)
			continue
		}
		if !box.full && !box.to.Deliver(d.Event) {
			box.full = true
			slow = append(slow, d.To)
			r.hub.stats.slow.Add(1)
			r.hub.log.Info("member too slow", "room", r.id, "member", d.To)
		}
	}
	return slow
}

func (r *runner) register(id room.MemberID, to Receiver) {
	box := r.boxes[id]
	if box == nil {
		box = &mailbox{}
		r.boxes[id] = box
		r.hub.stats.members.Add(1)
	}
	if to != nil {
		box.to = to
	}
}

// end tells everybody that the room is over, for a reason that the room knows nothing of.
func (r *runner) end(why room.Code) {
	for id, box := range r.boxes {
		delete(r.boxes, id)
		r.hub.stats.members.Add(-1)
		r.guardOne(func() { box.to.Deliver(room.Removed{Code: why}) })
	}
}

// guard runs f. When it panics, this room ends and the others do not notice; false then.
func (r *runner) guard(f func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.hub.stats.panics.Add(1)
			r.hub.log.Error("room ended by a panic", "room", r.id, "panic", p, "stack", string(debug.Stack()))
			r.room = room.New(r.id, room.Options{}) // empty: run ends
			r.end(room.CodeInternal)
		}
	}()
	f()
	return true
}

// guardOne keeps a mailbox that panics from keeping the others of an ending room uninformed.
func (r *runner) guardOne(f func()) {
	defer func() {
		if p := recover(); p != nil {
			r.hub.log.Error("mailbox panics", "room", r.id, "panic", p)
		}
	}()
	f()
}
