//go:build linux

package main

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	p, dir, err := parse("delay=50ms jitter=10ms loss=2 rate=1.5 queue=100ms dup=0.5 late=5 reorder=1 dir=up\n")
	want := params{delay: 50 * time.Millisecond, jitter: 10 * time.Millisecond, queue: 100 * time.Millisecond, loss: 2, dup: 0.5, late: 5, rate: 1.5, reorder: true}
	if err != nil || p != want || dir != "up" {
		t.Errorf("%+v %s %v", p, dir, err)
	}
	for _, bad := range []string{"delay=50", "loss=x", "dir=left", "speed=1", "rate=-1", "reorder=maybe", "delay"} {
		if _, _, err := parse(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestApply(t *testing.T) {
	up, down := newPipe(0, 0), newPipe(0, 0)
	if err := apply("loss=1\n", up, down); err != nil || up.params.Load().loss != 1 || down.params.Load().loss != 1 {
		t.Error(err)
	}
	if err := apply("loss=2 dir=up\nloss=3 dir=down\n", up, down); err != nil || up.params.Load().loss != 2 || down.params.Load().loss != 3 {
		t.Error(err)
	}
	if err := apply("loss=9 dir=up\nnonsense\n", up, down); err == nil || up.params.Load().loss != 2 {
		t.Error("half of a bad file was applied")
	}
}

func TestPlan(t *testing.T) {
	now := time.Now()
	var s schedule
	c := &params{rate: 1, queue: 20 * time.Millisecond, delay: 5 * time.Millisecond}
	for i, want := range []time.Duration{15, 25, 35} { // 1250 bytes take 10 ms at 1 Mbit/s
		at, ok := s.plan(c, 1250, now)
		if !ok || at.Sub(now).Round(time.Millisecond) != want*time.Millisecond {
			t.Errorf("packet %d arrives after %v", i, at.Sub(now))
		}
	}
	if _, ok := s.plan(c, 1250, now); ok {
		t.Error("the queue has no end")
	}
	c = &params{jitter: 50 * time.Millisecond}
	last := now
	for range 100 {
		at, _ := s.plan(c, 100, now)
		if at.Before(last) {
			t.Fatal("jitter changed the order")
		}
		last = at
	}
}
