package graph

// Written are properties as they stand in a record's canonical form, each with the comma before it. A record of a type that has
// very many, which nobody looks at before they are written, has them in place of Properties: each value is formatted as it is
// read, and is never held as a Value.
type Written struct {
	// JSON is to be appended to: what BeforeValue gives and a value, property by property, in ascending order of the names.
	// All names must sort behind the meta properties.
	JSON []byte

	volatile []span
	meta     int // bytes of a record that stand before JSON, and that volatile reckons with
}

// Reset begins anew in the same memory.
func (w *Written) Reset() { w.JSON, w.volatile, w.meta = w.JSON[:0], w.volatile[:0], 0 }

// MarkVolatile says that a property is volatile, which begins there in JSON and is the last so far.
func (w *Written) MarkVolatile(from int) {
	w.volatile = append(w.volatile, span{w.meta + from, w.meta + len(w.JSON)})
}

// BeforeValue is what stands between the value of the property before and that of the property of this name.
func BeforeValue(name string) string { return string(append(AppendText([]byte{','}, name), ':')) }

// appendTo appends the canonical form of a record that has these properties, as appendRecord does.
func (w *Written) appendTo(b []byte, r *Record) (_ []byte, meta int, volatile []span) {
	start := len(b)
	b = AppendMeta(append(b, '{'), r)
	meta = len(b) - start
	for i := range w.volatile {
		p := &w.volatile[i]
		p.from, p.to = p.from+meta-w.meta, p.to+meta-w.meta
	}
	w.meta = meta
	return append(append(b, w.JSON...), '}'), meta, w.volatile
}
