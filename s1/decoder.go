package s1

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decoder reads an answer as it comes, and can give the row that it read last once more.
type decoder struct {
	*jsontext.Decoder
	behind *keeper
}

func newDecoder(r io.Reader) *decoder {
	behind := &keeper{r: r, row: noRow}
	behind.decoder = jsontext.NewDecoder(behind, lenient)
	return &decoder{behind.decoder, behind}
}

// readRow reads the next value as a row: while it comes, and only where it is not as the API document has it once more and as
// decodeRow does.
func readRow[T any](d *decoder, row *T) error {
	d.behind.beginRow()
	defer d.behind.endRow()
	depth := d.StackDepth()
	err := json.UnmarshalDecode(d.Decoder, row)
	if _, misfits := errors.AsType[*json.SemanticError](err); !misfits {
		return err
	}
	for d.StackDepth() > depth { // the rest of it
		if _, err := d.ReadToken(); err != nil {
			return err
		}
	}
	var zero T
	*row = zero
	return decodeRow(bytes.TrimLeft(d.behind.part(d.behind.row, d.InputOffset()), ", \n\r\t"), row)
}

// keeper passes on what a decoder reads, and keeps the row that is under way. Offsets count bytes from the first.
type keeper struct {
	r       io.Reader
	decoder *jsontext.Decoder
	row     int64 // offset of the row, or of what is before it; noRow between rows
	from    int64 // offset of kept
	kept    []byte
}

const noRow = -1

func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	if k.row != noRow {
		k.kept = append(k.kept, p[:n]...)
	}
	return n, err
}

// beginRow keeps what the decoder has read ahead of the row, unless that was kept with the row before, and lets the rows go
// that are behind once they are the larger part.
func (k *keeper) beginRow() {
	k.row = k.decoder.InputOffset()
	ahead := k.decoder.UnreadBuffer()
	if k.from+int64(len(k.kept)) != k.row+int64(len(ahead)) || len(k.kept) > 2*len(ahead) {
		k.kept, k.from = append(k.kept[:0], ahead...), k.row
	}
}

func (k *keeper) part(from, to int64) []byte { return k.kept[from-k.from : to-k.from] }

func (k *keeper) endRow() { k.row = noRow }
