package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix begins every environment variable that is read: http.listen is VECHE_HTTP_LISTEN.
const EnvPrefix = "VECHE_"

// Load reads the YAML file at path ("" = none), then the variables in environ ("KEY=value", as from
// os.Environ; nil = none), then overrides by key ("http.listen"); lists in the last two are separated
// by commas. The result is valid. Errors name the source, the key, the value and the cause; all
// mistakes are told at once.
func Load(path string, environ []string, overrides map[string]string) (Config, error) {
	c := Default()
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("config: %w", err)
		}
		if err := applyYAML(&c, text, path); err != nil {
			return Config{}, err
		}
	}
	values, err := environment(&c, environ)
	if err != nil {
		return Config{}, err
	}
	if err := apply(&c, values, source{name: "environment", label: envName}); err != nil {
		return Config{}, err
	}
	flags := make(map[string]any, len(overrides))
	for key, v := range overrides {
		flags[key] = v
	}
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(flags, "."), nil); err != nil {
		return Config{}, fmt.Errorf("config: command line: %w", err)
	}
	if err := apply(&c, k.All(), source{name: "command line"}); err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func applyYAML(c *Config, text []byte, name string) error {
	k := koanf.New(".")
	if err := k.Load(content(text), yaml.Parser()); err != nil {
		return fmt.Errorf("config: %s: %w", name, err)
	}
	return apply(c, k.All(), source{name: name})
}

// content is a koanf.Provider of what has been read already.
type content []byte

// ReadBytes returns the text.
func (c content) ReadBytes() ([]byte, error) { return c, nil }

// Read is for providers without a parser.
func (c content) Read() (map[string]any, error) { return nil, errors.New("needs a parser") }

// source is where values come from and how it calls the keys.
type source struct {
	name  string
	label func(key string) string // nil = as it is
}

func (s source) of(key string) string {
	if s.label == nil {
		return key
	}
	return s.label(key)
}

// apply assigns values by flat key.
func apply(c *Config, values map[string]any, from source) error {
	known := make(map[string]field)
	groups := make(map[string]bool)
	for _, s := range sections(c) {
		groups[s.key] = true
		for _, f := range s.fields {
			known[f.key] = f
		}
	}
	var errs []error
	if err := applyFrontends(c, values); err != nil {
		errs = append(errs, fmt.Errorf("config: %s: %s: %w", from.name, from.of(frontendsKey), err))
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		f, ok := known[key]
		switch {
		case ok:
			if err := f.set(values[key]); err != nil {
				errs = append(errs, fmt.Errorf("config: %s: %s: %s: %w", from.name, from.of(key), show(f, values[key]), err))
			}
		case groups[key] && empty(values[key]): // "http:" with nothing below it
		case groups[key]:
			errs = append(errs, fmt.Errorf("config: %s: %s: is a section, put its keys below it", from.name, key))
		default:
			errs = append(errs, fmt.Errorf("config: %s: %s: no such key%s", from.name, key, suggestion(key, slices.Collect(maps.Keys(known)))))
		}
	}
	return errors.Join(errs...)
}

func empty(v any) bool {
	m, isMap := v.(map[string]any)
	return v == nil || isMap && len(m) == 0
}

// show is a value for an error message.
func show(f field, raw any) string {
	if _, secret := f.value.Interface().(Secret); secret {
		return masked
	}
	return fmt.Sprintf("%q", fmt.Sprint(raw))
}

// environment picks our variables by flat key. A variable that only resembles one of ours is
// refused; others with our prefix, such as those of a container platform, are not ours.
func environment(c *Config, environ []string) (map[string]any, error) {
	byEnv := make(map[string]string)
	var names, groups []string
	for _, s := range sections(c) {
		if s.key != "" {
			groups = append(groups, envName(s.key)+"_")
		}
		for _, f := range s.fields {
			byEnv[f.env] = f.key
			names = append(names, f.env)
		}
	}
	byEnv[frontendsEnv] = frontendsKey
	names = append(names, frontendsEnv)
	var errs []error
	k := koanf.New(".")
	provider := env.Provider(".", env.Opt{
		Prefix:      EnvPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, ok := byEnv[name]
			if ok {
				return key, value
			}
			hint := suggestion(name, names)
			inGroup := slices.ContainsFunc(groups, func(g string) bool { return strings.HasPrefix(name, g) })
			if hint != "" || inGroup {
				errs = append(errs, fmt.Errorf("config: environment: %s: no such variable%s", name, hint))
			}
			return "", nil
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return nil, fmt.Errorf("config: environment: %w", err)
	}
	return k.All(), errors.Join(errs...)
}

// suggestion is ", did you mean …?" when one of the names is close enough.
func suggestion(name string, names []string) string {
	slices.Sort(names)
	best, bestDistance := "", 3
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	if best == "" {
		return lastWord(name, names)
	}
	return ", did you mean " + best + "?"
}

// lastWord finds the key in another section: "listen" or "server.listen" for http.listen.
func lastWord(name string, names []string) string {
	word := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	var found []string
	for _, n := range names {
		if strings.HasSuffix(strings.ToLower(n), "."+word) {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(found, " or ") + "?"
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
