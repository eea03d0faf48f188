package cli

import (
	"cmp"
	"slices"

	"github.com/sourcegraph/conc/pool"
	"github.com/urfave/cli/v2"

	"s1graph/config"
)

// allFlag is the flag of a command that can be asked of all instances.
func allFlag() cli.Flag {
	return &cli.BoolFlag{Name: "all", Usage: "all instances of the configuration file, a row each", DisableDefaultText: true}
}

// instances are those that --all means: all of the configuration file, sorted by name, or the one that there is where it has
// no list of them.
func (c *commands) instances(ctx *cli.Context, sources config.Sources) (*config.Service, error) {
	if ctx.Bool("all") && ctx.IsSet("instance") {
		return nil, misuse("--all and --instance contradict each other: give one of them")
	}
	sources.All = ctx.Bool("all")
	return config.LoadService(c.complete(ctx, sources))
}

// worstFirst are the exit codes of instances. Running again helps what failed, so that it comes before what is wrong in the
// configuration; both come before what was committed.
var worstFirst = []int{failed, misused, partial, complete}

// ofEach does something for each instance, of so many at once, and then tells on stderr what failed. One that fails does not
// stop the others. The error has the exit code of the worst.
func (c *commands) ofEach(ctx *cli.Context, instances []*config.Config, atOnce int, do func(i int, settings *config.Config) error) error {
	errs := make([]error, len(instances))
	doing := pool.New().WithMaxGoroutines(atOnce)
	for i, settings := range instances {
		doing.Go(func() {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = do(i, settings)
			}
		})
	}
	doing.Wait()
	worst := complete
	for i, err := range errs {
		code := c.tell(ctx.Context, instances[i].Instance+": ", err)
		if slices.Index(worstFirst, code) < slices.Index(worstFirst, worst) {
			worst = code
		}
	}
	if worst == complete {
		return nil
	}
	return &ending{code: worst}
}

// headings are the names of columns as people read them, where programs read others.
var headings = map[string]string{"nonCompliant": "non-compliant", "noAgent": "no agent", "noPolicy": "no policy", "reason": "most common reason"}

// rowOfEach prints a row of columns for each instance, whose folder alone is read. A table has so many of them as are shown;
// programs get all, and the fault where reading failed, which people read on stderr.
func (c *commands) rowOfEach(ctx *cli.Context, columns []string, shown int, row func(*config.Config) ([]any, error)) error {
	service, err := c.instances(ctx, config.Sources{Local: true})
	if err != nil {
		return err
	}
	rows := make([][]any, len(service.Instances))
	fault := c.ofEach(ctx, service.Instances, 1, func(i int, settings *config.Config) error {
		cells, err := row(settings)
		rows[i] = append(append([]any{settings.Instance}, cells...), make([]any, len(columns)-len(cells)+1)...)
		if err != nil {
			rows[i][len(columns)+1] = oneLine(err)
		}
		return err
	})
	if ctx.Err() != nil {
		return fault
	}
	all := append(append([]string{"instance"}, columns...), "error")
	if !ctx.Bool("json") && !ctx.Bool("csv") {
		all = all[:1+shown]
		for i, name := range all {
			all[i] = cmp.Or(headings[name], name)
		}
	}
	answer := c.answer(ctx)
	if err := answer.Columns(all); err != nil {
		return err
	}
	for _, cells := range rows {
		if err := answer.Row(cells[:len(all)]); err != nil {
			return err
		}
	}
	if err := answer.end(); err != nil {
		return err
	}
	if err := c.out.flush(); err != nil {
		return err
	}
	return fault
}
