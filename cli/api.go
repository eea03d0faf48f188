package cli

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1"
)

func (c *commands) api() *cli.Command {
	return &cli.Command{
		Name:      "api",
		Usage:     "read any endpoint of the Management API, all pages, one JSON object a line",
		ArgsUsage: "PATH",
		Description: `Example: the names of the active agents of two sites:

    s1graph api agents --query isActive=true --query siteIds=1,2 | jq -r .computerName

and how many there are, as {"totalItems":N}:

    s1graph api agents --query isActive=true --query countOnly=true

Only GET requests are sent, and only to paths below the API's own. What lets somebody in is printed as ***: fields
whose names say that they hold a token, passphrase, password, secret or key, and tokens and private keys under other names.`,
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "query", Usage: "filter as `NAME=VALUE`; may be given several times"},
			limitFlag("objects", "all"),
		}, settingFlags(config.Console, config.Logging)...),
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 1 {
				return misuse("api takes one path, such as: s1graph api agents")
			}
			query, err := parseQuery(ctx.StringSlice("query"))
			if err != nil {
				return err
			}
			if _, err := limitOf(ctx); err != nil {
				return err
			}
			settings, err := c.load(ctx, config.Sources{})
			if err != nil {
				return err
			}
			err = c.readAPI(ctx, settings, query)
			if _, wrong := errors.AsType[*s1.PathError](err); wrong {
				return misuse("%w; s1graph api --help shows how it is used", err)
			}
			return err
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

// readAPI prints what the path gives.
func (c *commands) readAPI(ctx *cli.Context, settings *config.Config, query url.Values) error {
	c.warn(settings)
	client, err := connector.NewClient(settings, func(cfg *s1.Config) { cfg.Logger = c.logger(settings.Log) })
	if err != nil {
		return err
	}
	defer client.Close()
	path := ctx.Args().First()
	if countOnly, err := strconv.ParseBool(query.Get("countOnly")); err == nil && countOnly {
		n, err := client.RawCount(ctx.Context, path, query)
		if err != nil {
			return err
		}
		c.out.line(`{"totalItems":%d}`, n)
		return c.out.flush()
	}
	left := ctx.Int64("limit")
	for row, err := range client.Raw(ctx.Context, path, query) {
		if err != nil {
			return err
		}
		if row, err = hideSecrets(path, row); err != nil {
			return err
		}
		if err := c.out.jsonText(row); err != nil {
			return err
		}
		if left--; left == 0 {
			break
		}
	}
	return c.out.flush()
}
