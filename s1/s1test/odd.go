package s1test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The effects in this file are those of consoles that say the right thing in an unusual form, or leave something out.
// They are made of what public bug reports say that consoles answer: texts for booleans (writer/cerebro#528 and #529),
// null and "" where the API document names neither (elastic/kibana#202483, elastic/integrations#13456), times with and
// without a fraction (demisto/content#7612).

// OddTypes writes what is right in another JSON type: "True" and 1 for booleans, texts for numbers, numbers for IDs, a
// list of one without the list, and an object in a list. Totals and the names of pages too.
func OddTypes() Effect {
	return rewrite(func(answer map[string]any) {
		n := 0
		for _, name := range slices.Sorted(maps.Keys(answer)) {
			answer[name] = oddly(name, answer[name], &n, name == "data" || name == "errors" || name == "pagination")
		}
	})
}

// oddly writes a value in another type. exact keeps the outermost list as it is, and what stands around the rows.
func oddly(name string, value any, n *int, exact bool) any {
	*n++
	switch v := value.(type) {
	case bool:
		return []any{strconv.FormatBool(v), strings.ToUpper(strconv.FormatBool(v)), map[bool]int{false: 0, true: 1}[v], []any{v}}[*n%4]
	case json.Number:
		return []any{v.String(), " " + v.String() + " ", []any{v}}[*n%3]
	case string:
		if number, err := strconv.ParseUint(v, 10, 64); err == nil && strconv.FormatUint(number, 10) == v && strings.HasSuffix(strings.ToLower(name), "id") {
			return json.Number(v)
		}
		if strings.Contains(strings.ToLower(name), "id") || *n%2 == 0 {
			return []any{v}
		}
		return v
	case []any:
		for i := range v {
			inner := oddly(name, v[i], n, exact)
			if list, ok := inner.([]any); ok && len(list) == 1 { // lists in one another mean nothing
				inner = v[i]
			}
			v[i] = inner
		}
		switch {
		case exact:
			return v
		case len(v) == 0:
			return []any{"", map[string]any{}, nil, false}[*n%4]
		case len(v) == 1 && v[0] != nil:
			return v[0]
		}
		return v
	case map[string]any:
		for _, member := range slices.Sorted(maps.Keys(v)) {
			v[member] = oddly(member, v[member], n, exact && member == "sites")
		}
		if exact {
			return v
		}
		return []any{v}
	}
	return value
}

// WithoutZones writes all times without their zone, which is UTC.
func WithoutZones() Effect {
	return rewriteTimes(func(text string, _ time.Time) any { return strings.TrimSuffix(text, "Z") })
}

// EpochTimes writes all times in milliseconds since 1970, and those of whole seconds in seconds; some as texts.
func EpochTimes() Effect {
	var n atomic.Int64
	return rewriteTimes(func(_ string, at time.Time) any {
		number := strconv.FormatInt(at.UnixMilli(), 10)
		if at.UnixMilli()%1000 == 0 {
			number = strconv.FormatInt(at.Unix(), 10)
		}
		if n.Add(1)%2 == 0 {
			return number
		}
		return json.Number(number)
	})
}

// ZeroTimes writes the given zero of a clock for all times of rows, such as 0001-01-01T00:00:00Z.
func ZeroTimes(zero string) Effect {
	return rewriteTimes(func(string, time.Time) any { return zero })
}

var anyTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+Z$`)

func rewriteTimes(write func(string, time.Time) any) Effect {
	var walk func(any) any
	walk = func(value any) any {
		switch v := value.(type) {
		case string:
			if at, err := time.Parse(time.RFC3339, v); err == nil && anyTime.MatchString(v) {
				return write(v, at)
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		case map[string]any:
			for name := range v {
				v[name] = walk(v[name])
			}
		}
		return value
	}
	return rewrite(func(answer map[string]any) { answer["data"] = walk(answer["data"]) })
}

// NoTotal leaves totalItems out.
func NoTotal() Effect {
	return rewritePagination(func(pagination map[string]any) { delete(pagination, "totalItems") })
}

// TextTotal writes totalItems as a text.
func TextTotal() Effect {
	return rewritePagination(func(pagination map[string]any) { pagination["totalItems"] = fmt.Sprint(pagination["totalItems"]) })
}

// ZeroTotal says of all lists that they have no rows.
func ZeroTotal() Effect {
	return rewritePagination(func(pagination map[string]any) { pagination["totalItems"] = 0 })
}

func rewritePagination(change func(pagination map[string]any)) Effect {
	return rewrite(func(answer map[string]any) {
		if pagination, ok := answer["pagination"].(map[string]any); ok {
			change(pagination)
		}
	})
}

// NullRows replaces the first row of each page by what is no row, such as null or {"id":null}.
func NullRows(instead string) Effect {
	return rewrite(func(answer map[string]any) {
		if rows, ok := answer["data"].([]any); ok && len(rows) > 0 {
			rows[0] = json.RawMessage(instead)
		}
	})
}

// rewrite changes an answer that says how it went well. Numbers keep all their digits.
func rewrite(change func(answer map[string]any)) Effect {
	return Effect{send: func(rw http.ResponseWriter, _ *http.Request, status int, body []byte) {
		var answer map[string]any
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if status == http.StatusOK && decoder.Decode(&answer) == nil {
			change(answer)
			if changed, err := json.Marshal(answer); err == nil {
				body = changed
			}
		}
		rw.Header().Set("Content-Length", strconv.Itoa(len(body)))
		rw.WriteHeader(status)
		_, _ = rw.Write(body)
	}}
}
