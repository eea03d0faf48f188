package cli

import (
	"errors"
	"slices"

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

// worse is the worse one of two exit codes.
func worse(a, b int) int {
	if slices.Index(worstFirst, a) < slices.Index(worstFirst, b) {
		return a
	}
	return b
}

// ofEach does something for each instance, one after the other. What fails for one is told of on stderr, and the others are
// done all the same; the error has the exit code of the worst.
func (c *commands) ofEach(ctx *cli.Context, instances []*config.Config, do func(*config.Config) error) error {
	worst := complete
	for _, settings := range instances {
		err := do(settings)
		if errors.Is(err, errReaderGone) || ctx.Err() != nil {
			return err
		}
		worst = worse(worst, c.tell(ctx.Context, settings.Instance+": ", err))
	}
	if worst == complete {
		return nil
	}
	return &ending{code: worst}
}
