package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/harmless"
	"s1graph/plural"
	"s1graph/posture"
)

func (c *commands) posture() *cli.Command {
	return &cli.Command{
		Name:  "posture",
		Usage: "say how many devices meet what the configuration demands of them, and which do not and why",
		Description: `Examples: of one instance, all its devices for a spreadsheet, and all instances, a row each:

    s1graph posture --instance acme
    s1graph posture --instance acme --csv > posture.csv
    s1graph posture --all

First come the totals, then the reasons with the number of devices, then the devices that are not compliant, and in
CSV and JSON the compliant ones too. What is demanded stands under posture in the configuration file, and each run
evaluates anew; nothing is asked of the console here.`,
		Flags: append([]cli.Flag{
			allFlag(),
			limitFlag("devices", "all"),
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each device, a line each", DisableDefaultText: true},
			&cli.BoolFlag{Name: "csv", Usage: "print CSV, in which no spreadsheet finds a formula", DisableDefaultText: true},
		}, folderFlags()...),
		Action: func(ctx *cli.Context) error {
			if ctx.Bool("json") && ctx.Bool("csv") {
				return misuse("--json and --csv exclude each other: give one of them")
			}
			if _, err := limitOf(ctx); err != nil {
				return err
			}
			if ctx.Bool("all") {
				if ctx.IsSet("limit") {
					return misuse("--all and --limit contradict each other: give one of them")
				}
				columns := []string{"devices", "compliant", "nonCompliant", "noAgent", "noPolicy", "reason", "percent", "at"}
				return c.rowOfEach(ctx, columns, 6, func(settings *config.Config) ([]any, error) { return postureRow(ctx.Context, settings) })
			}
			return c.ofFolder(c.onePosture)(ctx)
		},
	}
}

// lastRunIn opens the last run in an instance's folder without its lock: another process may be writing the next.
func lastRunIn(dir string) (*jsonstore.Run, error) {
	run, err := jsonstore.OpenLast(dir)
	if errors.Is(err, jsonstore.ErrNoRun) {
		return nil, noRun(dir)
	}
	return run, err
}

func (c *commands) onePosture(ctx *cli.Context, settings *config.Config) error {
	run, err := lastRunIn(settings.Dir)
	if err != nil {
		return err
	}
	counted, err := tallyOf(ctx.Context, run)
	if err != nil {
		return err
	}
	idle, err := posture.Idle(ctx.Context, settings.Posture, run)
	if err != nil {
		return err
	}
	for _, sentence := range idle {
		c.err.line("%s", harmless.Text(sentence))
	}
	devices := func(all bool) ([]device, error) {
		devices, err := devicesOf(ctx.Context, run, all)
		if limit := int(ctx.Int64("limit")); limit > 0 && len(devices) > limit {
			c.complain(fmt.Sprintf("printed: the first %d of %s", limit, plural.Of(len(devices), "device")))
			devices = devices[:limit]
		}
		return devices, err
	}
	if ctx.Bool("json") || ctx.Bool("csv") {
		if rest := counted.unevaluated(); rest != "" {
			c.err.line("%s", rest)
		}
		err = c.printDevices(ctx, devices)
	} else {
		err = c.out.printPosture(counted, devices)
	}
	return cmp.Or(err, c.out.flush())
}

// errNoPolicy is the fault of asking for the posture of an instance that demands nothing of devices.
var errNoPolicy = misuse("there was no posture policy in the last run, so no device is compliant or not: write what is demanded of devices into the configuration file, such as %s, and run s1graph run", demandExample)

// tally counts the devices that a run evaluated, and those that it did not.
type tally struct {
	devices, compliant int
	noAgent, noPolicy  int            // devices that no agent protects, and that no policy covers
	outOfScope         int            // devices out of scope
	demands            map[string]int // devices that do not meet a demand
	at                 time.Time      // when the run started
}

func tallyOf(ctx context.Context, run *jsonstore.Run) (tally, error) {
	t := tally{demands: map[string]int{}, at: run.Manifest().StartedAt}
	known := map[string]bool{}
	for v, err := range posture.Of(run) {
		if errors.Is(err, fs.ErrNotExist) {
			return t, errNoPolicy
		}
		if err != nil {
			return t, err
		}
		t.devices++
		known[v.Device] = true
		if v.Compliant {
			t.compliant++
		}
		demands := map[string]bool{}
		for _, reason := range v.Reasons {
			_, demand := posture.Split(reason)
			demands[demand] = true
		}
		for demand := range demands {
			t.demands[demand]++
		}
	}
	outOfScope, err := connector.DevicesOutOfScope(run)
	if err != nil {
		return t, err
	}
	t.outOfScope = len(outOfScope)
	maps.Copy(known, outOfScope)
	t.noAgent, t.noPolicy, err = posture.Unevaluated(ctx, run, known)
	return t, err
}

// unevaluated is a sentence that says of how many devices nothing is told, and why; "" where there are none.
func (t *tally) unevaluated() string {
	var why []string
	for _, of := range []struct {
		number int
		why    string
	}{{t.noAgent, "without an agent"}, {t.noPolicy, "that no policy covers"}, {t.outOfScope, "out of scope"}} {
		if of.number > 0 {
			why = append(why, fmt.Sprintf("%d %s", of.number, of.why))
		}
	}
	if len(why) == 0 {
		return ""
	}
	return fmt.Sprintf("Not evaluated: %s (%s).", plural.Of(t.noAgent+t.noPolicy+t.outOfScope, "device"), strings.Join(why, ", "))
}

