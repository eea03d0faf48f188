package s1test

import (
	"net/http"
	"strconv"
)

// Details of refusals.
const (
	// ForSiteUsers is what a console says to a token of a site that asks for /accounts (rapid7/insightconnect-plugins#189).
	ForSiteUsers = "Action is not allowed to site users"

	// NotLicensed is what a console says that was sold without what a list is a part of.
	NotLicensed = "The license of this account does not include this feature"
)

// Refused answers with 403 and a detail; "" is none. Its code is the same whatever the refusal is for.
func Refused(detail string) Effect {
	text := "null"
	if detail != "" {
		text = strconv.Quote(detail)
	}
	return StatusWith(http.StatusForbidden, nil, `{"errors":[{"code":4030010,"detail":`+text+`,"title":"Insufficient permissions"}]}`)
}
