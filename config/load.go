package config

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	apitoken "s1graph/token"
)

// Fault is one thing that is wrong with a setting.
type Fault struct {
	Where  string // FILE:LINE:COLUMN: KEY, or the name of a flag or of a variable
	Detail string // what it must be, or what to do
}

// Error is one line.
func (f Fault) Error() string { return f.Where + ": " + f.Detail }

// Faults are all that is wrong, in the order file, environment, flags, and then what is wrong with
// them together.
type Faults []Fault

// Error has one line a fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Load reads what there is and checks it. Where the file has a list of instances, it is the one that a flag or
// a variable names, or the only one. An error is of type Faults and has all of them.
func Load(s Sources) (*Config, error) {
	loaded, err := load(s, false)
	if err != nil {
		return nil, err
	}
	return &loaded[0].config.Config, nil
}

func load(s Sources, several bool) ([]*loader, error) {
	r := newReading(s)
	loaded := r.settle(r.choose(several))
	if len(loaded) > 1 {
		r.refuseForSeveral()
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return loaded, nil
}

// reading is what is read once, however many instances there are.
type reading struct {
	sources    Sources
	variables  map[string]string // of the environment, those that are not empty
	path       string            // of the file, be there one or not
	top        *layer
	instances  []*layer // in the file's order
	hasSecrets bool     // the file has some in it
	warnings   []string
	faults     Faults
	refused    bool // the file is not to be read: what it would have set is no fault beside that
}

func newReading(s Sources) *reading {
	r := &reading{sources: s, variables: s.variables(), top: newLayer("", "")}
	for _, line := range s.Environment {
		if zone, isZone := strings.CutPrefix(line, "TZ="); isZone { // which is taken with the blanks around it
			if err := checkTimeZone(zone); err != nil {
				r.fault("TZ", "%v", err)
			}
		}
	}
	r.readFile()
	return r
}

// settle makes a Config of each layer and the top level, or finds what is wrong.
func (r *reading) settle(layers []*layer) []*loader {
	loaded := make([]*loader, len(layers))
	for i, own := range layers {
		loaded[i] = &loader{reading: r, own: own, config: newDraft(), places: map[string]string{}, broken: map[string]bool{}}
		loaded[i].takeFile()
	}
	r.sortFaults()
	for _, l := range loaded {
		l.config.Warnings = append(slices.Clone(r.warnings), l.config.Warnings...)
		l.readEnvironment()
		l.readFlags()
		l.settleURL()
		l.settleToken()
		l.settleInstance()
		l.settleNeo4j()
		l.checkRest()
	}
	return loaded
}

// fault notes what is wrong, once: what the top level says is met with each instance.
func (r *reading) fault(where, format string, args ...any) {
	if fault := (Fault{where, fmt.Sprintf(format, args...)}); !slices.Contains(r.faults, fault) {
		r.faults = append(r.faults, fault)
	}
}

func (r *reading) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// sortFaults brings the faults of the file into its order.
func (r *reading) sortFaults() {
	position := func(f Fault) (line, column int) {
		if _, err := fmt.Sscanf(strings.TrimPrefix(f.Where, r.path), ":%d:%d", &line, &column); err != nil {
			return math.MaxInt, 0
		}
		return line, column
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		lineA, columnA := position(a)
		lineB, columnB := position(b)
		return cmp.Or(cmp.Compare(lineA, lineB), cmp.Compare(columnA, columnB))
	})
}

// loader puts one layer over the other and remembers where each value came from.
type loader struct {
	*reading
	own    *layer // what the file says of this instance alone; empty where there is no list of instances
	config draft
	places map[string]string // by Setting.Key: where the value in config comes from
	broken map[string]bool   // by Setting.Key: given, and already known to be wrong
}

// takeFile takes what the file says. Its faults were told when it was read.
func (l *loader) takeFile() {
	for _, values := range [][]given{l.top.values, l.own.values} {
		for _, value := range values {
			key := value.setting.Key
			l.places[key], l.broken[key] = value.where, value.broken
			if !value.broken {
				_ = value.setting.apply(&l.config, value.value)
			}
		}
	}
	l.readAlerts()
	l.readPosture()
}

// where is the place that a setting was given at, or at which it is missing.
func (l *loader) where(key string) string {
	switch {
	case l.places[key] != "":
		return l.places[key]
	case l.own.name != "":
		return l.own.place + ": " + l.own.name + "." + key
	default:
		return key
	}
}

// set puts one value over what is there.
func (l *loader) set(s Setting, where, value string) {
	l.places[s.Key] = where
	if err := s.apply(&l.config, value); err != nil {
		l.reject(s.Key, where, err.Error())
	}
}

