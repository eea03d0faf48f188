package sorter

import (
	"iter"

	"github.com/sourcegraph/conc/panics"

	"s1graph/graph"
)

// chunk is some records of a sequence, in memory of its own.
type chunk struct {
	records []graph.Encoded
	json    []byte // theirs
}

// chunkBytes is how much JSON a chunk has at least, unless it is the last one.
const chunkBytes = 64 << 10

func (c *chunk) add(e graph.Encoded) {
	from := len(c.json)
	c.json = append(c.json, e.JSON...)
	e.JSON = c.json[from:]
	c.records = append(c.records, e)
}

// ahead has a sequence made in a goroutine of its own, a chunk or two before they are asked for, so that whoever writes the
// records does so beside their merging. The JSON of each is valid until the next.
func ahead(seq iter.Seq2[graph.Encoded, error]) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		full, free, stop := make(chan *chunk), make(chan *chunk, 2), make(chan struct{})
		free <- new(chunk)
		free <- new(chunk)
		// Both are read when full is closed.
		var failed error
		var caught panics.Catcher
		fill := func() {
			c := <-free
			hand := func() (goesOn bool) {
				select {
				case full <- c:
					return true
				case <-stop:
					return false
				}
			}
			for e, err := range seq {
				if err != nil {
					failed = err
					break
				}
				if c.add(e); len(c.json) < chunkBytes {
					continue
				}
				if !hand() {
					return
				}
				c = <-free
			}
			hand()
		}
		go func() {
			defer close(full)
			caught.Try(fill)
		}()
		defer func() {
			close(stop)
			for c := range full { // until the goroutine has ended
				free <- c
			}
		}()
		for c := range full {
			for _, e := range c.records {
				if !yield(e, nil) {
					return
				}
			}
			c.records, c.json = c.records[:0], c.json[:0]
			free <- c
		}
		caught.Repanic() // where it can be caught as that of whoever reads
		if failed != nil {
			yield(graph.Encoded{}, failed)
		}
	}
}
