package s1

import (
	"cmp"
	"errors"
	"io"
	"net/http"
)

// envelope is what stands around the data of an answer.
type envelope struct {
	cursor string // of the next page; "" where this is the last
	total  int    // totalItems; -1 where the answer does not say
}

// readEnvelope reads an answer. data reads the value of the member "data" as it comes from the socket;
// nil passes it over. The members may stand in any order, and unknown ones are passed over. An *Error
// is final; any other error may come of a body that was cut off.
func readEnvelope(body io.Reader, data func(*decoder) error) (envelope, error) {
	e := envelope{total: -1}
	in := memoryFor(newInput).Get().(*input)
	defer in.giveBack()
	in.r = body
	if err := in.refuseHTML(); err != nil {
		return e, err
	}
	var failures []apiError
	var misfit error = &Error{Status: http.StatusOK, Detail: "the answer has no data", Foreign: otherJSON}
	isCount := data == nil
	if isCount {
		data = func(d *decoder) error { return d.SkipValue() }
	}
	d := newDecoder(in)
	err := readObject(d, func(name string) error {
		switch name {
		case "data":
			misfit = data(d)
			if _, final := errors.AsType[*Error](misfit); final && d.StackDepth() == 1 && !errors.Is(misfit, ErrBeyondBound) {
				return nil // the list "errors" may say more
			}
			return misfit
		case "pagination":
			if isCount {
				misfit = nil
			}
			return e.readPagination(d)
		case "errors":
			value, err := d.ReadValue()
			if err != nil {
				return err
			}
			return decodeRow(value, &failures)
		}
		return d.SkipValue()
	})
	switch {
	case err != nil:
		return e, d.place(err)
	case len(failures) > 0:
		return e, &Error{Status: http.StatusOK, Code: failures[0].Code.Value, Detail: cmp.Or(failures[0].text(), "the answer says that it failed, and not why")}
	}
	return e, misfit
}

func (e *envelope) readPagination(d *decoder) error {
	var pagination struct {
		NextCursor string `json:"nextCursor"`
		TotalItems Int    `json:"totalItems"`
	}
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	err = decodeRow(value, &pagination)
	e.cursor = pagination.NextCursor
	if pagination.TotalItems.Value > maxTotal {
		return beyondBound("", "the answer promises more than %d rows", maxTotal)
	}
	if pagination.TotalItems.Known && pagination.TotalItems.Value >= 0 {
		e.total = int(pagination.TotalItems.Value)
	}
	return err
}

// cutOff makes plain that an end of the body came too early.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readObject reads an object; member reads each value, or passes it over.
func readObject(d *decoder, member func(name string) error) error {
	if kind := d.PeekKind(); kind != '{' && kind != 0 {
		return passOver(d, "the answer has something else where an object should be")
	}
	if _, err := d.ReadToken(); err != nil {
		return cutOff(err)
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// passOver reads over a value that is not what it should be.
func passOver(d *decoder, why string) error {
	if err := d.SkipValue(); err != nil {
		return err
	}
	return &Error{Status: http.StatusOK, Detail: why, Foreign: otherJSON}
}

// readRows appends the rows of a list to rows, and not more than most of them; reader, which may be nil, reads those that are plain. The data
// is the list, or, where list is not "", an object that has the list under this name. null is an empty list.
func readRows[T any](d *decoder, list string, most int, reader *plainReader[T], rows *[]T) error {
	switch kind := d.PeekKind(); {
	case kind == 'n':
		return d.SkipValue()
	case list != "" && kind != '[': // around which some leave the object out
		var misfit error = &Error{Status: http.StatusOK, Detail: "the answer has no list " + list, Foreign: otherJSON}
		err := readObject(d, func(name string) error {
			if name == list {
				misfit = readRows(d, "", most, reader, rows)
				return misfit
			}
			return d.SkipValue()
		})
		return cmp.Or(err, misfit)
	case kind != '[' && kind != 0:
		return passOver(d, "the answer has something else where a list should be")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for {
		if reader != nil {
			readPlainRows(d, reader, most, rows)
		}
		if d.PeekKind() == ']' {
			break
		}
		if len(*rows) == most {
			return beyondBound("", "the answer has more than %d rows", most)
		}
		var zero T
		*rows = append(*rows, zero)
		if err := readRow(d, &(*rows)[len(*rows)-1]); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}
