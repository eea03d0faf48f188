package delivery

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	netsmtp "net/smtp"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	shoutrrrsmtp "github.com/nicholas-fedor/shoutrrr/pkg/services/email/smtp"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"s1graph/alerts/outbox"
	"s1graph/config"
)

// smtp is e-mail. It shows text as it is, and no proxy takes it.
var smtp = Service{
	Name:   "smtp",
	URL:    "smtp://USER:PASSWORD@HOST:PORT/?from=ADDRESS&to=ADDRESS",
	host:   func(u *url.URL) string { return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "25")) },
	direct: true,
	isHTML: func(ready types.Service) bool { return ready.(*shoutrrrsmtp.Service).Config.UseHTML },
	open: func(s *Service, to config.Destination, c Config) (sender, error) {
		ready, err := s.locate(to)
		if err != nil {
			return nil, err
		}
		settings := ready.(*shoutrrrsmtp.Service).Config
		settings.FixEmailTags()
		return &mail{s, settings, c.Clock}, nil
	},
	fault: func(err error) (*fault, bool) {
		var answer *textproto.Error
		switch {
		case errors.As(err, &answer):
			return &fault{reason: fmt.Sprintf("the mail server answered %d", answer.Code), permanent: answer.Code >= 500}, true
		}
		return nil, false
	},
}

// mail sends e-mail, to the addresses and with the settings of shoutrrr's URL for it. The sending itself is our
// own: shoutrrr waits for ever on a server that has taken the connection, and writes headers raw, so that a
// subject that is not ASCII arrives as rubbish.
type mail struct {
	*Service
	*shoutrrrsmtp.Config
	clock func() time.Time
}

func (s *mail) send(ctx context.Context, m outbox.Message) *fault {
	return s.faultOf(s.talk(ctx, m))
}

func (s *mail) talk(ctx context.Context, m outbox.Message) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := s.introduce(c); err != nil {
		return err
	}
	if err := c.Mail(s.FromAddress); err != nil {
		return err
	}
	for _, to := range s.ToAddresses {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	body, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(s.compose(m)); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	_ = c.Quit() // it has been taken; some servers are gone by now
	return nil
}

// connect ties the connection to ctx: when that ends, whatever waits for the server ends too.
func (s *mail) connect(ctx context.Context) (*netsmtp.Client, error) {
	address := net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port)))
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if s.Encryption == shoutrrrsmtp.EncMethods.ImplicitTLS ||
		s.Encryption == shoutrrrsmtp.EncMethods.Auto && s.Port == shoutrrrsmtp.ImplicitTLSPort {
		conn = tls.Client(conn, s.tls())
	}
	c, err := netsmtp.NewClient(conn, s.Host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (s *mail) introduce(c *netsmtp.Client) error {
	host := s.ClientHost
	if host == "auto" {
		host, _ = os.Hostname()
	}
	if err := c.Hello(host); err != nil {
		return err
	}
	_, safe := c.TLSConnectionState()
	if s.UseStartTLS && !safe && s.Encryption != shoutrrrsmtp.EncMethods.None {
		offered, _ := c.Extension("STARTTLS")
		if !offered && s.RequireStartTLS {
			return &fault{reason: "the mail server offers no encryption, and requirestarttls is set", permanent: true}
		}
		if offered {
			if err := c.StartTLS(s.tls()); err != nil {
				return err
			}
		}
	}
	// Somebody between here and there may have taken STARTTLS out of what the server offers.
	if _, safe = c.TLSConnectionState(); !safe && s.Auth != shoutrrrsmtp.AuthTypes.None && s.Host != "localhost" && !net.ParseIP(s.Host).IsLoopback() {
		return &fault{reason: "the mail server offers no encryption, and neither a password nor a token must go without"}
	}
	switch s.Auth {
	case shoutrrrsmtp.AuthTypes.Plain:
		return c.Auth(netsmtp.PlainAuth("", s.Username, s.Password, s.Host))
	case shoutrrrsmtp.AuthTypes.CRAMMD5:
		return c.Auth(netsmtp.CRAMMD5Auth(s.Username, s.Password))
	case shoutrrrsmtp.AuthTypes.OAuth2:
		return c.Auth(shoutrrrsmtp.OAuth2Auth(s.Username, s.Password))
	}
	return nil
}

func (s *mail) tls() *tls.Config {
	return &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.SkipTLSVerify}
}

// compose writes the mail. Its Message-ID is made of the alert's, so that a repetition is known as one.
func (s *mail) compose(m outbox.Message) []byte {
	text, kind := m.Text, "plain"
	text = cmp.Or(text, m.Title)
	subject := m.Title
	if s.UseHTML {
		kind = "html"
		subject = html.UnescapeString(subject)
		text = `<div style="white-space: pre-wrap">` + text + "</div>"
	}
	importance, priority := "normal", "3"
	switch m.Severity {
	case "info", "low":
		importance, priority = "low", "5"
	case "high", "critical":
		importance, priority = "high", "1"
	}
	var b bytes.Buffer
	for _, header := range [][2]string{
		{"From", (&netmail.Address{Name: s.FromName, Address: s.FromAddress}).String()},
		{"To", strings.Join(s.ToAddresses, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", oneLine(subject))},
		{"Date", s.clock().Format(time.RFC1123Z)},
		{"Message-ID", "<" + m.ID + "@s1graph>"},
		{"Auto-Submitted", "auto-generated"},
		{"Importance", importance},
		{"X-Priority", priority},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/" + kind + "; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	b.WriteString("\r\n")
	quoted := quotedprintable.NewWriter(&b)
	_, _ = quoted.Write([]byte(text))
	_ = quoted.Close()
	return b.Bytes()
}
