package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is the form of a setting's value.
type Kind int

// The kinds of values. A Path that stands in a file is relative to the file's folder.
const (
	Text      Kind = iota
	Path           // in the file a string, as Text
	Flag           // true or false
	Number         // 20 or 2.5
	Duration       // 90s, 1h30m
	List           // in the file a list; elsewhere joined with commas
	Command        // in the file a list of words; elsewhere these with blanks between
	Schedules      // in the file a string, as ParseSchedule reads it
	Intervals      // in the file a map from step to duration; elsewhere applications=6h,agents=15m
	Rates          // in the file a map from path to number; elsewhere /agents=25,/threats=10
)

// expected says what a value of the kind looks like in the file.
func (k Kind) expected() string {
	switch k {
	case Text, Path:
		return "a text (put it into quotes if it looks like a number)"
	case Flag:
		return "true or false"
	case Number:
		return "a number"
	case Duration:
		return "a duration with its unit, such as 60s, 5m or 30d"
	case Schedules:
		return "a time with its unit, such as 30m, a cron expression such as 0 */2 * * *, or DISABLED"
	case Intervals:
		return "a map from step to duration, such as {applications: 6h}"
	case List:
		return "a list, such as [1, 2]"
	case Command:
		return "a list of words, such as [vault, kv, get, -field=token, secret/sentinelone]"
	default:
		return "a map from the prefix of a path to requests per second, such as {/agents: 25}"
	}
}

// must is the fault of a value that is not what it must be. A short value is repeated, so that it is
// found; a long one could be a token that was put into the wrong place.
func must(what, value string) error {
	if value == "" || len(value) > 32 {
		return fmt.Errorf("must be %s", what)
	}
	return fmt.Errorf("must be %s, not %q", what, value)
}

// The functions below make a Setting's apply out of the field that it sets.

func text(field func(*draft) *string, checks ...func(string) error) func(*draft, string) error {
	return func(d *draft, text string) error {
		for _, check := range checks {
			if err := check(text); err != nil {
				return err
			}
		}
		*field(d) = text
		return nil
	}
}

func flag(field func(*draft) *bool) func(*draft, string) error {
	return func(d *draft, text string) error {
		on, err := strconv.ParseBool(text)
		if err != nil {
			return must(Flag.expected(), text)
		}
		*field(d) = on
		return nil
	}
}

func percent(field func(*draft) *float64) func(*draft, string) error {
	return func(d *draft, text string) error {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= 100) {
			return must("a number from 0 to 100", text)
		}
		*field(d) = n
		return nil
	}
}

func above(least float64, field func(*draft) *float64) func(*draft, string) error {
	return func(d *draft, text string) error {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n > least && n < 1e6) {
			return must(fmt.Sprintf("a number over %v", least), text)
		}
		*field(d) = n
		return nil
	}
}

func whole(least int, field func(*draft) *int) func(*draft, string) error {
	return func(d *draft, text string) error {
		n, err := wholeNumber(least, text)
		if err == nil {
			*field(d) = n
		}
		return err
	}
}

func between(least, most int, field func(*draft) *int) func(*draft, string) error {
	return func(d *draft, text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return must(fmt.Sprintf("a whole number from %d to %d", least, most), text)
		}
		*field(d) = n
		return nil
	}
}

func wholeNumber(least int, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, must(fmt.Sprintf("a whole number, %d or greater", least), text)
	}
	return n, nil
}

// parseDuration is time.ParseDuration that knows whole days too: 7d.
func parseDuration(text string) (time.Duration, error) {
	if number, inDays := strings.CutSuffix(text, "d"); inDays {
		if days, err := strconv.ParseUint(number, 10, 16); err == nil {
			return time.Duration(days) * 24 * time.Hour, nil
		}
	}
	return time.ParseDuration(text)
}

func atLeast(least time.Duration, field func(*draft) *time.Duration) func(*draft, string) error {
	return func(d *draft, text string) error {
		given, err := parseDuration(text)
		if err != nil {
			return must(Duration.expected(), text)
		}
		if given < least {
			return must(least.String()+" or more", text)
		}
		*field(d) = given
		return nil
	}
}

func schedule(d *draft, text string) error {
	s, err := ParseSchedule(text)
	if err == nil {
		d.Interval = s
	}
	return err
}

func list(field func(*draft) *[]string, checks ...func(string) error) func(*draft, string) error {
	return func(d *draft, text string) error {
		var items []string
		for item := range strings.SplitSeq(text, ",") {
			item = strings.TrimSpace(item)
			if item == "" {
				continue
			}
			for _, check := range checks {
				if err := check(item); err != nil {
					return err
				}
			}
			items = append(items, item)
		}
		slices.Sort(items)
		*field(d) = slices.Compact(items)
		return nil
	}
}

// command takes the words apart. What stands in a file has a NUL behind each, so that a word can have blanks in it.
func command(field func(*draft) *[]string) func(*draft, string) error {
	return func(d *draft, text string) error {
		words := strings.Fields(text)
		if inFile, found := strings.CutSuffix(text, "\x00"); found {
			words = strings.Split(inFile, "\x00")
		}
		program := words[0]
		if tokenLike.MatchString(program) {
			return errors.New("must be a command that prints the token, and seems to be the token itself: put that into a file of mode 0600, and name it by tokenFile")
		}
		if strings.ContainsRune(program, filepath.Separator) && !filepath.IsAbs(program) {
			return errors.New("must begin with the name of a program in PATH, or with its absolute path")
		}
		*field(d) = words
		return nil
	}
}

