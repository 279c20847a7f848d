package main

import (
	"context"
	"maps"

	"veche.example/internal/config"
)

// serveCmd runs a server as configured.
type serveCmd struct {
	Config string            `short:"c" placeholder:"FILE" env:"VECHE_CONFIG" help:"Configuration (YAML); veche.example.yaml shows every key."`
	Listen string            `placeholder:"HOST:PORT" help:"Short for --set http.listen=HOST:PORT."`
	Set    map[string]string `mapsep:"none" placeholder:"KEY=VALUE" help:"Set a key of the configuration; can be given several times."`
	Check  bool              `help:"Check the configuration, print it with secrets masked, and stop."`
}

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, sys *system) error {
	overrides := maps.Clone(c.Set)
	if c.Listen != "" {
		if overrides == nil {
			overrides = make(map[string]string)
		}
		overrides["http.listen"] = c.Listen
	}
	cfg, err := config.Load(c.Config, sys.environ, overrides)
	if err != nil {
		return err
	}
	if c.Check {
		say(sys.stdout, "%s", cfg)
		return nil
	}
	tlsConf, err := tlsConfig(cfg.HTTP.TLS)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	p := &process{cfg: cfg, tls: tlsConf, log: newLogger(cfg.Log, sys.stderr)}
	if err := p.open(ctx); err != nil {
		return busy(err, "one of "+cfg.HTTP.Listen+", media.udp "+cfg.Media.UDP+" and media.tcp "+cfg.Media.TCP, err.Error())
	}
	if cfg.Auth.Secret == "" && cfg.Auth.SecretFile == "" {
		p.log.Warn("no auth.secret: people will not come back by themselves after a restart")
	}
	if tlsConf == nil && len(cfg.HTTP.TrustedProxies) == 0 {
		p.log.Info("no HTTPS and no trusted proxy: browsers will give camera and microphone on localhost only")
	}
	p.log.Info("serving", "address", p.listener.Addr().String(), "https", tlsConf != nil, "version", versionText())
	return p.run(ctx)
}
