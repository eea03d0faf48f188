package s1_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// body answers every request with one body, without a socket.
type body []byte

func (b body) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(b)),
		Request:    r,
	}, nil
}

// read reads the only page of a list out of content.
func read[T any](t testing.TB, endpoint s1.Endpoint[T], content string) []T {
	client, _ := connect(t, "https://acme.sentinelone.example", func(cfg *s1.Config) { cfg.Transport = body(content) })
	for page, err := range s1.Pages(t.Context(), client, endpoint, nil) {
		require.NoError(t, err)
		return page.Rows
	}
	return nil
}

func TestTheMembersOfAnAnswerMayStandInAnyOrder(t *testing.T) {
	for _, content := range []string{
		`{"data":[{"id":"1"}],"pagination":{"totalItems":1,"nextCursor":null},"errors":[]}`,
		`{"errors":null,"pagination":null,"data":[{"id":"1"}]}`,
		"\r\n\t {\"pagination\":{\"unknown\":{\"nextCursor\":\"x\"}},\"unknown\":[[{}]],\"data\":[{\"id\":\"1\"}]} trailing",
	} {
		assert.Equal(t, []s1.Agent{{ID: "1"}}, read(t, s1.Agents, content))
	}
}

func TestAwkwardRowsAreNormalRows(t *testing.T) {
	for name, test := range map[string]struct {
		row  string
		want s1.Agent
	}{
		"null everywhere": {
			`{"id":"1","isActive":null,"networkInterfaces":null,"tags":null,"createdAt":null,"coreCount":null,"computerName":null,"cloudProviders":null,"locations":[null]}`,
			s1.Agent{ID: "1", Locations: []s1.Location{{}}},
		},
		"a row that is null":     {`null`, s1.Agent{}},
		"an id of 19 digits":     {`{"id":"1234567890123456789"}`, s1.Agent{ID: "1234567890123456789"}},
		"an id that is a number": {`{"id":1234567890123456789,"computerName":"a"}`, s1.Agent{ID: "1234567890123456789", ComputerName: "a"}},
		"values of another type": {
			`{"computerName":["x"],"id":"1","isActive":"yes","coreCount":"4","createdAt":5,"networkInterfaces":{"a":1},"tags":[1],"cloudProviders":"none","domain":true,"locations":[7,{"id":"l"}],"userActionsNeeded":"none","infected":true}`,
			s1.Agent{ID: "1", Domain: "true", Locations: []s1.Location{{}, {ID: "l"}}, Infected: s1.True, Tags: &s1.AgentTags{}},
		},
		"a name twice, the last counts": {`{"id":"1","id":"2"}`, s1.Agent{ID: "2"}},
		"names in any script":           {`{"computerName":"Ünïcødé-机器-\u202e\ud83d\ude00"}`, s1.Agent{ComputerName: "Ünïcødé-机器-\u202e😀"}},
		"bytes that are not UTF-8":      {"{\"computerName\":\"a\xffb\"}", s1.Agent{ComputerName: "a\ufffdb"}},
		"half a surrogate pair":         {`{"computerName":"a\ud800b"}`, s1.Agent{ComputerName: "a\ufffdb"}},
		"a name in another case":        {`{"ID":"1"}`, s1.Agent{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, s1.Agents, `{"data":[`+test.row+`,{"id":"next"}]}`)
			assert.Equal(t, []s1.Agent{test.want, {ID: "next"}}, got)
		})
	}
}

func TestTimesComeWithAndWithoutAFraction(t *testing.T) {
	for text, want := range map[string]s1.Time{
		`"2026-01-01T00:00:00.000000Z"`:       1767225600000,
		`"2026-01-01T00:00:00Z"`:              1767225600000,
		`"2026-01-01T00:00:00.123456Z"`:       1767225600123,
		`"2026-01-01T02:00:00+02:00"`:         1767225600000,
		`"1969-12-31T23:59:59Z"`:              -1000,
		`"2026-02-30T00:00:00Z"`:              0,
		`"yesterday"`:                         0,
		`""`:                                  0,
		`"2026-01-01T00:00:00"`:               0,
		`12`:                                  0,
		`{"$date":"2026-01-01T00:00:00Z"}`:    0,
		`"9999-12-31T23:59:59Z"`:              253402300799000,
		`"2026-01-01T00:00:00.999999999999Z"`: 1767225600999,
	} {
		got := read(t, s1.Agents, `{"data":[{"id":"1","createdAt":`+text+`}]}`)
		assert.Equal(t, []s1.Agent{{ID: "1", CreatedAt: want}}, got, text)
	}
}

