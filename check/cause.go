package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"s1graph/config"
	"s1graph/plural"
	"s1graph/s1"
)

// tell says what the answers mean: the one cause where all went wrong, else how each thing stands.
func (c *checker) tell(ctx context.Context, client *s1.Client, a answers) {
	k, err := a.whole()
	cause := c.cause(k, err)
	if accepted := a.accepted() != ""; accepted && cause.Subject != "API" {
		c.ok("API", c.Config.APIVersion+" answers")
		c.token(a)
		c.places(ctx, client, a)
	} else if accepted {
		c.token(a)
	}
	switch misplaced := c.misplaced(); {
	case k == fine:
		c.lists(a)
		c.rateLimits(a)
	case misplaced != "": // a console may refuse what it is asked for a place that is not there
		c.skipRest("see " + misplaced)
	default:
		c.fault(cause.Subject, cause.Detail, cause.Advice)
		c.skipRest("see " + cause.Subject)
	}
}

const others = "look who else uses the token, and give s1graph a service user of its own; or set lower rateLimits"

// cause is the finding where all questions were answered in one way; err is one of the answers.
func (c *checker) cause(k kind, err error) Finding {
	e := &s1.Error{}
	if err != nil && !errors.As(err, &e) {
		e = &s1.Error{Detail: said(err)}
	}
	switch k {
	case unauthorized:
		return Finding{"token", Fault, "not accepted: " + said(err), "see that the token file, " + config.TokenVariable + " or what tokenCommand prints" +
			" is the whole token of this console, and whether it has expired, " + serviceUsers + "; only then regenerate it there, which revokes the old one"}
	case refused:
		return Finding{"role", Fault, "403 for all that was asked: " + e.Detail, "give the service user the role " + viewer + " over the whole scope, " + serviceUsers}
	case notFound:
		detail := "the console has no API " + c.Config.APIVersion + ": 404 for all that was asked"
		if c.statusAnswers {
			detail = "the console answers /system/status alone, and 404 for all that was asked with the token"
		}
		return Finding{"API", Fault, detail, "look at --api-version, which is v2.1 on today's consoles, and whether a gateway before the console lets all of /web/api pass"}
	case failing:
		return Finding{"API", Fault, "the console fails: " + e.Error(), "check again later; if it stays, ask SentinelOne's support with the path and the status"}
	case limited:
		return Finding{"rate limits", Fault, "the console refuses all as too many requests: " + e.Detail, "wait some minutes; " + others}
	case redirected:
		return Finding{"API", Fault, e.Error(), "set url to the console's own address, or ask who runs the login that stands before it to let this machine pass"}
	case foreign:
		return c.notConsole(e)
	case tokenless:
		return Finding{"token", Fault, said(err), "give the whole token of a service user, and nothing beside it, in the token file or " + config.TokenVariable + ", or as all that tokenCommand prints"}
	case broken:
		return Finding{"API", Fault, said(err), "look whether a firewall or proxy before the console holds back or cuts answers, then check again"}
	case invalid:
		return Finding{"lists", Fault, e.Error(), "the console does not accept the requests: look at --api-version, and report this to s1graph's authors with the path and the status"}
	}
	return Finding{}
}

// notConsole is the finding where something answers that is no console, or stands before one.
func (c *checker) notConsole(e *s1.Error) Finding {
	what := fmt.Sprintf("%s came for %s", e.Foreign, e.Path)
	if e.Status != 0 && e.Status != http.StatusOK {
		what = fmt.Sprintf("%d with %s", e.Status, what)
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return Finding{"API", Fault, what + ": what stands before the console wants a login of its own",
			"ask who runs it to let this machine pass, or look at the console's address in your browser"}
	case http.StatusForbidden:
		return Finding{"API", Fault, what + ": a proxy, a firewall or a CDN refuses in the console's place",
			"ask who runs it to let this machine's address pass, or look at the console's address in your browser"}
	}
	return Finding{"API", Fault, "no SentinelOne console answers here: " + what,
		"set url to the console's address as your browser shows it, such as https://example.sentinelone.net; if it is right, a proxy answers in its place"}
}

// rateLimits says whether the console found requests too many.
func (c *checker) rateLimits(a answers) {
	const subject = "rate limits"
	n := c.tooMany.Load()
	for _, l := range a.lists {
		if kindOf(l.err) == limited {
			c.fault(subject, fmt.Sprintf("the console refused %s as too many, and %s went without an answer", plural.Of(n, "request"), l.Path), others)
			return
		}
	}
	if n > 0 {
		c.warn(subject, fmt.Sprintf("the console refused %s as too many", plural.Of(n, "request")), others)
		return
	}
	c.ok(subject, "none hit")
}
