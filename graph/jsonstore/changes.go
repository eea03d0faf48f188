package jsonstore

import (
	"bufio"
	"errors"
	"os"
	"sync"

	"s1graph/graph"
)

// ChangeWriter writes changes.jsonl, a change a line, as graph.AppendChange has it. It is safe for concurrent use.
type ChangeWriter struct {
	instance, run string

	mu   sync.Mutex
	file *os.File
	buf  *bufio.Writer
	line []byte
}

func newChangeWriter(path, instance, run string) (*ChangeWriter, error) {
	f, err := create(path)
	if err != nil {
		return nil, err
	}
	return &ChangeWriter{instance: instance, run: run, file: f, buf: bufio.NewWriterSize(f, 64<<10)}, nil
}

// Write appends a change.
func (w *ChangeWriter) Write(c graph.Change) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := graph.EventID(w.instance, w.run, c.Type.Name, c.Key, string(c.Op))
	w.line = graph.AppendChange(w.line[:0], id, &c)
	_, err := w.buf.Write(append(w.line, '\n'))
	return err
}

func (w *ChangeWriter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.buf.Flush(), w.file.Close())
	w.file = nil
	return err
}
