package cli

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"s1graph/docs"
)

func (c *commands) document() *cli.Command {
	return &cli.Command{
		Name:  "document",
		Usage: "write the data model: every type, property and relationship",
		Description: `Example, in the repository, after a property was added:

    s1graph document

and to read it anywhere:

    s1graph document --output - | less`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Usage: "write to `FILE`; - is stdout", Value: filepath.Join("docs", "data-model.md")},
		},
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			return c.writeDocument(ctx.String("output"))
		},
	}
}

func (c *commands) writeDocument(file string) error {
	if file == "-" {
		if err := docs.WriteDataModel(c.out); err != nil {
			return err
		}
		return c.out.flush()
	}
	var document bytes.Buffer
	if err := docs.WriteDataModel(&document); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, document.Bytes(), 0o644); err != nil {
		return err
	}
	c.out.line("%s is written.", escape(file))
	return c.out.flush()
}
