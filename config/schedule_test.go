package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

func TestAScheduleKnowsItsNextTimes(t *testing.T) {
	for _, test := range []struct {
		text, after string
		next        []string
		period      time.Duration
	}{
		{"30m", "2026-11-22T21:17:05Z", []string{"2026-11-22T21:47:05Z", "2026-11-22T22:17:05Z"}, 30 * time.Minute},
		{"1h30m", "2026-11-22T23:00:00Z", []string{"2026-11-23T00:30:00Z", "2026-11-23T02:00:00Z"}, 90 * time.Minute},
		{"TZ=UTC 0 */2 * * *", "2026-11-22T21:17:05Z", []string{"2026-11-22T22:00:00Z", "2026-11-23T00:00:00Z"}, 2 * time.Hour},
		{"TZ=UTC @hourly", "2026-11-22T21:00:00Z", []string{"2026-11-22T22:00:00Z", "2026-11-22T23:00:00Z"}, time.Hour},
		{"@every 5m", "2026-11-22T21:00:00Z", []string{"2026-11-22T21:05:00Z", "2026-11-22T21:10:00Z"}, 5 * time.Minute},
		{"TZ=UTC 15 6 1 * MON", "2026-11-30T12:00:00Z", []string{"2026-12-01T06:15:00Z", "2026-12-07T06:15:00Z"}, 6 * 24 * time.Hour},
		{"TZ=Europe/Berlin 0 6 * * *", "2026-11-22T21:00:00Z", []string{"2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"}, 24 * time.Hour},
		{"TZ=Europe/Berlin 30 2 * * *", "2027-03-27T12:00:00Z", []string{"2027-03-28T01:30:00Z", "2027-03-29T00:30:00Z"}, 23 * time.Hour},
		{"TZ=Europe/Berlin 30 2 * * *", "2027-10-30T12:00:00Z", []string{"2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"}, time.Hour},
		{"TZ=Europe/Berlin 0 * * * *", "2027-10-31T00:30:00Z", []string{"2027-10-31T01:00:00Z", "2027-10-31T02:00:00Z"}, time.Hour},
	} {
		t.Run(test.text+" after "+test.after, func(t *testing.T) {
			s := every(t, test.text)
			after := moment(t, test.after)
			assert.Equal(t, test.period, s.Period(after))
			for n, want := range test.next {
				assert.Equal(t, want, s.Nth(after, n+1).Format(time.RFC3339))
			}
			assert.False(t, s.Disabled())
			assert.Equal(t, test.text, s.String())
		})
	}
}

func TestTheTimesOfACronExpressionAreLocal(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	var err error
	time.Local, err = time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	next := every(t, "0 6 * * *").Next(moment(t, "2026-11-22T21:00:00Z"))
	assert.Equal(t, "2026-11-23T00:30:00Z", next.Format(time.RFC3339), "in the zone that it was asked in")
}

func TestADisabledScheduleHasNoTimes(t *testing.T) {
	for _, s := range []config.Schedule{{}, every(t, "DISABLED"), every(t, "disabled")} {
		assert.True(t, s.Disabled())
		assert.True(t, s.Next(time.Now()).IsZero())
		assert.True(t, s.Nth(time.Now(), 3).IsZero())
		assert.Zero(t, s.Period(time.Now()))
		assert.Equal(t, "DISABLED", s.String())
	}
}

func TestAScheduleThatIsNoneIsRefusedWithTheReason(t *testing.T) {
	const forms = `must be DISABLED, a duration such as 30m, or a cron expression such as "0 */2 * * *"`
	for text, want := range map[string]string{
		"":                       forms,
		"often":                  forms + `, not "often"`,
		"59s":                    `must be at least 1m, not "59s"`,
		"-5m":                    `must be at least 1m, not "-5m"`,
		"@every 10s":             forms + `: @every duration must be at least 1m0s: "@every 10s"`,
		"@often":                 forms + `: unrecognized descriptor: "@often"`,
		"30 m":                   forms + `: expected exactly 5 fields, found 2: [30 m]`,
		"0 25 * * *":             forms + `: end of range (25) above maximum (23): "25"`,
		"0 0 30 2 *":             `must be a cron expression that comes true: there is no such day in the next years, not "0 0 30 2 *"`,
		strings.Repeat("1 ", 60): forms,
		token:                    forms,
	} {
		s, err := config.ParseSchedule(text)
		require.EqualError(t, err, want)
		assert.True(t, s.Disabled())
	}
}
