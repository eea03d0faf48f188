package visualize

import (
	"compress/flate"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

var (
	//go:embed page.html
	markup string
	//go:embed page.css
	style string
	//go:embed data.js
	dataScript string
	//go:embed search.js
	searchScript string
	//go:embed picture.js
	pictureScript string
	//go:embed page.js
	pageScript string
)

// about is what the page shows before anything is unpacked.
type about struct {
	Name                  string              `json:"name"`
	Run                   string              `json:"run,omitzero"`
	At                    int64               `json:"at,omitzero"` // milliseconds since 1970
	HasChanges            bool                `json:"hasChanges"`
	HasDetails            bool                `json:"hasDetails"`
	EntitiesPerBlock      int                 `json:"entitiesPerBlock"`
	RelationshipsPerBlock int                 `json:"relationshipsPerBlock"`
	Entities              []aboutEntity       `json:"entities"`
	Relationships         []aboutRelationship `json:"relationships"`
}

type aboutEntity struct {
	Type     string             `json:"type"`
	Class    string             `json:"class"`
	Count    int                `json:"count"`
	Gone     int                `json:"gone"`
	Card     []string           `json:"card"`
	Volatile []string           `json:"volatile"`
	Changes  map[graph.Op]int64 `json:"changes"`
}

type aboutRelationship struct {
	Type    string             `json:"type"`
	Class   string             `json:"class"`
	From    int                `json:"from"` // -1: nowhere
	To      int                `json:"to"`
	Count   int64              `json:"count"`
	Changes map[graph.Op]int64 `json:"changes"`
}

func (p *page) about() about {
	s := p.source
	a := about{
		Name: s.Name, Run: s.Run, HasChanges: s.Changes != nil, HasDetails: !p.report.NoDetails,
		EntitiesPerBlock: entitiesPerBlock, RelationshipsPerBlock: relationshipsPerBlock,
	}
	if !s.At.IsZero() {
		a.At = s.At.UnixMilli()
	}
	for _, t := range p.entities {
		a.Entities = append(a.Entities, aboutEntity{t.typ.Name, t.typ.Class, len(t.keys), t.gone, onCards[t.typ.Name], t.typ.Volatile, t.counts})
	}
	for _, t := range p.relationships {
		r := aboutRelationship{t.typ.Name, t.typ.Class, -1, -1, t.count, t.counts}
		if t.from != nil && t.to != nil {
			r.From, r.To = t.from.number, t.to.number
		}
		a.Relationships = append(a.Relationships, r)
	}
	return a
}

// end is what the markup has in place of the records.
const end = "{{records}}"

func (p *page) writeHead() error {
	facts, err := json.Marshal(p.about(), json.Deterministic(true), jsontext.EscapeForHTML(true))
	if err != nil {
		return err
	}
	script := strings.Join([]string{dataScript, searchScript, pictureScript, pageScript}, "\n")
	head, _, _ := strings.Cut(markup, end)
	_, err = strings.NewReplacer(
		"{{policy}}", policy(script, style),
		"{{name}}", html.EscapeString(p.source.Name),
		"{{style}}", style,
		"{{about}}", string(facts),
		"{{script}}", script,
	).WriteString(p.out, head)
	return err
}

func (p *page) writeEnd() error {
	_, rest, _ := strings.Cut(markup, end)
	_, err := p.out.WriteString(rest)
	return err
}

// policy lets the page's own script and style run, and nothing be loaded, sent or embedded; nor does the browser let
// the script make markup of text.
func policy(script, style string) string {
	return "default-src 'none'; script-src '" + hash(script) + "'; style-src '" + hash(style) + "'; base-uri 'none'; form-action 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
}

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// writeBlock writes an element that a browser neither runs nor shows, with the content deflated and in base64.
func (p *page) writeBlock(id string, content []byte) error {
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	if _, err := io.WriteString(p.out, `<script type="text/plain" id="`+id+`">`); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, p.out)
	if p.deflater == nil {
		p.deflater, _ = flate.NewWriter(encoder, flate.DefaultCompression) // the level is a good one
	} else {
		p.deflater.Reset(encoder)
	}
	if _, err := p.deflater.Write(content); err != nil {
		return err
	}
	if err := p.deflater.Close(); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(p.out, "</script>\n")
	return err
}