// severities takes words in any case, as the console has them in capitals. all and off stand alone.
func severities(d *draft, text string) error {
	var given []string
	err := list(func(*draft) *[]string { return &given }, oneOf("critical", "high", "medium", "low", "none", "all", "off"))(d, strings.ToLower(text))
	alone := slices.Contains(given, "all") || slices.Contains(given, "off")
	switch {
	case err != nil:
		return err
	case len(given) == 0 || alone && len(given) > 1:
		return must("severities, or all or off alone", text)
	}
	d.Vulnerabilities = given
	return nil
}

func rates(field func(*draft) *map[string]float64) func(*draft, string) error {
	return func(d *draft, text string) error {
		limits := map[string]float64{}
		for item := range strings.SplitSeq(text, ",") {
			path, number, _ := strings.Cut(strings.TrimSpace(item), "=")
			if !strings.HasPrefix(path, "/") {
				return must("paths that begin with a slash and their requests per second, such as /agents=25", item)
			}
			rate, err := strconv.ParseFloat(number, 64)
			if err != nil || !(rate > 0 && rate <= 10_000) {
				return fmt.Errorf("%s: %w", path, must("a number of requests per second over 0, such as 25", number))
			}
			limits[path] = rate
		}
		*field(d) = limits
		return nil
	}
}

func intervals(field func(*draft) *map[string]time.Duration) func(*draft, string) error {
	return func(d *draft, text string) error {
		every := map[string]time.Duration{}
		for item := range strings.SplitSeq(text, ",") {
			step, duration, _ := strings.Cut(strings.TrimSpace(item), "=")
			interval, err := parseDuration(duration)
			if err != nil || interval < 0 {
				return fmt.Errorf("%s: %w", step, must("a duration such as 15m or 6h, or 0s for every poll", duration))
			}
			every[step] = interval
		}
		*field(d) = every
		return nil
	}
}

// isEventsURL never repeats what it refuses: there may be a password in it.
func isEventsURL(text string) error {
	if isNATS(text) == nil {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err == nil && u.User != nil:
		return errors.New("must have no user name or password in it: put them into events.credentialsFile")
	case err != nil || u.Scheme != "https" || u.Host == "":
		return errors.New("must be an address such as nats://127.0.0.1:4222, tls://nats.example.net:4222 or https://siem.example.net/events")
	}
	return nil
}

// isNATS never repeats what it refuses: there may be a password in it.
func isNATS(text string) error {
	scheme := ""
	for address := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls"}, u.Scheme) || scheme != "" && u.Scheme != scheme {
			return errors.New("must be addresses of NATS, such as nats://a:4222,nats://b:4222,nats://c:4222, or tls:// for all")
		}
		if u.User != nil {
			return errors.New("must have no user name or password in it: put them into natsCredentials")
		}
		scheme = u.Scheme
	}
	return nil
}

// proxy never repeats what it was given: there may be a password in it.
func proxy(d *draft, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		return errors.New("must be the URL of an http, https or socks5 proxy, such as http://proxy.example:3128")
	}
	d.Proxy = NewSecret(text)
	return nil
}

func like(pattern, what string) func(string) error {
	whole := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(text string) error {
		if !whole.MatchString(text) {
			return must(what, text)
		}
		return nil
	}
}

func oneOf(words ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(words, text) {
			return must(alternatives(words), text)
		}
		return nil
	}
}

// alternatives reads "a, b or c".
func alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// isNeo4jURI does not repeat what it refuses, which may hold a password.
func isNeo4jURI(text string) error {
	u, err := url.Parse(text)
	switch {
	case err == nil && u.User != nil:
		return errors.New("must have no user name or password in it: set neo4j.username, and " + PasswordVariable + " or neo4j.passwordFile")
	case err != nil || u.Host == "" || !slices.Contains([]string{"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"}, u.Scheme):
		return errors.New("must be a bolt or neo4j address, such as neo4j://127.0.0.1:7687, bolt://127.0.0.1:7687 or neo4j+s://example.databases.neo4j.io")
	}
	return nil
}

// InTheClear is another machine to which password and graph would go for all to read; "" where there is none, or the
// network is trusted.
func (n Neo4j) InTheClear() (host string) {
	u, err := url.Parse(n.URI)
	if err != nil || n.Insecure || u.Scheme != "bolt" && u.Scheme != "neo4j" || IsLoopback(u.Hostname()) {
		return ""
	}
	return u.Host
}

// IsLoopback says whether a host is this machine for certain: localhost, 127.0.0.0/8 or ::1. A name that a server
// resolves to one of these addresses proves nothing.
func IsLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// isAddress takes HOST:PORT, :PORT for all addresses of the machine, and off.
func isAddress(text string) error {
	if strings.EqualFold(text, "off") {
		return nil
	}
	_, port, err := net.SplitHostPort(text)
	if _, invalid := strconv.ParseUint(port, 10, 16); err != nil || invalid != nil {
		return must("an address and a port, such as 127.0.0.1:8338, or off", text)
	}
	return nil
}

var (
	isID       = like(`\d{1,20}`, "IDs as the console shows them, such as 225494730938493804")
	isHost     = like(`[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*`, "names of hosts without a port, such as s1graph.example")
	isInstance = like(`[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?`,
		"a name that is good for a folder: letters, digits, dots, hyphens and underscores")
)
