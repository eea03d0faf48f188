package release

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// writeModules writes what a program is made of, as its linker noted it: a software bill of materials in CycloneDX.
func (p Plan) writeModules(w io.Writer, program string, content []byte) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(content)
	root := module(info.Main.Path, p.Version, "")
	root.Type = cyclonedx.ComponentTypeApplication
	root.Name = p.Name
	root.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(digest[:])}}
	modules := []cyclonedx.Component{module("std", strings.TrimPrefix(info.GoVersion, "go"), "")}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules = append(modules, module(m.Path, m.Version, m.Sum))
	}
	slices.SortFunc(modules, func(a, b cyclonedx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	var needs []string
	for _, m := range modules {
		needs = append(needs, m.BOMRef)
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: p.Time.UTC().Format(time.RFC3339), Component: &root}
	bom.Components = &modules
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: root.BOMRef, Dependencies: &needs}}
	return cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
}

// module is a Go module; sum is what go.sum says of it.
func module(path, version, sum string) cyclonedx.Component {
	address := "pkg:golang/" + path + "@" + version
	m := cyclonedx.Component{
		Type: cyclonedx.ComponentTypeLibrary, BOMRef: address, Name: path, Version: version, PackageURL: address,
	}
	if sum != "" {
		m.Properties = &[]cyclonedx.Property{{Name: "go.sum", Value: sum}}
	}
	return m
}
