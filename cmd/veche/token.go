package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"veche.example/internal/auth"
	"veche.example/internal/config"
)

// tokenCmd makes a grant with the secret of a server's configuration.
type tokenCmd struct {
	Room     string        `required:"" help:"Room that the token is for."`
	Name     string        `help:"Name shown to others; without it the person chooses one."`
	Role     string        `default:"speaker" enum:"viewer,speaker,moderator" help:"viewer, speaker or moderator."`
	Identity string        `help:"Who the person is in your own system; for logs."`
	TTL      time.Duration `default:"1h" help:"How long the token can be used to join."`
	URL      string        `name:"url" placeholder:"URL" help:"Address of the server: print a link to join too."`
	Kind     string        `default:"meeting" enum:"meeting,broadcast,lobby" help:"Kind of room that the link opens: meeting, broadcast or lobby."`
	Config   string        `short:"c" placeholder:"FILE" env:"VECHE_CONFIG" help:"Configuration that holds the secret. Without it: VECHE_AUTH_SECRET or VECHE_AUTH_SECRET_FILE."`
	Demo     bool          `help:"Use the secret of veche demo on this machine."`
}

// Run implements the command.
func (c *tokenCmd) Run(sys *system) error {
	if c.TTL <= 0 {
		return fmt.Errorf("--ttl: %s: must be positive", c.TTL)
	}
	keys, err := c.keys(sys)
	if err != nil {
		return err
	}
	token, err := keys.Mint(auth.Grant{
		Room: c.Room, Name: c.Name, Identity: c.Identity, Role: c.Role, Expires: time.Now().Add(c.TTL),
	})
	if err != nil {
		return err
	}
	link := ""
	if c.URL != "" {
		if link, err = c.link(token); err != nil {
			return err
		}
	}
	say(sys.stdout, "%s", token)
	if link != "" {
		say(sys.stdout, "%s", link)
	}
	return nil
}

func (c *tokenCmd) keys(sys *system) (*auth.Keys, error) {
	if c.Demo {
		secret, err := demoSecret(sys.configDir)
		if err != nil {
			return nil, err
		}
		return auth.NewKeys(secret)
	}
	// Only the secret matters here: a random one would sign tokens that no server takes.
	cfg, err := config.Load(c.Config, sys.environ, map[string]string{"auth.openRooms": "false"})
	if err != nil && c.Config == "" {
		return nil, fmt.Errorf("%w (give --config FILE, set VECHE_AUTH_SECRET, or use --demo)", err)
	}
	if err != nil {
		return nil, err
	}
	secret, err := cfg.Auth.Key()
	if err != nil {
		return nil, err
	}
	return auth.NewKeys(secret)
}

// link puts the token in the fragment: browsers do not send it, so it is in no log on the way.
func (c *tokenCmd) link(token string) (string, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return "", fmt.Errorf("--url: %q: must be like https://meet.example.org", c.URL)
	}
	if base.RawQuery != "" || base.Fragment != "" {
		return "", errors.New("--url: must have no ? and no #")
	}
	page := map[string]string{"meeting": "r", "broadcast": "b", "lobby": "call"}[c.Kind]
	if c.Kind == "broadcast" && c.Role == auth.Viewer {
		page = "watch"
	}
	to := base.JoinPath(page, url.PathEscape(c.Room))
	to.Fragment = "token=" + token
	return to.String(), nil
}
