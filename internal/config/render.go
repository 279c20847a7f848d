package config

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

//go:generate go test -run ^TestGenerated$ -update

// Example is veche.example.yaml: every key with its documentation and its default.
func Example() []byte {
	c := Default()
	var b bytes.Buffer
	b.WriteString(`# Configuration of Veche, read by "veche serve --config FILE". Made from internal/config, do not edit.
#
# Every key has its default here; keep only what you change. Each can be given as an environment variable
# (http.listen: VECHE_HTTP_LISTEN) and on the command line (--set http.listen=:8443), which win in this order.
# docs/configuration.md says the same as a table.
`)
	c.yaml(&b, true)
	return b.Bytes()
}

// String is the configuration as YAML without comments; secrets are masked.
func (c Config) String() string {
	var b bytes.Buffer
	c.yaml(&b, false)
	return b.String()
}

func (c Config) yaml(b *bytes.Buffer, comments bool) {
	const width = 110
	for _, s := range sections(&c) {
		if s.key == "" {
			continue
		}
		depth := strings.Count(s.key, ".")
		indent := strings.Repeat("  ", depth)
		if comments {
			if depth == 0 {
				b.WriteByte('\n')
			}
			wrap(b, indent+"# ", s.doc, width)
		}
		fmt.Fprintf(b, "%s%s:\n", indent, s.key[strings.LastIndexByte(s.key, '.')+1:])
		for _, f := range s.fields {
			if comments {
				wrap(b, indent+"  # ", f.doc+f.constraint(), width)
			}
			fmt.Fprintf(b, "%s  %s: %s\n", indent, f.key[strings.LastIndexByte(f.key, '.')+1:], quoted(f.value))
		}
	}
}

// Markdown is docs/configuration.md.
func Markdown() []byte {
	c := Default()
	var b bytes.Buffer
	b.WriteString(`# Configuration

Made from ` + "`internal/config`" + `, do not edit. ` + "`veche serve`" + ` reads, each over the one before: the defaults, the YAML file given by
` + "`--config`" + ` ([veche.example.yaml](../veche.example.yaml) is one with every key), environment variables, and ` + "`--set KEY=VALUE`" + `
on the command line. Lists are separated by commas in the last two. A key that does not exist, and a value that makes no sense,
end the start with a message that names it.
`)
	for _, s := range sections(&c) {
		if s.key == "" {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.key, s.doc)
		if len(s.fields) == 0 {
			continue
		}
		b.WriteString("\n| key | variable | default | |\n|---|---|---|---|\n")
		for _, f := range s.fields {
			value := render(f.value)
			if value != "" {
				value = "`" + value + "`"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", f.key, f.env, value, f.doc+f.constraint())
		}
	}
	return b.Bytes()
}

// constraint tells what the tags allow.
func (f field) constraint() string {
	if enum := f.tag.Get("enum"); enum != "" {
		return " One of " + strings.Join(strings.Fields(enum), ", ") + "."
	}
	return ""
}

// render is a value as in the environment.
func render(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return trimDuration(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	if v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = render(v.Index(i))
		}
		return strings.Join(items, ",")
	}
	return fmt.Sprint(v.Interface())
}

// quoted is a value as in YAML.
func quoted(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = quoted(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.Kind() == reflect.String, v.Kind() == reflect.Struct:
		return strconv.Quote(render(v))
	}
	return render(v)
}

// trimDuration is 5m for 5m0s.
func trimDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func wrap(b *bytes.Buffer, prefix, text string, width int) {
	line := prefix
	for i, word := range strings.Fields(text) {
		if i > 0 && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = prefix
		} else if i > 0 {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}
