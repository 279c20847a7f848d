package main

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
)

// mapping is a piece of the address space.
type mapping struct {
	start, end uintptr
	perms      string
	path       string
	changed    bool // pages of it are not as in the file
}

// trim gives back what only the start has needed: garbage, and the pages of the program itself that were touched on
// the way, more than half of the resident memory of an idle server. Pages that are needed after all come back from the
// page cache, at some microseconds each.
func trim(log *slog.Logger) {
	debug.FreeOSMemory()
	self, err := os.Executable()
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		log.Debug("memory is not given back", "err", err)
		return
	}
	list := mappings(bufio.NewScanner(f))
	if err := f.Close(); err != nil {
		return
	}
	for _, m := range list {
		if m.path != self || m.changed || !strings.HasPrefix(m.perms, "r") || strings.Contains(m.perms, "w") {
			continue
		}
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED); errno != 0 {
			log.Debug("memory is not given back", "err", errno)
		}
	}
}

// mappings reads smaps (proc_pid_smaps(5)).
func mappings(lines *bufio.Scanner) []mapping {
	var list []mapping
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		var m mapping
		if len(fields) >= 5 {
			if n, _ := fmt.Sscanf(fields[0], "%x-%x", &m.start, &m.end); n == 2 {
				m.perms = fields[1]
				if len(fields) > 5 {
					m.path = strings.Join(fields[5:], " ")
				}
				list = append(list, m)
				continue
			}
		}
		// Relocated pages are read-only too, and are not in the file.
		if len(list) > 0 && len(fields) > 1 && fields[0] == "Anonymous:" && fields[1] != "0" {
			list[len(list)-1].changed = true
		}
	}
	return list
}
