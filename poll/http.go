package poll

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// serve answers on the configured address until it is told to stop. Where no address is configured, it does nothing.
func (s *Service) serve(ctx context.Context) (stop func(), err error) {
	address := s.Settings.Listen
	if address == "" || strings.EqualFold(address, "off") {
		return func() {}, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("s1graph cannot listen on %s (%w), so nothing was polled: give another address with --listen, or stop what listens there", address, cause(err))
	}
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the service goes on polling, but its endpoints no longer answer", "error", err.Error())
		}
	}()
	s.log.Info("listening", "address", listener.Addr().String())
	if host, _, err := net.SplitHostPort(listener.Addr().String()); err == nil && !net.ParseIP(host).IsLoopback() {
		s.log.Warn("everybody who reaches this address can read what is served there", "address", listener.Addr().String())
	}
	return func() {
		// Whoever asks now has a moment to read the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // of connections that nobody waits for
		}
		<-ended
	}, nil
}

// cause is what the system says, without the address that stands before it.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Err
	}
	return err
}

// Handler answers /healthz (200 while the process lives), /readyz (200 or 503, and which instance is not ready and
// why), /metrics for Prometheus, and /status as JSON. Who calls the service by another name than its own gets 421.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.tellReady)
	mux.HandleFunc("GET /status", s.tellStatus)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "s1graph poll: /healthz /readyz /metrics /status")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if !s.isCalled(r.Host) {
			plain(w, http.StatusMisdirectedRequest, "this address answers to IP addresses, to localhost and to the names in the setting hosts of s1graph.yaml")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isCalled says whether the header Host names this service. A page that somebody visits can point a name of its own to this
// address (DNS rebinding), and its script could then read what is served here, but the browser still sends that name. An IP
// address is no name that could be pointed elsewhere.
func (s *Service) isCalled(host string) bool {
	if host == "" {
		return true // HTTP/1.0, which no browser speaks
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil { // there is no port
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	own, _, _ := net.SplitHostPort(s.Settings.Listen)
	return name == "localhost" || len(name) > len(".localhost") && strings.HasSuffix(name, ".localhost") ||
		name != "" && slices.ContainsFunc(append(s.Settings.Hosts, own), func(known string) bool { return strings.EqualFold(known, name) })
}

func plain(w http.ResponseWriter, status int, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, strings.Join(lines, "\n"))
}

func (s *Service) tellReady(w http.ResponseWriter, _ *http.Request) {
	reasons := s.unready()
	if len(reasons) > 0 {
		plain(w, http.StatusServiceUnavailable, reasons...)
		return
	}
	plain(w, http.StatusOK, "ready")
}

func (s *Service) tellStatus(w http.ResponseWriter, r *http.Request) {
	all := s.Status()
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.heard(ctx, &all); err != nil {
		s.log.Warn("the status of other workers' instances is not known", "error", err.Error())
	}
	content, err := json.Marshal(all, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		plain(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(content, '\n')) // who asked has gone
}
