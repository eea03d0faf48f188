package config

import (
	"os/exec"
	"path/filepath"
	"regexp"

	apitoken "s1graph/token"
)

// settleToken leaves one of Token, TokenFile and TokenCommand. The variable with the token itself ranks with the other
// variables: over the file, under the flags.
func (l *loader) settleToken() {
	c := &l.config
	if l.sources.Recording != "" || l.sources.NoConsole || l.sources.Local {
		c.Token, c.TokenFile, c.TokenCommand = Secret{}, "", nil
		return
	}
	file, _, _ := find("tokenFile")
	command, _, _ := find("tokenCommand")
	given, other := file, command
	switch byFile, byCommand := l.rank(file), l.rank(command); {
	case byFile == byCommand && byFile != notGiven:
		l.fault(l.places[command.Key], "must not be given along with %s: leave one of them out", file.Key)
		return
	case byCommand > byFile:
		given, other = command, file
		c.TokenFile = ""
	default:
		c.TokenCommand = nil
	}
	token, where, rank := l.variables[TokenVariable], l.places[given.Key], l.rank(given)
	if rank == byVariable {
		l.checkVariable(where, other)
	}
	switch {
	case rank == notGiven && token == "":
		l.fault(l.where("token"), "must be set: a file of mode 0600 by --token-file, SENTINELONE_TOKEN_FILE or tokenFile in %s, the token itself by %s, or a command that prints it by tokenCommand",
			DefaultFile, TokenVariable)
	case token != "" && rank == byVariable:
		l.fault(where, "must not be set along with %s: unset one of them", TokenVariable)
	case token != "" && rank < byVariable:
		checked, err := apitoken.Check(token)
		if err != nil {
			l.fault(TokenVariable, "%v", err)
		}
		l.checkVariable(TokenVariable, given)
		c.Token, c.TokenFile, c.TokenCommand = NewSecret(checked), "", nil
	case c.TokenFile != "":
		l.readTokenFile(where)
	case len(c.TokenCommand) > 0:
		if _, err := exec.LookPath(c.TokenCommand[0]); err != nil {
			l.fault(where, "must begin with a program that can be run: there is no %s in PATH, or it may not be run; install it, or give its absolute path", c.TokenCommand[0])
		}
	}
}

// How a setting was given, what counts for more after what counts for less.
const (
	notGiven = iota
	byTop    // of the file
	byInstance
	byVariable
	byFlag
)

func (l *loader) rank(s Setting) int {
	switch where := l.places[s.Key]; {
	case where == "":
		return notGiven
	case where == "--"+s.FlagName():
		return byFlag
	case where == s.Variable():
		return byVariable
	case l.own.get(s.Key) != nil:
		return byInstance
	}
	return byTop
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
