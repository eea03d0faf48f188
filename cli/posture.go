package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/harmless"
	"s1graph/posture"
)

func (c *commands) posture() *cli.Command {
	return &cli.Command{
		Name:  "posture",
		Usage: "say which devices meet what the configuration demands of them, and why others do not",
		Description: `Example:

    s1graph posture --instance acme

The devices that are not compliant come first. What is demanded stands under posture in the configuration file, and
each run evaluates anew; nothing is asked of the console here.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each device, a line each", DisableDefaultText: true},
		}, folderFlags()...),
		Action: c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
			run, err := lastRunIn(settings.Dir)
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
			outside, err := connector.DevicesOutside(run)
			if err != nil {
				return err
			}
			switch outside {
			case 0:
			case 1:
				c.err.line("1 device is out of scope, and is not evaluated.")
			default:
				c.err.line("%d devices are out of scope, and are not evaluated.", outside)
			}
			return c.printPosture(run, ctx.Bool("json"))
		}),
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

func (c *commands) printPosture(run *jsonstore.Run, asJSON bool) error {
	print := c.printVerdicts
	if asJSON {
		print = c.printVerdictsJSON
	}
	err := print(run)
	if errors.Is(err, fs.ErrNotExist) {
		return misuse("the last run evaluated no devices: put what is demanded of them under posture in the configuration file, and run s1graph run")
	}
	if err != nil {
		return err
	}
	return c.out.flush()
}

func (c *commands) printVerdictsJSON(run *jsonstore.Run) error {
	for _, compliant := range []bool{false, true} {
		for v, err := range posture.Of(run) {
			if err != nil {
				return err
			}
			if v.Compliant != compliant {
				continue
			}
			if err := c.out.jsonLine(&v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *commands) printVerdicts(run *jsonstore.Run) error {
	verdicts := map[bool][]posture.Verdict{} // by whether the device is compliant
	for v, err := range posture.Of(run) {
		if err != nil {
			return err
		}
		verdicts[v.Compliant] = append(verdicts[v.Compliant], v)
	}
	var rows [][]any
	for _, compliant := range []bool{false, true} { // first what someone must look after
		slices.SortStableFunc(verdicts[compliant], func(a, b posture.Verdict) int {
			return strings.Compare(strings.ToLower(a.DisplayName), strings.ToLower(b.DisplayName))
		})
		for _, v := range verdicts[compliant] {
			rows = append(rows, c.out.verdictRow(&v))
		}
	}
	if len(rows) > 0 {
		c.out.table([]string{"device", "compliant", "reasons"}, rows)
	}
	if c.out.isTerminal() {
		c.out.sentence("%s", conclusionOfPosture(run, len(rows), len(verdicts[true])))
	}
	return nil
}

func (s *screen) verdictRow(v *posture.Verdict) []any {
	answer := s.paint(green, "yes")
	if !v.Compliant {
		answer = s.paint(red, "no")
	}
	between := "; "
	if s.isTerminal() {
		between = "\n" // a line each, in its cell
	}
	reasons := make([]string, len(v.Reasons))
	for i, reason := range v.Reasons {
		reasons[i] = harmless.Text(reason)
	}
	return []any{s.clip(v.DisplayName), answer, strings.Join(reasons, between)}
}

func conclusionOfPosture(run *jsonstore.Run, devices, compliant int) string {
	started := run.Manifest().StartedAt.Format(time.RFC3339)
	if devices == 0 {
		return fmt.Sprintf("No device is in a group with a policy, as of %s.", started)
	}
	return fmt.Sprintf("%d of %d devices are compliant, as of %s.", compliant, devices, started)
}
