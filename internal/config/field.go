package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// field is one leaf of the struct.
type field struct {
	key   string // http.trustedProxies
	env   string // VECHE_HTTP_TRUSTED_PROXIES
	doc   string
	tag   reflect.StructTag
	value reflect.Value
}

// section is one node of the struct.
type section struct {
	key, doc string
	fields   []field
}

// sections lists the struct in its order; what is inside a section comes after its own fields.
func sections(c *Config) []section {
	return walk(reflect.ValueOf(c).Elem(), section{})
}

func walk(v reflect.Value, s section) []section {
	var inner []section
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous { // its fields are this section's
			s.fields = append(s.fields, walk(v.Field(i), section{key: s.key})[0].fields...)
			continue
		}
		key := strings.TrimPrefix(s.key+"."+f.Tag.Get("koanf"), ".")
		if f.Type.Kind() == reflect.Struct {
			inner = append(inner, walk(v.Field(i), section{key: key, doc: f.Tag.Get("doc")})...)
			continue
		}
		s.fields = append(s.fields, field{key: key, env: envName(key), doc: f.Tag.Get("doc"), tag: f.Tag, value: v.Field(i)})
	}
	return append([]section{s}, inner...)
}

func fields(c *Config) []field {
	var all []field
	for _, s := range sections(c) {
		all = append(all, s.fields...)
	}
	return all
}

// envName is VECHE_HTTP_TRUSTED_PROXIES for http.trustedProxies: a word begins at each dot and at
// each capital after a small letter.
func envName(key string) string {
	var b strings.Builder
	b.WriteString(EnvPrefix)
	small := false
	for _, r := range key {
		switch {
		case r == '.':
			r = '_'
		case unicode.IsUpper(r) && small:
			b.WriteByte('_')
		}
		small = unicode.IsLower(r)
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// set assigns what a file, a variable or a flag holds. Errors tell the cause only.
func (f field) set(raw any) error {
	if raw == nil {
		f.value.SetZero() // "key:" in YAML
		return nil
	}
	if f.value.Kind() == reflect.Slice {
		return f.setList(raw)
	}
	return assign(f.value, raw)
}

func (f field) setList(raw any) error {
	var items []any
	switch raw := raw.(type) {
	case []any:
		items = raw
	case string: // from the environment or a flag
		for s := range strings.SplitSeq(raw, ",") {
			if s = strings.TrimSpace(s); s != "" {
				items = append(items, s)
			}
		}
	default:
		return errors.New("must be a list")
	}
	list := reflect.MakeSlice(f.value.Type(), 0, len(items))
	for _, item := range items {
		v := reflect.New(f.value.Type().Elem()).Elem()
		if err := assign(v, item); err != nil {
			return err
		}
		list = reflect.Append(list, v)
	}
	f.value.Set(list)
	return nil
}

func assign(v reflect.Value, raw any) error {
	text, isText := raw.(string)
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration like 45s, 5m or 1h30m")
		}
		*p = d
		return nil
	case *netip.Prefix:
		prefix, err := parsePrefix(text)
		*p = prefix
		return err
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(fmt.Sprint(raw)))
	}
	switch v.Kind() {
	case reflect.String:
		if !isText {
			return errors.New("must be text; put it in quotes")
		}
		v.SetString(text)
		return nil
	case reflect.Bool:
		b, err := strconv.ParseBool(fmt.Sprint(raw))
		if err != nil {
			return errors.New("must be true or false")
		}
		v.SetBool(b)
		return nil
	case reflect.Int:
		n, err := strconv.ParseInt(fmt.Sprint(raw), 10, 64)
		if err != nil {
			return errors.New("must be a whole number")
		}
		v.SetInt(n)
		return nil
	}
	panic("config: no way to read a " + v.Type().String()) // a new field's type, found by the first test
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errors.New("must be an address or a network like 10.0.0.0/8")
	}
	return p, nil
}
