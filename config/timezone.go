package config

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	_ "time/tzdata" // a container or Windows may have no time zones of its own
)

// location is the time zone of a name such as Europe/Berlin.
func location(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil, fmt.Errorf("the time zone %q is not known: name one of the IANA database, such as Europe/Berlin or UTC", name)
	}
	return zone, nil
}

// checkTimeZone finds out whether the variable TZ names a time zone: where it does not, the times of the whole program
// would be UTC, without a word. "" is a variable that is not set. Windows has its own setting.
func checkTimeZone(tz string) error {
	tz = strings.TrimPrefix(tz, ":")
	if tz == "" || runtime.GOOS == "windows" {
		return nil
	}
	if !strings.HasPrefix(tz, "/") {
		if _, err := location(tz); err != nil {
			return fmt.Errorf("must be a time zone such as Europe/Berlin, or not set: %w", err)
		}
		return nil
	}
	content, err := os.ReadFile(tz)
	if err == nil {
		_, err = time.LoadLocationFromTZData(tz, content)
	}
	if err != nil {
		return fmt.Errorf("must be a time zone such as Europe/Berlin, or not set: the file that it names is none (%w)", err)
	}
	return nil
}