func TestNumbersAreWholeOrUnknown(t *testing.T) {
	for text, want := range map[string]s1.Int{
		`0`:                   {Known: true},
		`7`:                   {Value: 7, Known: true},
		`-7.9`:                {Value: -7, Known: true},
		`1e3`:                 {Value: 1000, Known: true},
		`9223372036854775807`: {Value: 9223372036854775807, Known: true},
		`9223372036854775808`: {},
		`1e400`:               {},
		`"7"`:                 {},
		`null`:                {},
	} {
		assert.Equal(t, []s1.Agent{{CoreCount: want}}, read(t, s1.Agents, `{"data":[{"coreCount":`+text+`}]}`), text)
	}
}

func TestListsOfUnknownShapeBecomeTexts(t *testing.T) {
	for text, want := range map[string]s1.Texts{
		`["a","b"]`: {"a", "b"},
		`[{"title":"a","key":"k"},{"name":"b"},{"key":"c"},{"other":1},7,null]`: {"a", "b", "c"},
		`"a"`: {"a"},
		`""`:  nil,
		`{}`:  nil,
	} {
		got := read(t, s1.Threats, `{"data":[{"threatInfo":{"engines":`+text+`}}]}`)
		assert.Equal(t, []s1.Threat{{ThreatInfo: &s1.ThreatInfo{Engines: want}}}, got, text)
	}
}

// TestRowsAreReadAsTheyAreWritten holds the values of a recording to those of the tenant.
func TestRowsAreReadAsTheyAreWritten(t *testing.T) {
	for _, row := range []any{&s1.Account{}, &s1.Site{}, &s1.Group{}, &s1.Agent{}, &s1.Threat{}, &s1.InstalledApplication{},
		&s1.InventoryApplication{}, &s1.InventoryEndpoint{}, &s1.User{}} {
		empty, err := json.Marshal(row)
		require.NoError(t, err)
		assert.Equal(t, `{}`, string(empty), "unknown values are left out")

		fill(reflect.ValueOf(row).Elem())
		written, err := json.Marshal(row)
		require.NoError(t, err)
		again := reflect.New(reflect.TypeOf(row).Elem()).Interface()
		require.NoError(t, json.Unmarshal(written, again))
		assert.Equal(t, row, again)
	}
}

// fill gives every field of v a value.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case s1.Time:
		v.SetInt(1767225600123)
		return
	case s1.Flag:
		v.Set(reflect.ValueOf(s1.False))
		return
	case s1.Int:
		v.Set(reflect.ValueOf(s1.Int{Known: true}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(`<"\ü😀>`)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element)
		v.SetMapIndex(reflect.ValueOf("AWS"), element)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

// TestNoModelHasAFieldForASecret names what the API has and s1graph must not keep.
func TestNoModelHasAFieldForASecret(t *testing.T) {
	const row = `{"registrationToken":"hunter2","licenseKey":"hunter2","passphrase":"hunter2","token":"hunter2","apiToken":{"token":"hunter2"},
		"sku":"hunter2","threatInfo":{"maliciousProcessArguments":"hunter2"}}`
	for _, into := range []any{&s1.Account{}, &s1.Site{}, &s1.Group{}, &s1.Agent{}, &s1.Threat{}, &s1.User{}} {
		require.NoError(t, json.Unmarshal([]byte(row), into))
		written, err := json.Marshal(into)
		require.NoError(t, err)
		assert.NotContains(t, string(written), "hunter2")
	}
}

func FuzzPage(f *testing.F) {
	for _, seed := range []string{
		`{"data":[{"id":"1"}],"pagination":{"nextCursor":"b","totalItems":2},"errors":[]}`,
		`{"data":{"sites":[{"id":1}]},"errors":[{"code":1,"title":"x"}]}`,
		`{"data":[{"id":"1","networkInterfaces":[{"inet":["10.0.0.1"]}],"tags":{"sentinelone":[{"key":"a"}]}}`,
		`<html>`, `[]`, `{`, `{"data":null}`, `{"data":[null,7,"x",[]]}`, "{\"data\":[{\"computerName\":\"\xff\\ud800\"}]}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		client, _ := connect(t, "https://acme.sentinelone.example", func(cfg *s1.Config) { cfg.Transport = body(content) })
		var final *s1.Error
		rows := 0
		for page, err := range s1.Pages(t.Context(), client, s1.Agents, nil) {
			if err != nil {
				require.True(t, errors.As(err, &final), err)
				require.NotContains(t, err.Error(), "\n")
				break
			}
			rows += len(page.Rows)
		}
		values := 0
		for _, err := range client.Raw(t.Context(), "agents", nil) {
			if err != nil {
				break
			}
			values++
		}
		if final == nil && values < rows {
			t.Errorf("%d rows, but %d values", rows, values)
		}
		for _, err := range s1.Pages(t.Context(), client, s1.Sites, nil) {
			_ = err
		}
	})
}

var _ http.RoundTripper = body(nil)
