package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Bounds of what is passed over because an address refuses it. Beyond them it is the address, or the form, that is wrong.
const (
	mostRefusedAlone = 100 // events of a run that were posted alone, each after a batch was divided
	mostRefusedFirst = 20  // of those while no event of the run was taken yet
)

// posting is a run on its way to an https address.
type posting struct {
	*poster
	run   *Run
	done  Published
	taken bool // an event of the run was
	alone int  // events that were refused when they were posted alone
}

// postable is an event as it is posted.
type postable struct {
	body  []byte
	isRun bool // it says that the run is whole
}

// all posts the changes of the run, and then that it is whole. Should none be taken of a run that has changes, it is not done:
// the address may be a wrong one.
func (p *posting) all(ctx context.Context, whole bool) error {
	var batch []postable
	var changes int64
	size := 0
	add := func(e event, isRun bool) error {
		encoded, err := e.encode()
		if err != nil {
			return err
		}
		one := p.form.one(e, encoded)
		needs := len(one) + 2 // what is around it
		if len(batch) == mostInBatch || size+needs > mostBytes {
			if err := p.send(ctx, batch, true); err != nil {
				return err
			}
			batch, size = nil, 0
		}
		batch, size = append(batch, postable{one, isRun}), size+needs
		return nil
	}
	for line, err := range p.run.Changes {
		if err == nil {
			err = add(p.ofChange(p.run, &line), false)
		}
		if err != nil {
			return err
		}
		changes++
	}
	if whole {
		if err := add(p.ofRun(p.run, changes), true); err != nil {
			return err
		}
	}
	if err := p.send(ctx, batch, true); err != nil {
		return err
	}
	if whole && !p.taken && p.done.Refused > 0 {
		return fmt.Errorf("the address of events.url took no event of the run %s: look whether it takes what events.form says", p.run.ID)
	}
	return nil
}

// send posts a batch. One that is refused for what is in it is divided, until the event that it is refused for stands alone, and is
// passed over. An answer may name that event; it is believed as long as it is right.
func (p *posting) send(ctx context.Context, batch []postable, believed bool) error {
	if len(batch) == 0 {
		return nil
	}
	refused, err := p.deliver(ctx, batch, p.run.Once)
	unfit, isUnfit := errors.AsType[*unfitError](err)
	switch {
	case isUnfit && len(batch) == 1:
		p.passOver(batch[0])
		p.alone++
		if p.alone > mostRefusedAlone || !p.taken && p.alone >= mostRefusedFirst {
			return fmt.Errorf("%w (so it did to %d events of the run %s, each by itself)", err, p.alone, p.run.ID)
		}
		return nil
	case isUnfit:
		at, to := len(batch)/2, len(batch)/2
		if n := unfit.event; believed && n >= 0 && n < len(batch) {
			at, to = n, n+1
		}
		if err := p.send(ctx, batch[:at], false); err != nil {
			return err
		}
		before := p.alone
		if err := p.send(ctx, batch[at:to], false); err != nil {
			return err
		}
		return p.send(ctx, batch[to:], p.alone > before)
	case err != nil:
		return err
	}
	for i, one := range batch {
		switch {
		case slices.Contains(refused, i):
			p.passOver(one)
		default:
			p.taken = true
			if !one.isRun {
				p.done.Events++
			}
		}
	}
	return nil
}

func (p *posting) passOver(one postable) {
	if one.isRun {
		p.done.NoEnd = true
	} else {
		p.done.Refused++
	}
}

// body is a batch as it is posted.
func (f *form) body(batch []postable) []byte {
	var b bytes.Buffer
	for i, one := range batch {
		if i == 0 {
			b.WriteString(f.begin)
		} else {
			b.WriteString(f.between)
		}
		b.Write(one.body)
	}
	b.WriteString(f.ending)
	return b.Bytes()
}
