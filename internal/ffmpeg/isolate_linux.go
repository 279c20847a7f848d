package ffmpeg

import (
	"os/exec"
	"syscall"
)

// isolate keeps a Ctrl+C at our terminal from the child: it ends with its input.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
