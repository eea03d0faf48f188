package s1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Error is why a request came to nothing, after all that could be tried again was. It holds neither
// the token nor the query.
type Error struct {
	Status int    // of the answer; 0 where no whole answer came
	Code   int64  // SentinelOne's own, such as 4010010; 0 where it gave none. Every refusal has 4030010, whatever for
	Path   string // below the API's own, such as /agents
	Detail string // a sentence, without control characters

	// Foreign says what came where an answer of the API should be, such as "a web page"; "" where the API answered, or nobody.
	Foreign string

	// Cause is what broke where Status is 0, such as io.ErrUnexpectedEOF, or ErrBeyondBound; else nil.
	Cause error
}

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

// IsGone says whether err is the console's answer that it has something no more (410).
func IsGone(err error) bool { return hasStatus(err, http.StatusGone) }

// IsUnauthorized says whether err is the console's answer that the token is not valid (401).
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsInvalid says whether err is the console's answer that it does not take a parameter of the request (400).
func IsInvalid(err error) bool { return hasStatus(err, http.StatusBadRequest) }

// What a refusal's detail says: "Action is not allowed to site users" (rapid7/insightconnect-plugins#189), or that
// something is no part of what was bought. A detail that speaks of what the user may do is about the user's role.
var (
	siteUsers = regexp.MustCompile(`(?i)\bsite([ -](level|scoped?))?[ -]users?\b`)
	features  = regexp.MustCompile(`(?i)\b(licen[cs]\w*|features?|modules?|add-?ons?|skus?|bundles?|subscriptions?|entitle\w*|not (enabled|available|activated|included|purchased|part of))\b`)
	mayNot    = regexp.MustCompile(`(?i)\b(permissions?|roles?|rights?|privileges?|authori[sz]ed|users?)\b`)
)

// IsRefusedToSiteUsers says whether err is a refusal whose detail says that users of a site may not.
func IsRefusedToSiteUsers(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && IsRefused(e) && siteUsers.MatchString(e.Detail)
}

// IsUnlicensed says whether err is a refusal whose detail names a feature, such as "License does not include Ranger".
func IsUnlicensed(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && IsRefused(e) && features.MatchString(e.Detail) && !mayNot.MatchString(e.Detail)
}

// NamesFeature says whether err is the answer to a request that the console does not accept (400) whose detail names a
// feature.
func NamesFeature(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && IsInvalid(e) && features.MatchString(e.Detail) && !mayNot.MatchString(e.Detail)
}

func hasStatus(err error, status int) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == status
}

const wrongURL = "an HTML page came where JSON should be: the URL is probably wrong, or a proxy answered"

// What an Error can have as Foreign.
const (
	webPage   = "a web page"
	otherJSON = "JSON that is not SentinelOne's"
	noJSON    = "something that is not JSON"
	redirect  = "a redirect"
)

// errorOf reads the body of an answer that is not 200, and says whether it is the API's. A body that cannot be read
// leaves the status.
func errorOf(status int, body io.Reader) (e *Error, isAPIs bool) {
	e = &Error{Status: status, Detail: http.StatusText(status)}
	const most = 64 << 10
	content, _ := io.ReadAll(io.LimitReader(body, most))
	var answer struct {
		Errors []apiError `json:"errors"`
	}
	err := decodeRow(content, &answer)
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(content), []byte("<")):
		e.Foreign = webPage
		// Where a 5xx comes with HTML, what stands before the console answers, whatever the URL.
		if status < http.StatusInternalServerError {
			e.Detail = wrongURL
		}
	case err != nil:
		e.Foreign = noJSON
	case len(answer.Errors) == 0:
		e.Foreign = otherJSON
	default:
		isAPIs = true
		e.Code = answer.Errors[0].Code.Value
		if detail := answer.Errors[0].text(); detail != "" {
			e.Detail = detail
		}
	}
	if status == http.StatusUnauthorized && e.Foreign != webPage {
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
