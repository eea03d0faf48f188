package s1

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	hostName    = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)
	consolePath = regexp.MustCompile(`^(/web(/api(/v[0-9.]+)?)?)?/*$`)
)

// NormalizeURL makes the one form of a console's address, https://host or https://host:port, of what
// people type: with or without scheme, with a slash at the end, with /web/api or /web/api/v2.1. Plain
// http is allowed for loopback addresses only. Errors say what is wrong, without naming the setting,
// and never repeat the address, which might hold a password.
func NormalizeURL(raw string) (string, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return "", errors.New("must be the console's address, such as https://example.sentinelone.net")
	}
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("is not an address such as https://example.sentinelone.net")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	ip := net.ParseIP(host)
	switch {
	case u.User != nil:
		return "", errors.New("must not hold a user name or a password; the API token is set on its own")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("has the scheme %s, which does not lead to a console; https does", u.Scheme)
	case ip == nil && !hostName.MatchString(host):
		return "", errors.New("has no host name, or one with other characters than letters, digits, hyphens and dots")
	case u.Scheme == "http" && host != "localhost" && !ip.IsLoopback():
		return "", errors.New("must begin with https://, as the API token may not travel unencrypted")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return "", errors.New("must end with the host name; what follows ? or # does not belong to it")
	case !consolePath.MatchString(u.EscapedPath()):
		return "", errors.New("must end with the host name, or with /web/api/v2.1; another path does not belong to it")
	}
	if strings.HasSuffix(u.Host, ":") {
		return "", errors.New("lacks the port after the colon")
	}
	if ip != nil && ip.To4() == nil {
		host = "[" + ip.String() + "]"
	} else if ip != nil {
		host = ip.String()
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return "", errors.New("must have a port from 1 to 65535, or none")
		}
		if usual := map[string]uint64{"https": 443, "http": 80}; n != usual[u.Scheme] {
			host += ":" + strconv.FormatUint(n, 10)
		}
	}
	return u.Scheme + "://" + host, nil
}
