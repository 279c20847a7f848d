package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"veche.example"
	"veche.example/internal/config"
)

// demoCmd runs a server that needs no configuration.
type demoCmd struct {
	Listen   string            `placeholder:"HOST:PORT" help:"Where to listen (default: localhost:8080, with --lan all addresses, port 8080)."`
	LAN      bool              `name:"lan" help:"Let phones and other computers in this network join: HTTPS with a certificate of our own, which browsers warn about once."`
	LogLevel string            `default:"warn" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
	Set      map[string]string `mapsep:"none" placeholder:"KEY=VALUE" help:"Set a key of the configuration, as in veche serve; can be given several times."`
}

// demoRoom is where everybody meets who opens the demo's start page and joins.
const demoRoom = "demo"

// Run implements the command. The first line on standard output is the URL; everything else is on
// standard error.
func (c *demoCmd) Run(ctx context.Context, sys *system) error {
	cfg, err := c.config(sys)
	if err != nil {
		return err
	}
	log := newLogger(cfg.Log, sys.stderr)
	p := &process{cfg: cfg, log: log, local: true, trial: true, demo: demoRoom}
	if c.LAN {
		if p.tls, err = demoTLS(sys, log); err != nil {
			return err
		}
	}
	if !c.LAN && loopback(cfg.HTTP.Listen) {
		// What the article's page has written into it, for this machine alone.
		p.options = append(p.options, veche.WithGuestTURN("webrtc", "turnserver"))
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	if err := c.open(ctx, p); err != nil {
		return err
	}
	say(sys.stdout, "%s", c.url(p.listener.Addr()))
	say(sys.stderr, "Open it in two tabs and press Join in both. Ctrl+C ends it.")
	if c.LAN {
		say(sys.stderr, "On a phone in the same network: open the same URL and accept the warning about the certificate, which\n"+
			"this machine has made itself. If nothing appears, a firewall is in between: TCP port %s and UDP port %s.",
			portOf(p.listener.Addr().String()), portOf(p.cfg.Media.UDP))
	}
	return p.run(ctx)
}

// loopback tells whether an address is one of this machine alone.
func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address) // the configuration is valid
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (c *demoCmd) config(sys *system) (config.Config, error) {
	listen := c.Listen
	if listen == "" {
		listen = "localhost:8080"
		if c.LAN {
			listen = ":8080"
		}
	}
	settings := map[string]string{
		"http.listen": listen, "auth.openRooms": "true", "media.loopback": "true", "log.level": c.LogLevel,
	}
	host := "localhost"
	if c.LAN {
		host = ""
		settings["streams.rtmps"] = ":1936"
	}
	settings["streams.rtmp"], settings["streams.rtsp"] = host+":1935", host+":8554"
	if probe, err := net.ListenPacket("udp", host+":8890"); err == nil && probe.Close() == nil {
		settings["streams.srt"] = host + ":8890" // in use by another program: then there is none
	}
	if _, named := c.Set["frontends"]; !named {
		for _, name := range config.FrontendNames() {
			settings["frontends."+name+".enabled"] = "true"
		}
	}
	maps.Copy(settings, c.Set)
	cfg, err := config.Load("", nil, settings)
	if err != nil || cfg.Auth.Secret != "" || cfg.Auth.SecretFile != "" {
		return cfg, err
	}
	secret, err := demoSecret(sys.configDir)
	if err != nil {
		say(sys.stderr, "veche: the secret cannot be kept (%v): after a restart people will not come back by themselves", err)
		secret = newSecret()
	}
	cfg.Auth.Secret = config.Secret(secret)
	return cfg, nil
}

// open falls back to any free media ports when the usual ones are taken: the browser is told which.
func (c *demoCmd) open(ctx context.Context, p *process) error {
	err := p.open(ctx)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	probe, listenErr := new(net.ListenConfig).Listen(ctx, "tcp", p.cfg.HTTP.Listen)
	if listenErr != nil {
		host, port, _ := net.SplitHostPort(p.cfg.HTTP.Listen) // the configuration is valid
		return busy(listenErr, "port "+port, "choose another: veche demo "+c.flags()+"--listen "+net.JoinHostPort(host, "8081"))
	}
	if err := probe.Close(); err != nil {
		return err
	}
	return c.otherPorts(ctx, p)
}

// otherPorts tries the next ports first, which are likely to be free again after a restart, and then any.
func (c *demoCmd) otherPorts(ctx context.Context, p *process) error {
	udp, tcp := p.cfg.Media.UDP, p.cfg.Media.TCP
	var err error
	for n := 1; n <= 10; n++ {
		p.cfg.Media.UDP, p.cfg.Media.TCP = otherPort(udp, n%10), otherPort(tcp, n%10)
		if err = p.open(ctx); err == nil {
			p.log.Warn("the media ports were in use", "wanted", udp, "taken", p.cfg.Media.UDP)
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

// otherPort is the address with a port n higher, for 0 with any port.
func otherPort(address string, n int) string {
	if address == "" {
		return ""
	}
	host, port, _ := net.SplitHostPort(address) // the configuration is valid
	number, _ := strconv.Atoi(port)
	if number += n; n == 0 || number > 65535 {
		number = 0
	}
	return net.JoinHostPort(host, strconv.Itoa(number))
}

func (c *demoCmd) flags() string {
	if c.LAN {
		return "--lan "
	}
	return ""
}

// url is what to open in a browser: the name that was asked for, or the first address of this machine
// that others can reach.
func (c *demoCmd) url(bound net.Addr) string {
	host, _, _ := net.SplitHostPort(c.Listen) // "" when it is not given
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
		if addrs, err := ownAddrs(); c.LAN && err == nil && len(addrs) > 0 {
			host = addrs[0].String()
		}
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, portOf(bound.String())), Path: "/"}
	if c.LAN {
		u.Scheme = "https"
	}
	return u.String()
}

// demoTLS keeps the certificate if it can.
func demoTLS(sys *system, log *slog.Logger) (*tls.Config, error) {
	addrs, err := ownAddrs()
	if err != nil {
		return nil, err
	}
	path, err := demoFile(sys.configDir, "demo.pem")
	var cert tls.Certificate
	if err == nil {
		cert, err = keptCertificate(path, addrs, time.Now())
	}
	if err != nil {
		log.Warn("the certificate cannot be kept: browsers will warn again after a restart", "err", err)
		made, err := selfSigned(addrs, time.Now())
		if err != nil {
			return nil, err
		}
		cert = made.cert
	}
	return tlsWith(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }), nil
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
