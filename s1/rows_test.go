package s1_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

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

// slow answers byte by byte.
type slow struct{ body }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.body.RoundTrip(r)
	response.Body = io.NopCloser(iotest.OneByteReader(response.Body))
	return response, err
}

// read reads the only page of a list out of content.
func read[T any](t testing.TB, endpoint s1.Endpoint[T], content string) []T {
	return readFrom(t, body(content), endpoint)
}

func readFrom[T any](t testing.TB, transport http.RoundTripper, endpoint s1.Endpoint[T]) []T {
	client, _ := connect(t, "https://acme.sentinelone.example", func(cfg *s1.Config) { cfg.Transport = transport })
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
		"a row that is a text":   {`"1"`, s1.Agent{}},
		"a row that is a number": {`1`, s1.Agent{}},
		"a row that is a list":   {`[{"id":"1"}]`, s1.Agent{}},
		"an id that is an object": {`{"id":{"id":7,"name":"x"},"siteId":{"name":"x"},"groupId":true,"siteName":{"id":"7","name":"x"}}`,
			s1.Agent{ID: "7", SiteName: "x"}},
		"more than one of what there is one": {`{"id":"1","computerName":["a","b"],"domain":[["a"]],"proxyStates":[{"console":true},{}],"coreCount":[1,2]}`,
			s1.Agent{ID: "1", ProxyStates: &s1.ProxyStates{}}},
		"nothing, of all kinds": {`{"id":"1","userActionsNeeded":"","networkInterfaces":{},"locations":false,"cloudProviders":[],"missingPermissions":" ","computerName":[]}`,
			s1.Agent{ID: "1"}},
		"an id of 19 digits":     {`{"id":"1234567890123456789"}`, s1.Agent{ID: "1234567890123456789"}},
		"an id that is a number": {`{"id":1234567890123456789,"computerName":"a"}`, s1.Agent{ID: "1234567890123456789", ComputerName: "a"}},
		"values of another type": {
			`{"computerName":["x"],"id":"1","isActive":"yes","coreCount":"4","createdAt":5,"networkInterfaces":{"a":1},"tags":[1],"cloudProviders":"none","domain":true,"locations":[7,{"id":"l"}],"userActionsNeeded":"none","infected":true}`,
			s1.Agent{
				ID: "1", ComputerName: "x", IsActive: s1.True, CoreCount: s1.Int{Value: 4, Known: true}, Domain: "true", Infected: s1.True,
				Locations: []s1.Location{{}, {ID: "l"}}, NetworkInterfaces: []s1.NetworkInterface{{}}, Tags: &s1.AgentTags{}, UserActionsNeeded: []string{"none"},
			},
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

// A row that is not as the API document has it is read a second time, wherever the pieces end in which the answer comes.
func TestARowIsReadASecondTimeWithAllThatStandsInIt(t *testing.T) {
	var content strings.Builder
	var want []s1.Agent
	for i, name := range []string{"a", strings.Repeat("long ", 50_000), "a", "", strings.Repeat("long ", 2000)} {
		id := fmt.Sprint(1 + i)
		fmt.Fprintf(&content, ` , {"computerName":%q,"networkInterfaces":{"name":"eth0"},"id":%s , "uuid":"}]"} ,{"id":"10%[2]s","computerName":"as it should be"}`, name, id)
		want = append(want,
			s1.Agent{ID: id, ComputerName: name, UUID: "}]", NetworkInterfaces: []s1.NetworkInterface{{Name: "eth0"}}},
			s1.Agent{ID: "10" + id, ComputerName: "as it should be"})
	}
	answer := `{"pagination":{"totalItems":10},"data":[` + strings.TrimPrefix(content.String(), " ,") + `]}`
	assert.Equal(t, want, read(t, s1.Agents, answer))
	assert.Equal(t, want, readFrom(t, slow{body(answer)}, s1.Agents))
}

func TestTimesComeWithAndWithoutAFraction(t *testing.T) {
	for text, want := range map[string]s1.Time{
		`"2026-01-01T00:00:00.000000Z"`:       1767225600000,
		`"2026-01-01T00:00:00Z"`:              1767225600000,
		`"2026-01-01T00:00:00.123456Z"`:       1767225600123,
		`"2026-01-01T02:00:00+02:00"`:         1767225600000,
		`"1969-12-31T23:59:59Z"`:              0,
		`"2026-02-30T00:00:00Z"`:              0,
		`"yesterday"`:                         0,
		`""`:                                  0,
		`"2026-01-01T00:00:00"`:               1767225600000,
		`12`:                                  0,
		`"2026-01-01T00:00:00.123456"`:        1767225600123,
		`"2026-01-01 00:00:00"`:               1767225600000,
		`"2026-01-01 00:00:00.123"`:           1767225600123,
		`"2026-01-01 02:00:00+02:00"`:         1767225600000,
		`"2026-01-01 02:00:00 +0200"`:         1767225600000,
		`"2026-01-01 00:00:00 UTC"`:           1767225600000,
		`" 2026-01-01t00:00:00z "`:            1767225600000,
		`"2026-01-01T02:00:00+02"`:            1767225600000,
		`"2026-01-01T00:00"`:                  1767225600000,
		`"2026-01-01"`:                        1767225600000,
		`["2026-01-01T00:00:00Z"]`:            1767225600000,
		`1767225600`:                          1767225600000,
		`"1767225600"`:                        1767225600000,
		`1767225600.123`:                      1767225600123,
		`1767225600123`:                       1767225600123,
		`"1767225600123"`:                     1767225600123,
		`1.767225600123e12`:                   1767225600123,
		`0`:                                   0,
		`-1`:                                  0,
		`-62135596800`:                        0, // year 1 in seconds
		`1e300`:                               0,
		`"0001-01-01T00:00:00Z"`:              0,
		`"1601-01-01T00:00:00Z"`:              0,
		`"1899-12-30T00:00:00Z"`:              0,
		`"1970-01-01T00:00:00Z"`:              0,
		`"1970-01-01T00:00:00.000000Z"`:       0,
		`"1970-01-01"`:                        0,
		`"1970-01-01T01:00:00"`:               0, // written where the clock is an hour ahead
		`"1980-01-01T00:00:00Z"`:              0,
		`"1980-01-02T00:00:00Z"`:              315619200000,
		`true`:                                0,
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
		`"7"`:                 {Value: 7, Known: true},
		`" 7 "`:               {Value: 7, Known: true},
		`"-7.9"`:              {Value: -7, Known: true},
		`[7]`:                 {Value: 7, Known: true},
		`"seven"`:             {},
		`"1,024"`:             {}, // in Germany a little more than 1
		`""`:                  {},
		`"NaN"`:               {},
		`true`:                {},
		`null`:                {},
	} {
		assert.Equal(t, []s1.Agent{{CoreCount: want}}, read(t, s1.Agents, `{"data":[{"coreCount":`+text+`}]}`), text)
	}
}

func TestBooleansAreReadHoweverTheyAreWritten(t *testing.T) {
	for text, want := range map[string]s1.Flag{
		`true`: s1.True, `"true"`: s1.True, `"True"`: s1.True, `" TRUE "`: s1.True, `1`: s1.True, `"1"`: s1.True, `"yes"`: s1.True, `"on"`: s1.True, `[true]`: s1.True,
		`false`: s1.False, `"false"`: s1.False, `"False"`: s1.False, `0`: s1.False, `"0"`: s1.False, `"No"`: s1.False, `"off"`: s1.False,
		`null`: s1.Unknown, `""`: s1.Unknown, `2`: s1.Unknown, `-1`: s1.Unknown, `"N/A"`: s1.Unknown, `{}`: s1.Unknown, `[true,false]`: s1.Unknown,
	} {
		assert.Equal(t, []s1.Agent{{ID: "1", IsActive: want}}, read(t, s1.Agents, `{"data":[{"isActive":`+text+`,"id":"1"}]}`), text)
	}
}

// TestNoFieldOfAnyRowCostsMoreThanItself gives each field of each row, one after another, what does not belong there.
func TestNoFieldOfAnyRowCostsMoreThanItself(t *testing.T) {
	assertEachField(t, s1.Accounts, "%s", s1.Account{Name: "kept"})
	assertEachField(t, s1.Sites, `{"sites":%s}`, s1.Site{Name: "kept"})
	assertEachField(t, s1.Groups, "%s", s1.Group{Name: "kept"})
	assertEachField(t, s1.Agents, "%s", s1.Agent{ComputerName: "kept"})
	assertEachField(t, s1.Threats, "%s", s1.Threat{WhiteningOptions: []string{"kept"}})
	assertEachField(t, s1.InstalledApplications, "%s", s1.InstalledApplication{Name: "kept"})
	assertEachField(t, s1.Inventory, "%s", s1.InventoryApplication{ApplicationName: "kept"})
	assertEachField(t, s1.InventoryEndpoints, "%s", s1.InventoryEndpoint{ApplicationName: "kept"})
}

func assertEachField[T any](t *testing.T, endpoint s1.Endpoint[T], data string, kept T) {
	around, err := json.Marshal(kept)
	require.NoError(t, err)
	fields := 0
	var try func(typ reflect.Type, get func(T) reflect.Value, path, before, after string)
	try = func(typ reflect.Type, get func(T) reflect.Value, path, before, after string) {
		fields++
		row := func(value string) (one T, found reflect.Value) {
			text := strings.TrimSuffix(string(around), "}") + "," + strings.TrimPrefix(before+value+after, "{")
			rows := read(t, endpoint, `{"data":`+fmt.Sprintf(data, "["+text+"]")+`}`)
			require.Len(t, rows, 1, text)
			return rows[0], get(rows[0])
		}
		for _, odd := range []string{`null`, `true`, `7`, `7.5`, `1e999`, `"x"`, `""`, `[]`, `[null]`, `["x"]`, `[7,8]`, `[[["x"]]]`, `{}`, `{"a":1}`, `[{"a":{}}]`} {
			one, _ := row(odd)
			assert.Equal(t, "kept", keptOf(one), "%s: %s", path, odd)
		}
		for odd, want := range meanings(typ, path) {
			_, got := row(odd)
			if assert.True(t, got.IsValid(), "%s: %s", path, odd) {
				assert.Equal(t, want, got.Interface(), "%s: %s", path, odd)
			}
		}
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			outer := get
			switch typ.Kind() {
			case reflect.Pointer:
				get = func(row T) reflect.Value { return reflect.Indirect(outer(row)) }
			case reflect.Slice:
				before, after = before+"[", "]"+after
				get = func(row T) reflect.Value {
					if list := outer(row); list.IsValid() && list.Len() > 0 {
						return list.Index(0)
					}
					return reflect.Value{}
				}
			case reflect.Map:
				before, after = before+`{"AWS":`, "}"+after
				get = func(row T) reflect.Value {
					if m := outer(row); m.IsValid() {
						return m.MapIndex(reflect.ValueOf("AWS"))
					}
					return reflect.Value{}
				}
			}
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[s1.Int]() {
			return
		}
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			try(typ.Field(i).Type, func(row T) reflect.Value {
				if in := get(row); in.IsValid() {
					return in.Field(i)
				}
				return reflect.Value{}
			}, path+"/"+name, before+`{"`+name+`":`, "}"+after)
		}
	}
	typ := reflect.TypeFor[T]()
	for i := range typ.NumField() {
		if !reflect.ValueOf(kept).Field(i).IsZero() {
			continue
		}
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		try(typ.Field(i).Type, func(row T) reflect.Value { return reflect.ValueOf(row).Field(i) }, "/"+name, `{"`+name+`":`, "}")
	}
	assert.GreaterOrEqual(t, fields, typ.NumField()-1)
}

// keptOf is the value of the field that assertEachField gives no odd value.
func keptOf(row any) string {
	v := reflect.ValueOf(row)
	for _, name := range []string{"Name", "ComputerName", "ApplicationName", "WhiteningOptions"} {
		if f := v.FieldByName(name); f.IsValid() {
			return strings.Trim(fmt.Sprint(f.Interface()), "[]")
		}
	}
	return ""
}

// meanings are values of another JSON type than a field has, and what each can only mean.
func meanings(typ reflect.Type, path string) map[string]any {
	switch typ {
	case reflect.TypeFor[s1.Flag]():
		return map[string]any{`"true"`: s1.True, `"False"`: s1.False, `1`: s1.True, `["no"]`: s1.False}
	case reflect.TypeFor[s1.Int]():
		return map[string]any{`"3"`: s1.Int{Value: 3, Known: true}, `[3.0]`: s1.Int{Value: 3, Known: true}, `true`: s1.Int{}}
	case reflect.TypeFor[s1.Time]():
		return map[string]any{`"2026-01-01T00:00:00"`: s1.Time(1767225600000), `1767225600`: s1.Time(1767225600000), `"0001-01-01T00:00:00Z"`: s1.Time(0)}
	case reflect.TypeFor[[]string]():
		return map[string]any{`"x"`: []string{"x"}, `7`: []string{"7"}, `[7]`: []string{"7"}, `{"name":"x"}`: []string{"x"}}
	case reflect.TypeFor[s1.Texts]():
		return map[string]any{`"x"`: s1.Texts{"x"}, `7`: s1.Texts{"7"}, `{"title":"x"}`: s1.Texts{"x"}}
	}
	if typ.Kind() != reflect.String {
		return nil
	}
	text := func(s string) any { return reflect.ValueOf(s).Convert(typ).Interface() }
	isID := strings.HasSuffix(strings.ToLower(path), "id")
	want := map[string]any{`7`: text("7"), `["x"]`: text("x")}
	if isID && typ == reflect.TypeFor[string]() {
		want[`{"id":"x","name":"y"}`], want[`true`] = text("x"), text("")
	} else {
		want[`{"name":"x"}`], want[`true`] = text("x"), text("true")
	}
	return want
}

func TestListsOfUnknownShapeBecomeTexts(t *testing.T) {
	for text, want := range map[string]s1.Texts{
		`["a","b"]`: {"a", "b"},
		`[{"title":"a","key":"k"},{"name":"b"},{"key":"c"},{"other":1},7,null]`: {"a", "b", "c", "7"},
		`"a"`:                         {"a"},
		`{"name":"a"}`:                {"a"},
		`[{"title":["a"],"key":"k"}]`: {"a"},
		`""`:                          nil,
		`{}`:                          nil,
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
