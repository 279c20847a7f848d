package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// openStreams binds the ports for streams of other protocols; from then on they are the server's. For somebody who only
// tries the program, a port that another one has is no reason not to begin.
func (p *process) openStreams(ctx context.Context) error {
	for _, port := range p.server.StreamPorts() {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", port.Listen)
		if p.trial && errors.Is(err, syscall.EADDRINUSE) {
			p.log.Warn("another program has the port: no streams come in by it", "setting", port.Name, "address", port.Listen)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", port.Name, err)
		}
		if port.TLS && p.tls == nil {
			return errors.Join(fmt.Errorf("%s: needs http.tls", port.Name), l.Close())
		}
		if port.TLS {
			l = tls.NewListener(l, p.tls)
		}
		p.log.Info("streams come in", "setting", port.Name, "address", l.Addr().String())
		port.Serve(l)
	}
	return nil
}
