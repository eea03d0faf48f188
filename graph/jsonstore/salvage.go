package jsonstore

import (
	"context"
	"fmt"
	"os"

	"s1graph/graph"
)

// Salvage reads what can still be read of damaged types, in ascending order of the keys, and puts it into a folder of its
// own below tempDir. The result is a snapshot of these types alone, for as long as that folder is there.
func (r *Run) Salvage(ctx context.Context, tempDir string, damaged map[string]error) (graph.Snapshot, error) {
	dir, err := os.MkdirTemp(tempDir, "salvaged-*")
	if err != nil {
		return nil, err
	}
	salvaged := &Folder{dir: dir, tables: newTables()}
	for name := range damaged {
		whole := r.table(name)
		if whole == nil {
			return nil, fmt.Errorf("the run %s has no type %s", r.manifest.ID, name)
		}
		if err := salvaged.write(ctx, whole.typ, whole.salvage(ctx)); err != nil {
			return nil, fmt.Errorf("salvaging %s: %w", name, err)
		}
	}
	return salvaged, nil
}
