//go:build !linux

package main

import (
	"log/slog"
	"runtime/debug"
)

// trim gives back what only the start has needed.
func trim(*slog.Logger) { debug.FreeOSMemory() }
