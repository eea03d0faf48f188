package visualize

import (
	"compress/flate"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
	"s1graph/overview"
)

var (
	//go:embed page.html
	markup string
	//go:embed page.css
	style string
	//go:embed *.js
	scripts embed.FS
)

// script is the page's script: its files one behind the other.
var script = func() string {
	var b strings.Builder
	for _, name := range []string{"element", "data", "figures", "search", "picture", "filters", "overview", "list", "csv", "changes", "entity", "panel", "results", "page"} {
		content, err := scripts.ReadFile(name + ".js")
		if err != nil {
			panic(err) // a file that this package does not have
		}
		b.Write(content)
		b.WriteByte('\n')
	}
	return b.String()
}()

// about is what the page shows before anything is unpacked.
type about struct {
	Instances             []aboutInstance     `json:"instances"`
	Figures               []aboutFigure       `json:"figures"`
	Attention             []string            `json:"attention"` // names of figures
	NoDetails             []string            `json:"noDetails"` // types of relationships
	EntitiesPerBlock      int                 `json:"entitiesPerBlock"`
	RelationshipsPerBlock int                 `json:"relationshipsPerBlock"`
	Entities              []aboutEntity       `json:"entities"`
	Relationships         []aboutRelationship `json:"relationships"`
}

type aboutInstance struct {
	Name              string `json:"name"`
	Run               string `json:"run,omitzero"`
	At                int64  `json:"at,omitzero"` // milliseconds since 1970
	HasChanges        bool   `json:"hasChanges"`
	IsFirst           bool   `json:"isFirst"`
	overview.Overview `json:",inline"`
	Trend             *aboutTrend `json:"trend,omitzero"`
}

type aboutFigure struct {
	Name     string `json:"name"`
	Line     string `json:"line"`
	Word     string `json:"word"`
	Doc      string `json:"doc"`
	Type     string `json:"type"`
	IsDetail bool   `json:"isDetail"`
}

type aboutEntity struct {
	Instance   int                `json:"instance"`
	Type       string             `json:"type"`
	Class      string             `json:"class"`
	Count      int                `json:"count"`
	Gone       int                `json:"gone"`
	IsBaseline bool               `json:"isBaseline,omitzero"`
	Card       []string           `json:"card"`
	List       []string           `json:"list"`
	Volatile   []string           `json:"volatile"`
	Changes    map[graph.Op]int64 `json:"changes"`
}

type aboutRelationship struct {
	Instance int                `json:"instance"`
	Type     string             `json:"type"`
	Class    string             `json:"class"`
	From     int                `json:"from"` // -1: nowhere
	To       int                `json:"to"`
	Count    int64              `json:"count"`
	Changes  map[graph.Op]int64 `json:"changes"`
}

func (p *page) about() about {
	a := about{
		Attention: overview.Attention(), NoDetails: p.report.NoDetails,
		EntitiesPerBlock: entitiesPerBlock, RelationshipsPerBlock: relationshipsPerBlock,
	}
	for _, of := range p.instances {
		about := aboutInstance{Name: of.Name, Run: of.Run, HasChanges: of.Changes != nil, IsFirst: of.IsFirst, Overview: of.Overview, Trend: of.trend.about()}
		if !of.At.IsZero() {
			about.At = of.At.UnixMilli()
		}
		a.Instances = append(a.Instances, about)
	}
	for _, f := range overview.Figures() {
		a.Figures = append(a.Figures, aboutFigure{f.Name, f.Line, f.Word, f.Doc, f.Type(), f.IsDetail})
	}
	for _, t := range p.entities {
		a.Entities = append(a.Entities, aboutEntity{t.of.number, t.typ.Name, t.typ.Class, len(t.keys), t.gone, t.of.IsBaseline(t.typ.Name), onCards[t.typ.Name], inLists[t.typ.Name], t.typ.Volatile, t.counts})
	}
	for _, t := range p.relationships {
		r := aboutRelationship{t.of.number, t.typ.Name, t.typ.Class, -1, -1, t.count, t.counts}
		if t.from != nil && t.to != nil {
			r.From, r.To = t.from.number, t.to.number
		}
		a.Relationships = append(a.Relationships, r)
	}
	return a
}

// title is what the page is called.
func (p *page) title() string {
	if len(p.instances) == 1 {
		return p.instances[0].Name
	}
	return "All instances"
}

// end is what the markup has in place of the records.
const end = "{{records}}"

func (p *page) writeHead() error {
	facts, err := json.Marshal(p.about(), json.Deterministic(true), jsontext.EscapeForHTML(true))
	if err != nil {
		return err
	}
	head, _, _ := strings.Cut(markup, end)
	_, err = strings.NewReplacer(
		"{{policy}}", policy(script, style),
		"{{name}}", html.EscapeString(p.title()),
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
