//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// params say what happens to packets in one direction.
type params struct {
	delay, jitter, queue time.Duration
	loss, dup, late      float64 // percent
	rate                 float64 // Mbit/s, 0 for unlimited
	reorder              bool
}

// parse reads one line; dir is up, down or both.
func parse(line string) (p params, dir string, err error) {
	p.queue, dir = 200*time.Millisecond, "both"
	for _, field := range strings.Fields(line) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "delay":
			p.delay, err = time.ParseDuration(value)
		case "jitter":
			p.jitter, err = time.ParseDuration(value)
		case "queue":
			p.queue, err = time.ParseDuration(value)
		case "loss":
			p.loss, err = strconv.ParseFloat(value, 64)
		case "late":
			p.late, err = strconv.ParseFloat(value, 64)
		case "dup":
			p.dup, err = strconv.ParseFloat(value, 64)
		case "rate":
			p.rate, err = strconv.ParseFloat(value, 64)
		case "reorder":
			p.reorder, err = strconv.ParseBool(value)
		case "dir":
			dir = value
			if dir != "up" && dir != "down" && dir != "both" {
				err = fmt.Errorf("unknown direction")
			}
		default:
			err = fmt.Errorf("unknown parameter")
		}
		if err != nil {
			return params{}, "", fmt.Errorf("%q: %w", field, err)
		}
	}
	if p.delay < 0 || p.jitter < 0 || p.queue < 0 || p.rate < 0 || p.loss < 0 || p.dup < 0 || p.late < 0 {
		return params{}, "", fmt.Errorf("%q: negative", line)
	}
	return p, dir, nil
}

// apply sets the parameters of both directions from a file's text, all of it or nothing.
func apply(text string, up, down *pipe) error {
	newUp, newDown := up.params.Load(), down.params.Load()
	for line := range strings.Lines(text) {
		p, dir, err := parse(line)
		if err != nil {
			return err
		}
		if dir != "down" {
			newUp = &p
		}
		if dir != "up" {
			newDown = &p
		}
	}
	up.params.Store(newUp)
	down.params.Store(newDown)
	return nil
}
