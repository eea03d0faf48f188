package delivery_test

import (
	"bufio"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/config"
)

// mailServer takes mail, or stops answering after a line that begins with hangs.
type mailServer struct {
	net.Listener
	hangs string
	fails map[string]string // answer by command

	mu    sync.Mutex
	mails []string
	to    []string
	auth  []string
}

// newMailServer hangs before the answer to one command ("": to none), and answers others as fails says.
func newMailServer(t *testing.T, hangs string, fails map[string]string) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &mailServer{Listener: listener, hangs: hangs, fails: fails}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return s
}

func (s *mailServer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(command, line string) bool {
		if s.hangs == command {
			_, _ = io.Copy(io.Discard, in) // until the other side goes
			return false
		}
		if fails, ok := s.fails[command]; ok {
			line = fails
		}
		_, err := io.WriteString(conn, line+"\r\n")
		return err == nil
	}
	if !say("greeting", "220 mail.example") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.TrimSpace(line[:min(4, len(line))]))
		switch command {
		case "DATA":
			if !say("DATA", "354 go on") {
				return
			}
			var mail strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(line)
			}
			s.mu.Lock()
			s.mails = append(s.mails, mail.String())
			s.mu.Unlock()
			if !say("sent", "250 taken") {
				return
			}
		case "AUTH":
			s.mu.Lock()
			s.auth = append(s.auth, strings.TrimSpace(line))
			s.mu.Unlock()
			if !say(command, "235 welcome") {
				return
			}
		case "RCPT":
			s.mu.Lock()
			s.to = append(s.to, strings.TrimSpace(line))
			s.mu.Unlock()
			if !say(command, "250 ok") {
				return
			}
		case "QUIT":
			_ = say(command, "221 bye")
			return
		default:
			if !say(command, "250 ok") {
				return
			}
		}
	}
}

func (s *mailServer) destination(more string) config.Destination {
	return through("mail", "smtp://"+s.Addr().String()+"/?from=s1graph@example.com&fromname=S%C3%AF&to=a@example.com,b@example.com"+more)
}

func TestAlertsAreMailed(t *testing.T) {
	s := newMailServer(t, "", nil)
	d := newDesk(t, s.destination(""))
	m := message("mail", "a1")
	m.Title = "财务部-电脑-07\nis gone"
	require.NoError(t, d.box.Update(t.Context(), func(tx *outbox.Tx) error { return tx.Enqueue(m) }))
	assert.Zero(t, d.drain())

	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.mails, 1)
	assert.Equal(t, []string{"RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>"}, s.to)
	got, err := netmail.ReadMessage(strings.NewReader(s.mails[0]))
	require.NoError(t, err)
	subject, err := (&mime.WordDecoder{}).DecodeHeader(got.Header.Get("Subject"))
	require.NoError(t, err)
	assert.Equal(t, "财务部-电脑-07 is gone", subject)
	assert.Equal(t, "<a1@s1graph>", got.Header.Get("Message-ID"))
	from, err := netmail.ParseAddress(got.Header.Get("From"))
	require.NoError(t, err)
	assert.Equal(t, "Sï", from.Name)
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	require.NoError(t, err)
	assert.Equal(t, "It was last seen\r\nyesterday.", strings.TrimSpace(string(body)))
	assert.Equal(t, "text/plain; charset=utf-8", got.Header.Get("Content-Type"))
}

func TestAMailServerThatHangsOrFailsIsTriedAgainAndOneThatRefusesIsNot(t *testing.T) {
	for _, c := range []struct {
		hangs, fails, with string
		dead               bool
		reason             string
	}{
		{hangs: "greeting", reason: "no answer in time"},
		{hangs: "EHLO", reason: "no answer in time"},
		{hangs: "sent", reason: "no answer in time"},
		{fails: "MAIL", with: "451 later", reason: "the mail server answered 451"},
		{fails: "RCPT", with: "550 s3cretw0rd", dead: true, reason: "the mail server answered 550"},
	} {
		t.Run(c.hangs+c.fails, func(t *testing.T) {
			fails := map[string]string{}
			if c.fails != "" {
				fails[c.fails] = c.with
			}
			s := newMailServer(t, c.hangs, fails)
			desk := newDesk
			if c.hangs != "" {
				desk = newHastyDesk
			}
			d := desk(t, s.destination(""))
			d.queue("mail", "a1")
			d.drain()
			entries := append(d.queued(), d.dead()...)
			require.Len(t, entries, 1)
			assert.Equal(t, c.reason, entries[0].LastError)
			assert.Equal(t, c.dead, !entries[0].DeadSince.IsZero())
		})
	}
}

func TestAMailServerWithoutEncryptionIsRefusedWhereItIsDemanded(t *testing.T) {
	s := newMailServer(t, "", map[string]string{"EHLO": "250-mail.example\r\n250 AUTH PLAIN"})
	d := newDesk(t, s.destination("&requirestarttls=yes"))
	d.queue("mail", "a1")
	d.drain()
	require.Len(t, d.dead(), 1)
	assert.Equal(t, "the mail server offers no encryption, and requirestarttls is set", d.dead()[0].LastError)
	assert.Empty(t, s.mails)
}

// Somebody between here and the mail server can take STARTTLS out of what it offers. By 0.0.0.0 the server on this machine is
// reached under a name that is not known to be this machine.
func TestAMailServerWithoutEncryptionGetsNoCredentials(t *testing.T) {
	for auth, is := range map[string]struct{ host, more string }{
		"PLAIN":    {"0.0.0.0", "&auth=plain"},
		"XOAUTH2":  {"0.0.0.0", "&auth=oauth2"},
		"CRAM-MD5": {"0.0.0.0", "&auth=crammd5"},
		"NONE":     {"0.0.0.0", "&auth=plain&encryption=none"},
		"OFF":      {"0.0.0.0", "&auth=oauth2&usestarttls=no"},
	} {
		s := newMailServer(t, "", map[string]string{"EHLO": "250-mail.example\r\n250 AUTH PLAIN XOAUTH2 CRAM-MD5"})
		_, port, err := net.SplitHostPort(s.Addr().String())
		require.NoError(t, err)
		d := newDesk(t, through("mail", "smtp://user:"+word+"@"+is.host+":"+port+"/?from=s1graph@example.com&to=a@example.com"+is.more))
		d.queue("mail", "a1")
		d.drain()
		require.Len(t, d.queued(), 1, auth)
		assert.Equal(t, "the mail server offers no encryption, and neither a password nor a token must go without", d.queued()[0].LastError, auth)
		s.mu.Lock()
		assert.Empty(t, s.auth, auth)
		assert.Empty(t, s.mails, auth)
		s.mu.Unlock()
	}
}
