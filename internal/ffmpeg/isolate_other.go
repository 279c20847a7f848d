//go:build !linux

package ffmpeg

import "os/exec"

// isolate needs what other systems lack.
func isolate(*exec.Cmd) {}
