package config

import (
	"errors"
	"fmt"
	"net/url"
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
	Text     Kind = iota
	Path          // in the file a string, as Text
	Flag          // true or false
	Number        // 20 or 2.5
	Duration      // 90s, 1h30m
	List          // in the file a list; elsewhere joined with commas
	Rates         // in the file a map from path to number; elsewhere /agents=25,/threats=10
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
		return "a duration with its unit, such as 60s or 5m"
	case List:
		return "a list, such as [1, 2]"
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

func text(field func(*Config) *string, checks ...func(string) error) func(*Config, string) error {
	return func(c *Config, text string) error {
		for _, check := range checks {
			if err := check(text); err != nil {
				return err
			}
		}
		*field(c) = text
		return nil
	}
}

func flag(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, text string) error {
		on, err := strconv.ParseBool(text)
		if err != nil {
			return must(Flag.expected(), text)
		}
		*field(c) = on
		return nil
	}
}

func percent(field func(*Config) *float64) func(*Config, string) error {
	return func(c *Config, text string) error {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= 100) {
			return must("a number from 0 to 100", text)
		}
		*field(c) = n
		return nil
	}
}

func whole(field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return must("a whole number, 0 or greater", text)
		}
		*field(c) = n
		return nil
	}
}

func atLeast(least time.Duration, field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, text string) error {
		d, err := time.ParseDuration(text)
		if err != nil {
			return must(Duration.expected(), text)
		}
		if d < least {
			return must(least.String()+" or more", text)
		}
		*field(c) = d
		return nil
	}
}

func schedule(c *Config, text string) error {
	s, err := ParseSchedule(text)
	if err == nil {
		c.Interval = s
	}
	return err
}

func list(field func(*Config) *[]string, checks ...func(string) error) func(*Config, string) error {
	return func(c *Config, text string) error {
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
		*field(c) = slices.Compact(items)
		return nil
	}
}

func rates(field func(*Config) *map[string]float64) func(*Config, string) error {
	return func(c *Config, text string) error {
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
		*field(c) = limits
		return nil
	}
}

// proxy never repeats what it was given: there may be a password in it.
func proxy(c *Config, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		return errors.New("must be the URL of an http, https or socks5 proxy, such as http://proxy.example:3128")
	}
	c.Proxy = NewSecret(text)
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

var (
	isID       = like(`\d{1,20}`, "IDs as the console shows them, such as 225494730938493804")
	isInstance = like(`[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?`,
		"a name that is good for a folder: letters, digits, dots, hyphens and underscores")
)
