package message

import (
	"strconv"
	"strings"
)

// URI is a SIP URI (RFC 3261 §19.1) or one of another scheme, of which only Scheme is known.
type URI struct {
	Scheme string // lower case
	User   string // as written, without a password
	Host   string // lower case
	Port   int    // 0 = none
	Params string // from the first ';' on
}

// ParseURI reads a URI.
func ParseURI(s string) (URI, error) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !token(scheme) || rest == "" || strings.ContainsAny(s, " \t<>\"") || clean(s) != nil {
		return URI{}, ErrHeader
	}
	u := URI{Scheme: strings.ToLower(scheme)}
	if u.Scheme != "sip" && u.Scheme != "sips" {
		return u, nil
	}
	rest, _, _ = strings.Cut(rest, "?")
	if user, after, ok := strings.Cut(rest, "@"); ok {
		user, _, _ = strings.Cut(user, ":")
		if user == "" || strings.Contains(after, "@") {
			return URI{}, ErrHeader
		}
		u.User, rest = user, after
	}
	if i := strings.IndexByte(rest, ';'); i >= 0 {
		rest, u.Params = rest[:i], rest[i:]
	}
	return u, u.hostPort(rest)
}

// hostPort reads HOST[:PORT], also with the IPv6 address in brackets.
func (u *URI) hostPort(s string) error {
	host, port := s, ""
	if end := strings.LastIndexByte(s, ']'); end >= 0 {
		host, port = s[:end+1], s[end+1:]
		if host[0] != '[' || port != "" && port[0] != ':' {
			return ErrHeader
		}
		port = strings.TrimPrefix(port, ":")
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
		if port == "" {
			return ErrHeader
		}
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return ErrHeader
		}
		u.Port = int(n)
	}
	if host == "" || strings.IndexFunc(host, func(r rune) bool { return !hostRune(r) }) >= 0 {
		return ErrHeader
	}
	u.Host = strings.ToLower(strings.TrimSuffix(host, "."))
	return nil
}

func hostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_[]:", r)
}

// AOR is USER@HOST, what somebody is registered under (RFC 3261 §10.3 step 5).
func (u URI) AOR() string { return unescape(u.User) + "@" + u.Host }

// Point is USER@HOST:PORT, what two contacts are compared by.
func (u URI) Point() string { return u.AOR() + ":" + strconv.Itoa(u.Port) }

// unescape resolves %XX of printable ASCII (RFC 3261 §19.1.4), so that no name has two spellings.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && n > ' ' && n < 0x7f && n != '@' && n != '%' {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// Addr is the value of From, To, Contact, Route …: [NAME] <URI>;PARAMS, or the URI alone.
type Addr struct {
	Text   string // the URI as written
	URI    URI
	Params string // of the header, from the first ';' on
}

// ParseAddr reads one (RFC 3261 §20.10).
func ParseAddr(s string) (Addr, error) {
	var a Addr
	open := unquoted(s, '<')
	if open < 0 {
		// without brackets all parameters are the header's
		a.Text = s
		if i := strings.IndexByte(s, ';'); i >= 0 {
			a.Text, a.Params = s[:i], s[i:]
		}
	} else {
		end := strings.IndexByte(s[open:], '>')
		if end < 0 {
			return a, ErrHeader
		}
		a.Text, a.Params = s[open+1:open+end], strings.TrimLeft(s[open+end+1:], " \t")
		if a.Params != "" && a.Params[0] != ';' {
			return a, ErrHeader
		}
	}
	a.Text = strings.Trim(a.Text, " \t")
	var err error
	a.URI, err = ParseURI(a.Text)
	if _, perr := Split(a.Params, ';'); err == nil {
		err = perr
	}
	return a, err
}

func unquoted(s string, want byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == want:
			return i
		}
	}
	return -1
}

// Param is a parameter's value, "" if it has none or is not there.
func (a Addr) Param(name string) string { v, _ := Param(a.Params, name); return v }

// Param finds a parameter in ;a=b;c="d"; a value in quotes is returned without them.
func Param(params, name string) (value string, there bool) {
	parts, err := Split(params, ';')
	if err != nil {
		return "", false
	}
	for _, p := range parts {
		k, v, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.Trim(k, " \t"), name) {
			continue
		}
		return unquote(strings.Trim(v, " \t")), true
	}
	return "", false
}

func unquote(v string) string {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return v
	}
	v = v[1 : len(v)-1]
	if strings.IndexByte(v, '\\') < 0 {
		return v
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		out = append(out, v[i])
	}
	return string(out)
}

// Without is params with one of them left out.
func Without(params, name string) string {
	parts, err := Split(params, ';')
	if err != nil {
		return params
	}
	var b strings.Builder
	for _, p := range parts {
		k, _, _ := strings.Cut(p, "=")
		if p != "" && !strings.EqualFold(strings.Trim(k, " \t"), name) {
			b.WriteByte(';')
			b.WriteString(p)
		}
	}
	return b.String()
}

// Via is one Via (RFC 3261 §20.42).
type Via struct {
	SentBy string // HOST[:PORT], lower case
	Branch string
}

// ParseVia reads one.
func ParseVia(s string) (Via, error) {
	head, params := s, ""
	if i := strings.IndexByte(s, ';'); i >= 0 {
		head, params = s[:i], s[i:]
	}
	protocol, by, ok := strings.Cut(head, " ")
	by = strings.ToLower(strings.Trim(by, " \t"))
	if !ok || by == "" || strings.ContainsAny(by, " \t") || strings.Count(protocol, "/") != 2 {
		return Via{}, ErrHeader
	}
	branch, _ := Param(params, "branch")
	return Via{by, branch}, nil
}

// Words reads the parameters of a challenge or of credentials: SCHEME a=b, c="d". Names are in lower case.
func Words(s string) (scheme string, words map[string]string, err error) {
	scheme, rest, _ := strings.Cut(strings.Trim(s, " \t"), " ")
	parts, err := Split(rest, ',')
	if err != nil {
		return "", nil, err
	}
	words = make(map[string]string, len(parts))
	for _, p := range parts {
		k, v, ok := strings.Cut(p, "=")
		k = strings.ToLower(strings.Trim(k, " \t"))
		if _, twice := words[k]; !ok || !token(k) || twice {
			return "", nil, ErrHeader
		}
		words[k] = unquote(strings.Trim(v, " \t"))
	}
	return scheme, words, nil
}
