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
			next := s.Next(after)
			assert.Equal(t, test.period, s.Next(next).Sub(next))
			for n, want := range test.next {
				assert.Equal(t, want, s.Nth(after, n+1).Format(time.RFC3339))
			}
			assert.False(t, s.Disabled())
			assert.Equal(t, test.text, s.String())
		})
	}
}

func TestNoRunIsLostWhereClocksArePutForwardOrBack(t *testing.T) {
	for _, test := range []struct {
		text, after string
		want        []string // in the time of the zone
	}{
		{"Africa/Cairo 0 0 * * *", "2026-04-23T10:00:00Z", []string{"2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"}},
		{"Africa/Cairo 30 0 * * *", "2026-04-23T10:00:00Z", []string{"2026-04-24T01:30:00+03:00", "2026-04-25T00:30:00+03:00"}},
		{"Africa/Cairo @daily", "2026-04-20T10:00:00Z", []string{"2026-04-21T00:00:00+02:00", "2026-04-22T00:00:00+02:00", "2026-04-23T00:00:00+02:00", "2026-04-24T01:00:00+03:00"}},
		{"Africa/Cairo 0 0 24 4 *", "2026-04-20T10:00:00Z", []string{"2026-04-24T01:00:00+03:00", "2027-04-24T00:00:00+02:00"}},
		{"Africa/Cairo 0 0 * * FRI", "2026-04-20T10:00:00Z", []string{"2026-04-24T01:00:00+03:00", "2026-05-01T00:00:00+03:00"}},
		{"Africa/Cairo 0 */6 * * *", "2026-04-23T15:30:00Z", []string{"2026-04-23T18:00:00+02:00", "2026-04-24T01:00:00+03:00", "2026-04-24T06:00:00+03:00"}},
		{"Africa/Cairo 0 0,1 * * *", "2026-04-23T15:30:00Z", []string{"2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"}},
		{"Africa/Cairo 15,45 * * * *", "2026-04-23T21:30:00Z", []string{"2026-04-23T23:45:00+02:00", "2026-04-24T01:15:00+03:00", "2026-04-24T01:45:00+03:00"}},
		{"Africa/Cairo 30 23 * * *", "2026-10-29T10:00:00Z", []string{"2026-10-29T23:30:00+03:00", "2026-10-29T23:30:00+02:00", "2026-10-30T23:30:00+02:00"}},
		{"America/Santiago 0 0 * * *", "2026-09-05T10:00:00Z", []string{"2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"}},
		{"America/Havana 0 0 * * SUN", "2026-03-04T10:00:00Z", []string{"2026-03-08T01:00:00-04:00", "2026-03-15T00:00:00-04:00"}},
		{"Asia/Beirut 0 0 29 3 *", "2026-03-25T10:00:00Z", []string{"2026-03-29T01:00:00+03:00", "2027-03-29T00:00:00+03:00"}},
		{"America/Sao_Paulo 0 0 * * *", "2018-11-03T10:00:00Z", []string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		{"Europe/Berlin 0 2,3 * * *", "2026-03-28T10:00:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
		{"Australia/Lord_Howe 15,35 2 * * *", "2026-10-01T10:00:00Z", []string{"2026-10-02T02:15:00+10:30", "2026-10-02T02:35:00+10:30", "2026-10-03T02:15:00+10:30", "2026-10-03T02:35:00+10:30", "2026-10-04T02:35:00+11:00", "2026-10-04T02:45:00+11:00"}},
		{"Pacific/Apia 0 6 * * *", "2011-12-29T10:00:00Z", []string{"2011-12-29T06:00:00-10:00", "2011-12-31T06:00:00+14:00", "2012-01-01T06:00:00+14:00"}}, // there was no 30th
		{"Pacific/Apia 0 6 30 12 *", "2011-12-29T10:00:00Z", []string{"2011-12-31T06:00:00+14:00", "2012-12-30T06:00:00+14:00"}},
	} {
		zone, err := time.LoadLocation(strings.Fields(test.text)[0])
		require.NoError(t, err)
		at := moment(t, test.after)
		for n, want := range test.want {
			at = every(t, "TZ="+test.text).Next(at)
			assert.Equal(t, want, at.In(zone).Format(time.RFC3339), "%s, number %d", test.text, n)
		}
	}
}

func TestEachHourHasItsRunAllYearWhateverTheClocksDo(t *testing.T) {
	for _, zone := range []string{"Africa/Cairo", "Europe/Berlin", "America/Santiago", "Africa/Casablanca", "Asia/Kolkata", "UTC"} {
		s := every(t, "TZ="+zone+" 0 * * * *")
		at := moment(t, "2026-01-01T00:30:00Z")
		for range 366 * 24 {
			next := s.Next(at)
			require.True(t, next.After(at) && next.Sub(at) <= time.Hour, "%s: %s follows %s", zone, next, at)
			at = next
		}
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
		assert.Equal(t, "DISABLED", s.String())
	}
}

func TestAScheduleThatIsNoneIsRefusedWithTheReason(t *testing.T) {
	const forms = `must be DISABLED, a duration such as 30m, or a cron expression such as "0 */2 * * *"`
	for text, want := range map[string]string{
		"":                           forms,
		"often":                      forms + `, not "often"`,
		"59s":                        `must be at least 1m, not "59s"`,
		"-5m":                        `must be at least 1m, not "-5m"`,
		"@every 10s":                 forms + `: @every duration must be at least 1m0s: "@every 10s"`,
		"TZ=Europe/Berlim 0 6 * * *": forms + `: the time zone "Europe/Berlim" is not known: name one of the IANA database, such as Europe/Berlin or UTC`,
		"TZ= 0 6 * * *":              forms + `: the time zone "" is not known: name one of the IANA database, such as Europe/Berlin or UTC`,
		"@often":                     forms + `: unrecognized descriptor: "@often"`,
		"30 m":                       forms + `: expected exactly 5 fields, found 2: [30 m]`,
		"0 25 * * *":                 forms + `: end of range (25) above maximum (23): "25"`,
		"0 0 30 2 *":                 `must be a cron expression that comes true: there is no such day in the next years, not "0 0 30 2 *"`,
		strings.Repeat("1 ", 60):     forms,
		token:                        forms,
	} {
		s, err := config.ParseSchedule(text)
		require.EqualError(t, err, want)
		assert.True(t, s.Disabled())
	}
}
