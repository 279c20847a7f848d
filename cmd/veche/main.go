// Command veche is a self-hosted video conferencing server: the web app, signalling, STUN and TURN and
// the SFU in one program.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// commands is the table of subcommands; each has a file of its own.
type commands struct {
	Demo    demoCmd    `cmd:"" help:"Try it: a server on this machine (or, with --lan, in this network) whose rooms are open to everybody."`
	Serve   serveCmd   `cmd:"" help:"Run a server as its configuration says."`
	Token   tokenCmd   `cmd:"" help:"Make a token that lets somebody into a room."`
	Bench   benchCmd   `cmd:"" help:"Measure what a server can do."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// system is what a command may use of the world, so that tests can give it another.
type system struct {
	stdout, stderr io.Writer
	environ        []string
	configDir      func() (string, error) // for the demo's secret
}

func main() {
	os.Exit(run(context.Background(), os.Args[1:], &system{os.Stdout, os.Stderr, os.Environ(), os.UserConfigDir}))
}

// run returns the exit status: 0, 1 for a failure, 2 for a command line that makes no sense.
func run(ctx context.Context, args []string, sys *system) int {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("veche"),
		kong.Description("Video calls, meetings and broadcasts from your own server."),
		kong.Writers(sys.stdout, sys.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(sys),
	)
	if err != nil {
		panic(err) // a mistake in the table above, found by any test
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		say(sys.stderr, "veche: %v\nveche: try veche --help", err)
		return 2
	}
	if err := parsed.Run(); err != nil && !errors.Is(err, context.Canceled) {
		say(sys.stderr, "veche: %v", err)
		return 1
	}
	return 0
}

// say prints a line for people; there is nobody left to tell when that fails.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...)
}