// reject notes that a value is wrong, so that its absence is not a second fault.
func (l *loader) reject(key, where, detail string) {
	l.broken[key] = true
	l.fault(where, "%s", detail)
}

func (l *loader) readFlags() {
	for _, s := range settings {
		value, given := l.sources.Flags[s.Key]
		if !given {
			continue
		}
		where := "--" + s.FlagName()
		if u, err := url.Parse(value); s.Key == "proxy" && err == nil && u.User != nil {
			l.reject(s.Key, where, "must have no password, which others could see; use "+s.Variable()+" or the configuration file")
			continue
		}
		l.set(s, where, value)
	}
}

func (l *loader) settleURL() {
	if l.sources.Recording != "" || l.sources.NoConsole {
		l.config.URL = ""
		return
	}
	given := l.config.URL
	where := l.where("url")
	switch {
	case given == "" && l.sources.Local: // settleInstance says what is missing
	case given == "" && !l.broken["url"]:
		l.fault(where, "must be set: the console's address, by --url, SENTINELONE_URL or url in %s", l.fileToWrite())
	case strings.Contains(given, "@"):
		l.fault(where, "must have no user name or password in it")
	default:
		normal, err := l.sources.NormalizeURL(given)
		if err != nil {
			l.fault(where, "%v", err)
		}
		l.config.URL = normal
	}
}

// fileToWrite is the file that a missing setting can be written to, and what writes it where there is none.
func (l *loader) fileToWrite() string {
	if isMissing(l.path) {
		return DefaultFile + ", which s1graph init writes"
	}
	return DefaultFile
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// written names the instances that have a graph in the usual folder, behind a semicolon; "" where there are none.
func written() string {
	graphs, _ := filepath.Glob(filepath.Join(defaultDir("*"), "current")) // the pattern is a good one
	for i, graph := range graphs {
		graphs[i] = filepath.Base(filepath.Dir(graph))
	}
	if len(graphs) == 0 {
		return ""
	}
	return "; there are graphs of " + strings.Join(graphs, ", ")
}

var unsafeInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func (l *loader) settleInstance() {
	if l.config.Instance == "" && !l.broken["instance"] {
		name := l.sources.Recording
		if u, err := url.Parse(l.config.URL); name == "" && err == nil {
			name = u.Hostname()
		}
		l.config.Instance = strings.Trim(unsafeInName.ReplaceAllString(name, "-"), "-._")
		if l.sources.NoConsole && l.config.Instance == "" {
			return // what asks the database alone may ask of all instances
		}
		if name == "" && l.sources.Local && l.config.Dir == "" && l.places["url"] == "" {
			l.fault("instance", "must be set: the name of the instance, by --instance, S1GRAPH_INSTANCE or instance in %s%s", l.fileToWrite(), written())
		}
		if name != "" && isInstance(l.config.Instance) != nil {
			l.fault("instance", "must be set by --instance: no name for a folder can be made of %q", name)
		}
	}
	l.config.Dir = cmp.Or(l.config.Dir, defaultDir(l.config.Instance))
}

// settleNeo4j makes sure that the database can be reached where it is needed.
func (l *loader) settleNeo4j() {
	if l.sources.Local && !l.sources.Stores {
		return
	}
	c := &l.config.Neo4j
	if c.PasswordFile != "" {
		content, err := readText(c.PasswordFile)
		password := strings.TrimRight(string(content), "\r\n")
		if err == nil && password == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			l.fault(l.places["neo4j.passwordFile"], "must be a file with the password of the database's user: %s", reason(c.PasswordFile, err))
		}
		c.Password = NewSecret(password)
	}
	if password := l.variables[PasswordVariable]; password != "" {
		if c.PasswordFile != "" {
			l.fault(l.places["neo4j.passwordFile"], "must not be set along with %s: unset one of them", PasswordVariable)
		}
		c.Password = NewSecret(password)
	}
	c.IsUnused = c.URI != "" && l.places["store"] == ""
	if !l.config.HasNeo4j() && !l.sources.NoConsole {
		return
	}
	if c.URI == "" && !l.broken["neo4j.uri"] {
		l.fault(l.where("neo4j.uri"), "must be set: the address of the database, by --neo4j-uri, NEO4J_URI or neo4j.uri in %s", DefaultFile)
	}
	if !c.Password.IsSet() && c.PasswordFile == "" {
		l.fault(l.where("neo4j.password"), "must be set: by %s, or a file by --neo4j-password-file, NEO4J_PASSWORD_FILE or neo4j.passwordFile in %s", PasswordVariable, DefaultFile)
	}
	if host := c.InTheClear(); host != "" && !l.broken["neo4j.insecure"] {
		l.fault(l.where("neo4j.uri"), "must have a scheme that encrypts (neo4j+s, bolt+s, neo4j+ssc or bolt+ssc), since the password and the graph go to %s; "+
			"if you trust the network between, say so by --neo4j-insecure, NEO4J_INSECURE=true or neo4j.insecure: true in %s", host, DefaultFile)
	}
}

