package graph

// AppendChange appends a change as one JSON object without a line feed, which is a line of changes.jsonl and
// of `s1graph diff --json`:
//
//	{"id":…,"op":"updated","type":…,"class":…,"key":…,"displayName":…,"changed":[…],"before":{…},"after":{…}}
//
// before and after hold, of what was updated, touched or rekeyed, the properties that changed, and of what
// was created or deleted all of them; a property that was or is absent is left out. previousKey is there for
// rekeyed records. id is the event's, and left out where it is empty.
func AppendChange(b []byte, id string, c *Change) []byte {
	b = append(b, '{')
	if id != "" {
		b = appendProperty(b, "id", String(id))
	}
	b = appendProperty(b, "op", String(string(c.Op)))
	b = appendProperty(b, "type", String(c.Type.Name))
	b = appendProperty(b, "class", String(c.Type.Class))
	b = appendProperty(b, "key", String(c.Key))
	if name := c.DisplayName(); name != "" {
		b = appendProperty(b, "displayName", String(name))
	}
	if c.PreviousKey != "" {
		b = appendProperty(b, "previousKey", String(c.PreviousKey))
	}
	if c.Op != Created && c.Op != Deleted {
		b = appendProperty(b, "changed", Strings(c.Changed))
	}
	b = c.appendSide(b, `,"before":`, c.Before)
	b = c.appendSide(b, `,"after":`, c.After)
	return append(b, '}')
}

// DisplayName is what the record is called now, or was called last.
func (c *Change) DisplayName() string {
	for _, r := range []*Record{c.After, c.Before} {
		if r != nil {
			return r.Get("displayName").Text()
		}
	}
	return ""
}

func (c *Change) appendSide(b []byte, name string, r *Record) []byte {
	if r == nil {
		return b
	}
	b = append(append(b, name...), '{')
	if c.Op == Created || c.Op == Deleted {
		for _, p := range r.Properties {
			if !p.Value.IsAbsent() {
				b = appendProperty(b, p.Name, p.Value)
			}
		}
		return append(b, '}')
	}
	for _, name := range c.Changed {
		if v := r.Get(name); !v.IsAbsent() {
			b = appendProperty(b, name, v)
		}
	}
	return append(b, '}')
}
