package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cost is what a process has used so far.
type cost struct {
	cpu time.Duration
	rss uint64 // bytes
}

// Watch measures what a process needs for a time, and what receivers got and missed meanwhile; before is its memory without
// them.
func Watch(ctx context.Context, pid int, before uint64, d time.Duration, total func() (received, lost uint64)) (Report, error) {
	was, known := usage(pid)
	got, lost := total()
	if err := pause(ctx, d); err != nil {
		return Report{}, err
	}
	is, _ := usage(pid)
	r := Report{Duration: d, CPU: is.cpu - was.cpu, RSS: is.rss, RSSBefore: before, Known: known}
	r.Received, r.Lost = total()
	r.Received, r.Lost = r.Received-got, r.Lost-lost
	return r, nil
}

// Memory is the resident set of a process in bytes, 0 where that is not known.
func Memory(pid int) uint64 {
	c, _ := usage(pid)
	return c.rss
}

// usage reads /proc/PID/stat; false where there is no such thing.
func usage(pid int) (cost, bool) {
	if pid == 0 {
		return cost{}, false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return cost{}, false
	}
	return parseStat(text)
}

// parseStat takes fields 14, 15 and 24 (proc(5)); the name in field 2 may hold blanks and brackets.
func parseStat(text []byte) (cost, bool) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return cost{}, false
	}
	fields := bytes.Fields(text[end+1:]) // the first is field 3
	if len(fields) < 22 {
		return cost{}, false
	}
	var v [3]uint64
	for i, n := range []int{11, 12, 21} {
		var err error
		if v[i], err = strconv.ParseUint(string(fields[n]), 10, 64); err != nil {
			return cost{}, false
		}
	}
	return cost{cpu: time.Duration(v[0]+v[1]) * tick, rss: v[2] * uint64(os.Getpagesize())}, true
}

// Usage is what a process has used so far: CPU time, and resident bytes; 0 where that is not known.
func Usage(pid int) (cpu time.Duration, resident uint64) {
	c, _ := usage(pid)
	return c.cpu, c.rss
}
