package jsonstore

import (
	"context"
	"fmt"
	"os"

	"s1graph/graph"
)

// Salvage reads what can still be read of damaged types of the last run, and puts it under TempDir. The result is a
// snapshot of these types alone, valid until the Store is closed.
func (s *Store) Salvage(ctx context.Context, damaged map[string]error) (graph.Snapshot, error) {
	dir, err := os.MkdirTemp(s.TempDir(), "salvaged-*")
	if err != nil {
		return nil, err
	}
	salvaged := &Run{dir: dir, tables: tables{}}
	for name := range damaged {
		whole := s.last.tables[name]
		if whole == nil {
			return nil, fmt.Errorf("the run %s has no type %s", s.last.manifest.ID, name)
		}
		content, err := writeTable(ctx, dir, whole.typ, whole.salvage(ctx))
		if err != nil {
			return nil, fmt.Errorf("salvaging %s: %w", name, err)
		}
		salvaged.tables[name] = &table{dir: dir, typ: whole.typ, content: content}
		salvaged.manifest.Types = append(salvaged.manifest.Types, whole.typ)
	}
	sortTypes(salvaged.manifest.Types)
	return salvaged, nil
}
