package posture

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// File is the name of the file beside a run's graph that holds the verdicts, a line each in ascending order of the
// devices' keys:
//
//	{"device":…,"displayName":…,"compliant":false,"nonCompliantReasons":["firewallEnabled is false, and must be true"]}
//
// Where no policies are configured there is no such file.
const File = "posture.jsonl"

// Write writes verdicts as File has them.
func Write(w io.Writer, verdicts iter.Seq2[Verdict, error]) error {
	for v, err := range verdicts {
		if err != nil {
			return err
		}
		line, err := json.Marshal(&v)
		if err != nil {
			return fmt.Errorf("verdict on %s: %w", v.Device, err)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// Of yields the verdicts that were kept with a run, in ascending order of the devices' keys. The error is
// fs.ErrNotExist where the run has none. After an error nothing more is yielded.
func Of(run interface {
	Open(name string) (io.ReadCloser, error)
}) iter.Seq2[Verdict, error] {
	return func(yield func(Verdict, error) bool) {
		f, err := run.Open(File)
		if err != nil {
			yield(Verdict{}, err)
			return
		}
		defer f.Close()
		Read(f)(yield)
	}
}

// Read yields the verdicts that Write wrote. After an error nothing more is yielded.
func Read(r io.Reader) iter.Seq2[Verdict, error] {
	return func(yield func(Verdict, error) bool) {
		d := jsontext.NewDecoder(r)
		last := ""
		for n := 1; ; n++ {
			var v Verdict
			err := json.UnmarshalDecode(d, &v)
			switch {
			case err == io.EOF:
				return
			case err == nil && v.Device == "":
				err = errors.New("it names no device")
			case err == nil && v.Device <= last:
				err = fmt.Errorf("it is on %s and comes after %s, but they should ascend", v.Device, last)
			}
			last = v.Device
			if err != nil {
				yield(Verdict{}, fmt.Errorf("verdict %d: %w", n, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}
