package s1

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"s1graph/token"
)

// NewTransport makes what carries a Client's requests. proxy is the address of an HTTP or SOCKS5
// proxy; "" means what HTTPS_PROXY and NO_PROXY say. A console that is reached over http, which only one on this machine is, is
// asked without a proxy: it would see the token. caFile names a file of PEM certificates that are
// trusted beside the system's; "" means none. Errors never repeat the proxy's address, which might
// hold a password.
func NewTransport(proxy, caFile string) (http.RoundTripper, error) {
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    15 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    64,
		ExpectContinueTimeout:  time.Second,
		ForceAttemptHTTP2:      true,
		ReadBufferSize:         64 << 10,
		MaxResponseHeaderBytes: maxHeaderBytes,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	var faults []error
	through := http.ProxyFromEnvironment
	if proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			faults = append(faults, errors.New("proxy: must be an address such as http://proxy.example:3128"))
		}
		through = http.ProxyURL(u)
	}
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme == "http" {
			return nil, nil
		}
		return through(r)
	}
	if caFile != "" {
		pool, err := certificates(caFile)
		faults = append(faults, err)
		t.TLSClientConfig.RootCAs = pool
	}
	return t, errors.Join(faults...)
}

// certificates are the system's and those of a PEM file.
func certificates(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("CA file: the system's own certificates cannot be read: %w", err)
	}
	if !pool.AppendCertsFromPEM(bytes.TrimPrefix(pem, []byte(token.BOM))) {
		return nil, fmt.Errorf("CA file %s: holds no PEM certificate", file)
	}
	return pool, nil
}