func (l *loader) checkRest() {
	for _, step := range l.config.Skip {
		if !slices.Contains(l.sources.Steps, step) {
			l.fault(l.places["skip"], "%v", must(alternatives(l.sources.Steps), step))
		}
	}
	for _, step := range slices.Sorted(maps.Keys(l.config.Every)) {
		if !slices.Contains(l.sources.Steps, step) {
			l.fault(l.places["every"], "%v", must(alternatives(l.sources.Steps), step))
		}
	}
	if l.config.NATS != "" && l.config.State == "" && !l.broken["state"] {
		l.fault(l.places["nats"], "must not be set without state: workers that share instances need a bucket in which each finds what the last one left (--state)")
	}
	if path := l.config.NATSCredentials; path != "" {
		if _, err := readText(path); err != nil {
			l.fault(l.places["natsCredentials"], "must be a file with the credentials of NATS: %s", reason(path, err))
		}
	}
	if l.config.State != "" {
		if l.sources.CheckState != nil {
			if err := l.sources.CheckState(l.config.State); err != nil {
				l.fault(l.places["state"], "%v", err)
			}
		}
		if l.config.Worker == "" {
			l.config.Worker, _ = os.Hostname()
		}
		l.config.Worker = cmp.Or(l.config.Worker, "localhost")
	}
	if l.config.TagAccountName && l.config.AccountName == "" {
		l.fault(l.places["tagAccountName"], "must be left out, or accountName be set: there is no name to put on the entities")
	}
	if path := l.config.Events.CredentialsFile; path != "" {
		switch content, info, err := read(path); {
		case err != nil, len(bytes.TrimSpace(content)) == 0:
			l.fault(l.places["events.credentialsFile"], "must be a file of mode 0600 that holds credentials: %s", reason(path, cmp.Or(err, errors.New("it is empty"))))
		case seenByOthers(info):
			l.warn("%s can be read by other users of this machine: chmod 600 %s", path, path)
		}
	}
	if events := l.config.Events; strings.HasPrefix(events.URL, "nats:") {
		for address := range strings.SplitSeq(events.URL, ",") {
			if u, err := url.Parse(address); err == nil && !IsLoopback(u.Hostname()) {
				l.warn("events.url: what changed goes to %s unencrypted, unless its NATS demands TLS: tls:// in place of nats:// makes sure", u.Hostname())
			}
		}
	}
	if path := l.config.CAFile; path != "" {
		content, err := readText(path)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(content) {
			err = errors.New("there is none in it")
		}
		if err != nil {
			l.fault(l.places["caFile"], "must be a PEM file with certificates: %s", reason(path, err))
		}
	}
}

func (l *loader) warn(format string, args ...any) {
	l.config.Warnings = append(l.config.Warnings, fmt.Sprintf(format, args...))
}

// mostBytes is more than any token file and any list of certificates has.
const mostBytes = 4 << 20

func read(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, mostBytes))
	return content, info, err
}

func readText(path string) ([]byte, error) {
	content, _, err := read(path)
	if err != nil {
		return nil, err
	}
	return withoutMark(content)
}

// withoutMark is a text without the byte order mark that some editors put before it. UTF-16 is an error.
func withoutMark(content []byte) ([]byte, error) {
	if apitoken.IsUTF16(string(content)) {
		return nil, errors.New("it is in UTF-16, as Notepad (Unicode) and PowerShell (>) write it: save it as UTF-8")
	}
	return bytes.TrimPrefix(content, []byte(apitoken.BOM)), nil
}

// reason says in plain words why a file could not be read, which it calls name: its path may be a secret that was put
// into the wrong place.
func reason(name string, err error) string {
	failure, ofPath := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return name + " does not exist"
	case errors.Is(err, fs.ErrPermission):
		return name + " may not be read by this user"
	case errors.Is(err, syscall.EISDIR):
		return name + " is a folder"
	case ofPath:
		return name + ": " + failure.Err.Error()
	}
	return err.Error()
}

// seenByOthers says whether a file can be read by other users of the machine.
func seenByOthers(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/'
}
