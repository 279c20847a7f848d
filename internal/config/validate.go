package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate checks everything that can be checked without opening anything but auth.secretFile.
// Errors name the key, the value and the cause; all mistakes are told at once.
func (c Config) Validate() error {
	var errs []error
	fail := func(key string, value any, cause string) {
		errs = append(errs, fmt.Errorf("config: %s: %q: %s", key, fmt.Sprint(value), cause))
	}
	for _, f := range fields(&c) {
		if cause := f.check(); cause != "" {
			fail(f.key, render(f.value), cause)
		}
	}
	c.checkAddresses(fail)
	c.checkHTTP(fail)
	c.checkFrontends(fail)
	if c.TURN.PortMin > c.TURN.PortMax || c.TURN.PortMin == 0 && c.TURN.PortMax != 0 {
		fail("turn.portMax", c.TURN.PortMax, "turn.portMin and turn.portMax must be a range")
	}
	if c.TURN.Realm == "" {
		fail("turn.realm", "", "must not be empty")
	}
	if c.Limits.SDP < c.Limits.Frame {
		fail("limits.sdp", c.Limits.SDP, "must be at least limits.frame")
	}
	if _, err := c.Auth.Key(); err != nil {
		errs = append(errs, fmt.Errorf("config: %w", err))
	}
	return errors.Join(errs...)
}

func (c Config) checkAddresses(fail func(key string, value any, cause string)) {
	for _, a := range []struct {
		key, value string
		optional   bool
	}{
		{"http.listen", c.HTTP.Listen, false},
		{"metrics.listen", c.Metrics.Listen, true},
		{"media.udp", c.Media.UDP, false},
		{"media.tcp", c.Media.TCP, true},
	} {
		checkAddress(a.key, a.value, a.optional, fail)
	}
	for _, ip := range c.Media.IPs {
		if ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
			fail("media.ips", ip, "is no address at which somebody could be reached")
		}
	}
}

func checkAddress(key, value string, optional bool, fail func(key string, value any, cause string)) {
	if value == "" && optional {
		return
	}
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		fail(key, value, "must be HOST:PORT, for example 127.0.0.1:8080 or :8080")
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		fail(key, value, "the port must be a number from 0 to 65535")
	}
}

func checkOrigins(key string, origins []string, fail func(key string, value any, cause string)) {
	for _, o := range origins {
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil) {
			fail(key, o, "must be like https://example.org, or *")
		}
	}
}

func (c Config) checkHTTP(fail func(key string, value any, cause string)) {
	if p := c.HTTP.Prefix; p != "" && (!strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.ContainsAny(p, "?#%") || strings.Contains(p, "//")) {
		fail("http.prefix", p, "must be like /veche, without a slash at the end")
	}
	checkOrigins("http.origins", c.HTTP.Origins, fail)
	t := c.HTTP.TLS
	switch {
	case t.SelfSigned && (t.Cert != "" || t.Key != ""):
		fail("http.tls.selfSigned", true, "http.tls.cert or http.tls.key is set too; choose one way")
	case t.Cert == "" && t.Key != "":
		fail("http.tls.cert", "", "is missing while http.tls.key is set")
	case t.Cert != "" && t.Key == "":
		fail("http.tls.key", "", "is missing while http.tls.cert is set")
	}
}

// check obeys the tags enum, min and max; it returns the cause or "".
func (f field) check() string {
	if enum := f.tag.Get("enum"); enum != "" {
		allowed := strings.Fields(enum)
		values := []string{f.value.String()}
		if list, ok := f.value.Interface().([]string); ok {
			values = list
		}
		for i, v := range values {
			if !slices.Contains(allowed, v) {
				return fmt.Sprintf("%q is not one of %s", v, strings.Join(allowed, ", "))
			}
			if slices.Contains(values[:i], v) {
				return fmt.Sprintf("%q is there twice", v)
			}
		}
	}
	if f.value.CanInt() {
		n := f.value.Int()
		if n < f.bound("min", 0) {
			return "must be at least " + render(boundValue(f, "min"))
		}
		if most, ok := f.tag.Lookup("max"); ok && n > f.bound("max", 0) {
			return "must be at most " + most
		}
	}
	return ""
}

// bound reads a tag in the field's own unit; none means otherwise.
func (f field) bound(tag string, otherwise int64) int64 {
	text, ok := f.tag.Lookup(tag)
	if !ok {
		return otherwise
	}
	if f.value.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			panic("config: " + f.key + ": tag " + tag) // found by the first test
		}
		return int64(d)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("config: " + f.key + ": tag " + tag)
	}
	return n
}

func boundValue(f field, tag string) reflect.Value {
	v := reflect.New(f.value.Type()).Elem()
	v.SetInt(f.bound(tag, 0))
	return v
}
