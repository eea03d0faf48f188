package config

import (
	"path/filepath"
	"regexp"

	apitoken "s1graph/token"
)

// settleToken leaves either Token or TokenFile. The variable with the token itself ranks with the other
// variables: over the file, under the flag.
func (l *loader) settleToken() {
	if l.sources.Recording != "" || l.sources.NoConsole || l.sources.Local {
		l.config.Token, l.config.TokenFile = Secret{}, ""
		return
	}
	token := l.variables[TokenVariable]
	where := l.places["tokenFile"]
	switch {
	case where == "" && token == "":
		l.fault(l.where("token"), "must be set: a file of mode 0600 by --token-file, SENTINELONE_TOKEN_FILE or tokenFile in %s, or the token itself by %s",
			DefaultFile, TokenVariable)
	case token != "" && where == "SENTINELONE_TOKEN_FILE":
		l.fault(where, "must not be set along with %s: unset one of them", TokenVariable)
	case token != "" && where != "--token-file":
		checked, err := apitoken.Check(token)
		if err != nil {
			l.fault(TokenVariable, "%v", err)
		}
		if setting, _, _ := find("tokenFile"); where != setting.Variable() {
			l.checkVariable(TokenVariable, setting)
		}
		l.config.Token, l.config.TokenFile = NewSecret(checked), ""
	case l.config.TokenFile != "":
		l.readTokenFile(where)
	}
}

// readTokenFile checks the file and leaves the token in it, so that it can be read again when it was
// renewed. A pipe can be read once only.
func (l *loader) readTokenFile(where string) {
	path := l.config.TokenFile
	if tokenLike.MatchString(filepath.Base(path)) {
		l.fault(where, "must be the name of a file, and seems to be the token itself: put that into a file of mode 0600")
		return
	}
	content, info, err := read(path)
	if err != nil {
		l.fault(where, "must be a file with the API token: %s", reason(path, err))
		return
	}
	token, err := apitoken.Check(string(content))
	if err != nil {
		l.fault(where, "%s: %v", path, err)
		return
	}
	if !info.Mode().IsRegular() {
		l.config.Token, l.config.TokenFile = NewSecret(token), ""
		return
	}
	if seenByOthers(info) {
		l.warn("%s can be read by other users of this machine: chmod 600 %s", path, path)
	}
}

// tokenLike matches what nobody calls a file: JSON web tokens, and 80 letters and digits.
var tokenLike = regexp.MustCompile(`^(?:eyJ[A-Za-z0-9._-]{16,}|[A-Za-z0-9]{60,})$`)
