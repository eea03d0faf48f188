package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"s1graph/docs"
	"s1graph/harmless"
)

func (c *commands) document() *cli.Command {
	return &cli.Command{
		Name:  "document",
		Usage: "write docs/data-model.md, docs/queries.md and docs/alerts.md from the code",
		Description: `Example, in the repository, after a property was added:

    s1graph document

and to read it anywhere:

    s1graph document --output - | less`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Usage: "write to the folder `DIR`; - is stdout", Value: "docs"},
		},
		Action: func(ctx *cli.Context) error {
			err := c.writeDocuments(ctx.String("output"))
			if _, ofFile := errors.AsType[*fs.PathError](err); ofFile {
				return &ending{failed, fmt.Errorf("%w; give another folder with --output", err)}
			}
			return err
		},
	}
}

// documents are the files that are made of what the code declares.
var documents = []struct {
	name  string
	write func(io.Writer) error
}{
	{"alerts.md", docs.WriteAlerts},
	{"data-model.md", docs.WriteDataModel},
	{"queries.md", docs.WriteQueries},
}

func (c *commands) writeDocuments(folder string) error {
	for _, d := range documents {
		var document bytes.Buffer
		if err := d.write(&document); err != nil {
			return err
		}
		if folder == "-" {
			fmt.Fprint(c.out, document.String())
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		file := filepath.Join(folder, d.name)
		if err := os.WriteFile(file, document.Bytes(), 0o644); err != nil {
			return err
		}
		c.out.line("%s is written.", harmless.Text(file))
	}
	return c.out.flush()
}