// percent is how many of 100 devices are compliant, rounded down: only where all are it is 100.
func (t *tally) percent() int { return 100 * t.compliant / max(1, t.devices) }

// worstFirst are the demands, those first that most devices do not meet.
func (t *tally) worstFirst() []string {
	return slices.SortedFunc(slices.Values(sortedKeys(t.demands)), func(a, b string) int { return cmp.Compare(t.demands[b], t.demands[a]) })
}

// postureRow are the cells of an instance beside its name.
func postureRow(ctx context.Context, settings *config.Config) ([]any, error) {
	run, err := lastRunIn(settings.Dir)
	if err != nil {
		return nil, err
	}
	t, err := tallyOf(ctx, run)
	if errors.Is(err, errNoPolicy) {
		return []any{nil, nil, nil, nil, nil, "no policy", nil, t.at}, nil
	}
	if err != nil {
		return nil, err
	}
	cells := []any{int64(t.devices), int64(t.compliant), int64(t.devices - t.compliant), int64(t.noAgent), int64(t.noPolicy), nil, nil, t.at}
	if t.devices > 0 {
		cells[6] = int64(t.percent())
	}
	if demands := t.worstFirst(); len(demands) > 0 {
		cells[5] = fmt.Sprintf("%s: %d", demands[0], t.demands[demands[0]])
	}
	return cells, nil
}

// device is what is printed of an evaluated device.
type device struct {
	posture.Verdict `json:",inline"`
	Owners          []string `json:"owners"`
	Site            string   `json:"site,omitzero"`
}

// devicesOf are those that are not compliant, sorted by name, and, if all are wanted, the compliant ones after them.
func devicesOf(ctx context.Context, run *jsonstore.Run, all bool) ([]device, error) {
	var devices []device
	wanted := map[string]bool{}
	for v, err := range posture.Of(run) {
		if err != nil {
			return nil, err
		}
		if all || !v.Compliant {
			devices = append(devices, device{Verdict: v})
			wanted[v.Device] = true
		}
	}
	places, err := posture.Places(ctx, run, wanted)
	for i, d := range devices {
		devices[i].Owners, devices[i].Site = places[d.Device].Owners, places[d.Device].Site
	}
	slices.SortStableFunc(devices, func(a, b device) int {
		switch {
		case a.Compliant == b.Compliant:
			return strings.Compare(strings.ToLower(a.DisplayName), strings.ToLower(b.DisplayName))
		case b.Compliant:
			return -1
		}
		return 1
	})
	return devices, err
}

// printDevices prints all devices for programs.
func (c *commands) printDevices(ctx *cli.Context, devices func(all bool) ([]device, error)) error {
	all, err := devices(true)
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		for i := range all {
			if err := c.out.jsonLine(&all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	answer := c.answer(ctx)
	if err := answer.Columns([]string{"device", "compliant", "owners", "site", "reasons", "key"}); err != nil {
		return err
	}
	for _, d := range all {
		row := []any{d.DisplayName, d.Compliant, strings.Join(d.Owners, "; "), d.Site, strings.Join(d.Reasons, "; "), d.Device}
		if err := answer.Row(row); err != nil {
			return err
		}
	}
	return answer.end()
}

// printPosture prints totals, reasons, and the devices that are not compliant.
func (s *screen) printPosture(t tally, devices func(all bool) ([]device, error)) error {
	if t.devices == 0 {
		s.sentence("No device is in a group with a policy, as of %s.", t.at.Format(time.RFC3339))
	}
	failing := t.devices - t.compliant
	if t.devices > 0 {
		s.sentence("Of %s, %s compliant (%d %%) and %s not, as of %s.", plural.Of(t.devices, "evaluated device"),
			s.paint(green, areOf(t.compliant)), t.percent(), s.paint(red, areOf(failing)), t.at.Format(time.RFC3339))
	}
	if rest := t.unevaluated(); rest != "" {
		s.sentence("%s", rest)
	}
	if failing == 0 {
		return nil
	}
	var rows [][]any
	for _, demand := range t.worstFirst() {
		rows = append(rows, []any{harmless.Text(demand), t.demands[demand]})
	}
	s.line("")
	s.table([]string{"reason", "devices"}, rows)
	found, err := devices(false)
	if err != nil {
		return err
	}
	between := "; "
	if s.isTerminal() {
		between = "\n" // a line each, in its cell
	}
	rows = nil
	for _, d := range found {
		because := namesOf(d.Reasons, func(reason string) string {
			is, _ := posture.Split(reason)
			return harmless.Text(is)
		})
		rows = append(rows, []any{s.named(d.DisplayName, d.Device), s.clip(strings.Join(d.Owners, ", ")), s.clip(d.Site), strings.Join(because, between)})
	}
	s.line("")
	s.table([]string{"device", "owners", "site", "because"}, rows)
	return nil
}

// areOf is a number and its verb.
func areOf(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}
