package cli

import (
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/s1"
)

func (c *commands) api() *cli.Command {
	return &cli.Command{
		Name:      "api",
		Usage:     "read any endpoint of the Management API, all pages, one JSON object a line",
		ArgsUsage: "PATH",
		Description: `Example: the names of the active agents of two sites:

    s1graph api agents --query isActive=true --query siteIds=1,2 | jq -r .computerName

Only GET requests are sent, and only to paths below the API's own.`,
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "query", Usage: "filter as `NAME=VALUE`; may be given several times"},
			&cli.Int64Flag{Name: "limit", Usage: "end after so many objects; 0: all"},
		}, settingFlags(config.Console, config.Logging)...),
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 1 {
				return misuse("api takes one path, such as: s1graph api agents")
			}
			query, err := parseQuery(ctx.StringSlice("query"))
			if err != nil {
				return err
			}
			if ctx.Int64("limit") < 0 {
				return misuse("--limit must be 0 or greater")
			}
			settings, err := c.load(ctx, "")
			if err != nil {
				return err
			}
			return c.printRows(ctx, settings, query)
		},
	}
}

func parseQuery(pairs []string) (url.Values, error) {
	query := url.Values{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, misuse("--query must be NAME=VALUE, such as isActive=true")
		}
		query.Add(name, value)
	}
	return query, nil
}

func (c *commands) printRows(ctx *cli.Context, settings *config.Config, query url.Values) error {
	client, err := c.client(settings)
	if err != nil {
		return err
	}
	defer client.Close()
	left := ctx.Int64("limit")
	for row, err := range client.Raw(ctx.Context, ctx.Args().First(), query) {
		if err != nil {
			return err
		}
		if err := row.Compact(); err != nil {
			return err
		}
		if _, err := c.out.Write(append(c.out.json(row), '\n')); err != nil {
			return err
		}
		if left--; left == 0 {
			break
		}
	}
	return c.out.flush()
}

func (c *commands) client(settings *config.Config) (*s1.Client, error) {
	logger := c.logger(settings.Log, nil)
	for _, warning := range settings.Warnings {
		logger.Warn(warning)
	}
	transport, err := s1.NewTransport(settings.Proxy.Reveal(), settings.CAFile)
	if err != nil {
		return nil, err
	}
	token := s1.StaticToken(settings.Token.Reveal())
	if settings.TokenFile != "" {
		token = s1.FileToken(settings.TokenFile)
	}
	return s1.New(s1.Config{
		URL:          settings.URL,
		APIVersion:   settings.APIVersion,
		Token:        token,
		Transport:    transport,
		PageDeadline: settings.PageDeadline,
		RateLimits:   settings.RateLimits,
		Logger:       logger,
	})
}
