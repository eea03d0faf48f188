package s1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Error is why a request came to nothing, after all that could be tried again was. It holds neither
// the token nor the query.
type Error struct {
	Status int    // of the answer; 0 where no whole answer came
	Code   int64  // SentinelOne's own, such as 4010010; 0 where it gave none
	Path   string // below the API's own, such as /agents
	Detail string // a sentence, without control characters

	// Cause is what broke where Status is 0, such as io.ErrUnexpectedEOF, or ErrBeyondBound; else nil.
	Cause error
}

// CodeOutsideScope comes with 403 where a token of one site asks for /accounts. Seen on live consoles,
// not in the API description.
const CodeOutsideScope int64 = 4030010

// Error reads like "sentinelone api 403 on /agents: Insufficient permissions".
func (e *Error) Error() string {
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(" %d", e.Status)
	}
	return fmt.Sprintf("sentinelone api%s on %s: %s", status, e.Path, e.Detail)
}

// Unwrap returns the Cause.
func (e *Error) Unwrap() error { return e.Cause }

// IsRefused says whether err is the console's answer that the token may not read this (403).
func IsRefused(err error) bool { return hasStatus(err, http.StatusForbidden) }

// IsNotFound says whether err is the console's answer that it has no such endpoint (404).
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsUnauthorized says whether err is the console's answer that the token is not valid (401).
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsInvalid says whether err is the console's answer that it does not take a parameter of the request (400).
func IsInvalid(err error) bool { return hasStatus(err, http.StatusBadRequest) }

func hasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

const wrongURL = "an HTML page came where JSON should be: the URL is probably wrong, or a proxy answered"

// errorOf reads the body of an answer that is not 200, and says whether it is the API's. A body that cannot be read
// leaves the status.
func errorOf(status int, body io.Reader) (e *Error, isAPIs bool) {
	e = &Error{Status: status, Detail: http.StatusText(status)}
	const most = 64 << 10
	content, _ := io.ReadAll(io.LimitReader(body, most))
	var answer struct {
		Errors []apiError `json:"errors"`
	}
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(content), []byte("<")):
		// Of a 5xx it is what stands before the console that answers in HTML, whatever the URL.
		if status < http.StatusInternalServerError {
			e.Detail = wrongURL
		}
	case decodeRow(content, &answer) == nil && len(answer.Errors) > 0:
		isAPIs = true
		e.Code = answer.Errors[0].Code.Value
		if detail := answer.Errors[0].text(); detail != "" {
			e.Detail = detail
		}
	}
	if status == http.StatusUnauthorized {
		// A new token would revoke this one, which is good elsewhere where it only was cut off or is another console's.
		e.Detail += "; look whether the token is whole and this console's, and in the console (Settings, Users, Service Users) whether it has expired: only then generate one anew there, which revokes the old one"
	}
	return e, isAPIs
}

// apiError is an element of the list "errors" of an answer.
type apiError struct {
	Code   Int  `json:"code"`
	Detail Text `json:"detail"`
	Title  Text `json:"title"`
}

func (e apiError) text() string {
	if e.Detail != "" {
		return clean(string(e.Detail))
	}
	return clean(string(e.Title))
}

// clean makes one line of a text that came from elsewhere.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// withoutToken takes the token out of a text that the console might have put it into, and cuts what is
// too long for a line.
func withoutToken(text, token string) string {
	text = strings.ReplaceAll(text, token, "***")
	const most = 500
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// lenient are the options for all that consoles send: they are not held to the letter of JSON.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
