package delivery

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"s1graph/config"
)

// Reach says whether a connection to a destination can be made, through the proxy where HTTPS_PROXY names one.
// Nothing is sent, and so nothing is known of whether an alert would be taken. dial may be nil. The error has
// nothing of the URL in it but the service's name.
func Reach(ctx context.Context, to config.Destination, dial func(ctx context.Context, network, address string) (net.Conn, error)) error {
	address, err := addressOf(to)
	if err != nil {
		return err
	}
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return faultOf(to.Name, err)
	}
	_ = conn.Close()
	return nil
}

// addressOf is the host and port that a send would connect to.
func addressOf(to config.Destination) (string, error) {
	s, err := serviceOf(to)
	if err != nil {
		return "", err
	}
	if err := Check(to); err != nil {
		return "", err
	}
	u, err := url.Parse(to.URL.Reveal())
	if err != nil {
		return "", errors.New("the URL is not understood")
	}
	if s.host != nil {
		u.Host = s.host(u)
	}
	if s.direct {
		return u.Host, nil
	}
	if u.Hostname() == "" {
		return "", errors.New("the URL names no host")
	}
	port := "443"
	if u.Scheme == "http" || u.Scheme == alertmanager.Name || u.Query().Get("disabletls") != "" && u.Query().Get("disabletls") != "no" {
		port = "80"
	}
	port = cmp.Or(u.Port(), port)
	scheme := "https"
	if port == "80" || u.Scheme == alertmanager.Name {
		scheme = "http"
	}
	target := &url.URL{Scheme: scheme, Host: net.JoinHostPort(u.Hostname(), port)}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target})
	if err != nil {
		return "", errors.New("the proxy's address is not understood")
	}
	if proxy == nil {
		return target.Host, nil
	}
	port = cmp.Or(proxy.Port(), map[string]string{"https": "443", "socks5": "1080"}[proxy.Scheme], "80")
	return net.JoinHostPort(proxy.Hostname(), port), nil
}
