package cli

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/urfave/cli/v2"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/s1"
	"s1graph/state"
	"s1graph/steps"
)

// settingFlags are the flags of the settings of some groups, and --config.
func settingFlags(groups ...config.Group) []cli.Flag {
	flags := []cli.Flag{&cli.StringFlag{
		Name:  "config",
		Usage: "configuration `FILE`; " + config.DefaultFile + " if it is there and none is given [$" + config.FileVariable + "]",
	}}
	for _, s := range config.Settings() {
		if !slices.Contains(groups, s.Group) {
			continue
		}
		flags = append(flags, settingFlag(s))
	}
	return flags
}

func settingFlag(s config.Setting) cli.Flag {
	usage, category := s.Doc+" [$"+s.Variable()+"]", string(s.Group)
	switch s.Kind {
	case config.Flag:
		return &cli.BoolFlag{Name: s.FlagName(), Usage: usage, Category: category, DisableDefaultText: true}
	case config.List, config.Rates, config.Intervals:
		return &cli.StringSliceFlag{Name: s.FlagName(), Usage: usage, Category: category}
	}
	return &cli.StringFlag{Name: s.FlagName(), Usage: usage, Category: category, DefaultText: s.Default}
}

// settingOf is the setting with a key that there is.
func settingOf(key string) config.Setting {
	all := config.Settings()
	return all[slices.IndexFunc(all, func(s config.Setting) bool { return s.Key == key })]
}

// load makes the Config of what was given, from sources that say what is special to the command.
func (c *commands) load(ctx *cli.Context, sources config.Sources) (*config.Config, error) {
	return config.Load(c.complete(ctx, sources))
}

// complete puts into sources what all commands have in common.
func (c *commands) complete(ctx *cli.Context, sources config.Sources) config.Sources {
	given := map[string]string{}
	for _, s := range config.Settings() {
		name := s.FlagName()
		switch {
		case !ctx.IsSet(name):
		case s.Kind == config.Flag:
			given[s.Key] = strconv.FormatBool(ctx.Bool(name))
		case s.Kind == config.List || s.Kind == config.Rates || s.Kind == config.Intervals:
			given[s.Key] = strings.Join(ctx.StringSlice(name), ",")
		default:
			given[s.Key] = ctx.String(name)
		}
	}
	sources.File = ctx.String("config")
	sources.Environment = c.Environment
	sources.Flags = given
	sources.NormalizeURL = s1.NormalizeURL
	sources.Steps = stepIDs()
	sources.CheckAlerts = alerts.Check
	sources.CheckState = state.CheckAddress
	sources.OffersAll = slices.ContainsFunc(ctx.Command.Flags, func(flag cli.Flag) bool { return flag.Names()[0] == "all" })
	return sources
}

func stepIDs() []string {
	return namesOf(steps.All(), func(step steps.Step) string { return step.ID })
}

// logger writes to stderr what is asked for, or else errors alone: what a command prints says the rest. Where there is a log,
// nothing else tells of what is waited for, but on a terminal.
func (c *commands) logger(l config.Log) *slog.Logger {
	level := slog.LevelError
	if l.Level != "" {
		_ = level.UnmarshalText([]byte(l.Level)) // config has checked it
		c.progress.leaveToLog()
	}
	switch {
	case l.Format == "json":
		return slog.New(slog.NewJSONHandler(c.err, &slog.HandlerOptions{Level: level}))
	case !c.err.isTerminal():
		return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(tint.NewTextHandler(c.err, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !c.err.colours}))
}

// warn tells of what is odd in the configuration.
func (c *commands) warn(settings *config.Config) {
	for _, warning := range settings.Warnings {
		c.complain("warning: " + warning)
	}
}
