package jsonstore

import "github.com/go-json-experiment/json"

// Applied is the run that a consumer had when NoteApplied was last called, so that it can be kept while nobody can ask the
// consumer; "" where that is not known.
func (s *Store) Applied(consumer string) string { return s.applied()[consumer] }

// applied is empty where the file cannot be read: it is made anew.
func (s *Store) applied() map[string]string {
	applied := map[string]string{}
	b, err := ReadPlain(s.path("applied.json"))
	if err != nil || json.Unmarshal(b, &applied) != nil || applied == nil {
		return map[string]string{}
	}
	return applied
}

// NoteApplied notes which run a consumer has.
func (s *Store) NoteApplied(consumer, runID string) error {
	applied := s.applied()
	if applied[consumer] == runID {
		return nil
	}
	applied[consumer] = runID
	b, err := json.Marshal(applied, json.Deterministic(true))
	if err != nil {
		return err
	}
	return Replace(s.path("applied.json"), b)
}
