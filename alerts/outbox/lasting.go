package outbox

import (
	"fmt"
)

// noteLasting keeps a message that was delivered and lasts, and forgets the one whose end was.
func (tx *Tx) noteLasting(m Message) error {
	key := idKey(m.Destination, m.Incident)
	switch {
	case m.Lasts:
		return tx.put(lasting, key, m)
	case m.Op == "ended" && m.Incident != "" && tx.bucket(lasting) != nil:
		return tx.bucket(lasting).Delete(key)
	}
	return nil
}

// Lasting is what was delivered to destination and lasts.
func (tx *Tx) Lasting(destination string) ([]Message, error) {
	var all []Message
	for _, value := range tx.each(lasting, destinationPrefix(destination)) {
		m, err := readMessage(value)
		if err != nil {
			return nil, fmt.Errorf("what lasts in the outbox: %w", err)
		}
		all = append(all, m)
	}
	return all, nil
}

// Outlast forgets what does not last any more, of all destinations.
func (tx *Tx) Outlast(lasts func(Message) bool) error {
	for key, value := range tx.each(lasting, nil) {
		if m, err := readMessage(value); err == nil && lasts(m) {
			continue
		}
		if err := tx.bucket(lasting).Delete(key); err != nil {
			return err
		}
	}
	return nil
}
