package visualize_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"s1graph/graph/jsonstore"
	"s1graph/steps"
	"s1graph/visualize"
)

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "graph-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	agents := `{"entities":[{"_key":"sentinelone_agent:1","_type":"sentinelone_agent","_class":["HostAgent"],"displayName":"WEB-03"}]}`
	if err := os.WriteFile(filepath.Join(dir, "agents.json"), []byte(agents), 0o600); err != nil {
		panic(err)
	}
	folder, err := jsonstore.OpenFolder(dir, steps.GraphTypes())
	if err != nil {
		panic(err)
	}
	defer folder.Close()

	var page bytes.Buffer
	report, err := visualize.Write(context.Background(), &page, visualize.Page{Instances: []visualize.Instance{{Graph: folder, Name: "acme"}}})
	fmt.Println(report.Entities, bytes.HasPrefix(page.Bytes(), []byte("<!DOCTYPE html>")), err)
	// Output: 1 true <nil>
}
