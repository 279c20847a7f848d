package main

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
)

func residentFile(t *testing.T) (kib int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "RssFile: %d kB", &kib); n == 1 {
			return kib
		}
	}
	t.Fatal("no RssFile")
	return 0
}

func TestTrim(t *testing.T) {
	before := residentFile(t)
	trim(slog.New(slog.DiscardHandler))
	after := residentFile(t)
	if after >= before {
		t.Errorf("%d KiB of the program resident before, %d after", before, after)
	}
}

func TestMappings(t *testing.T) {
	text := `00400000-00c00000 r-xp 00000000 08:01 123                                /usr/bin/a program
Size:               8192 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00c00000-00d00000 r--p 00800000 08:01 123                                /usr/bin/a program
Anonymous:             4 kB
c000000000-c004000000 rw-p 00000000 00:00 0
Anonymous:          1000 kB
`
	got := mappings(bufio.NewScanner(strings.NewReader(text)))
	want := []mapping{
		{0x400000, 0xc00000, "r-xp", "/usr/bin/a program", false}, {0xc00000, 0xd00000, "r--p", "/usr/bin/a program", true},
		{0xc000000000, 0xc004000000, "rw-p", "", true},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
