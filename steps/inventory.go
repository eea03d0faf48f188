package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/sourcegraph/conc/pool"

	"s1graph/entities"
	"s1graph/plural"
	"s1graph/s1"
)

// collectInventory reads the applications, and for each the agents that have it. The inventory takes one account, site
// or group in a question, so that several are asked for one after another.
func collectInventory(ctx context.Context, in *Input, out *Emitter) error {
	var bad badItems
	known := newApplicationTable()
	for i, filters := range in.Scope.queriesOfOne(inventoryList.Scope) {
		err := collectInventoryOf(ctx, in, out, known, filters, &bad)
		if unavailable, ok := errors.AsType[*unavailableError](err); ok && i > 0 { // what was read before is there
			return unavailable.err
		}
		if err != nil {
			return err
		}
	}
	return bad.err()
}

// collectInventoryOf reads the applications under some filters. The console allows three questions for an application a
// second, so a handful at once is plenty.
func collectInventoryOf(ctx context.Context, in *Input, out *Emitter, known *applicationTable, filters url.Values, bad *badItems) error {
	const atOnce = 4
	lists := pool.New().WithMaxGoroutines(atOnce).WithContext(ctx).WithCancelOnError().WithFirstError()
	apps := &list[s1.InventoryApplication]{
		List:     List{Path: inventoryList.Path, Optional: inventoryList.Optional, Right: inventoryList.Right}, // filters has the scope
		endpoint: s1.Inventory,
		name:     "?" + filters.Encode(),
		filters:  filters,
		id: func(row *s1.InventoryApplication) string {
			if row.ApplicationName == "" && row.ApplicationVendor == "" {
				return ""
			}
			return row.ApplicationName + "\x00" + row.ApplicationVendor
		},
		updated: func(*s1.InventoryApplication) s1.Time { return 0 },
		records: func(row *s1.InventoryApplication, _ *made) error {
			app := *row
			lists.Go(func(ctx context.Context) error {
				err := collectEndpoints(ctx, in, out, known, &app, filters)
				if pointless(ctx, err) != nil {
					return err
				}
				return bad.add(err)
			})
			return nil
		},
	}
	err := apps.collect(ctx, in, out)
	return errors.Join(err, lists.Wait())
}

// collectEndpoints reads which agents have one application of the inventory.
func collectEndpoints(ctx context.Context, in *Input, out *Emitter, known *applicationTable, app *s1.InventoryApplication, filters url.Values) error {
	name := "?" + filters.Encode() + "\x00" + app.ApplicationName + "\x00" + app.ApplicationVendor
	endpoints := &list[s1.InventoryEndpoint]{
		List:     List{Path: s1.InventoryEndpoints.Path},
		endpoint: s1.InventoryEndpoints,
		name:     name,
		among:    newAmong(s1.InventoryEndpoints.Path),
		filters: withFilters(filters, url.Values{
			"applicationName":   {app.ApplicationName},
			"applicationVendor": {app.ApplicationVendor},
		}),
		id: func(row *s1.InventoryEndpoint) string {
			id := cmp.Or(row.ID, strings.TrimSpace(cmp.Or(row.EndpointID, row.EndpointUUID)+" "+row.Version))
			if id == "" {
				return ""
			}
			return id + name
		},
		updated: func(row *s1.InventoryEndpoint) s1.Time { return row.DetectionDate },
		records: func(row *s1.InventoryEndpoint, to *made) error {
			to.installation = entities.FromInventory(app, row)
			return known.addRecords(in, out, in.lookups.device(row.EndpointID, row.EndpointUUID), to)
		},
	}
	err := endpoints.collect(ctx, in, out)
	if err == nil && app.ApplicationVendor == "" && app.EndpointsCount.Value > 0 && endpoints.distinct(out) == 0 {
		// The console wants a vendor in the question, and this application has none.
		err = fmt.Errorf("%s gave nothing where the inventory counts %s", s1.InventoryEndpoints.Path, plural.Of(int64(app.EndpointsCount.Value), "endpoint"))
	}
	if err != nil {
		return fmt.Errorf("application %q of %q: %w", app.ApplicationName, app.ApplicationVendor, err)
	}
	return nil
}

// badItems are the applications of an inventory that could not be read. The rest is read, and the step says which ones it
// lacks. It is safe for concurrent use.
type badItems struct {
	mu     sync.Mutex
	errs   []string
	broken int // of these, those for which the console was asked again and again
}

// mostBroken is how many applications may fail otherwise than by a refusal of what was asked. Beyond that it is the console
// that fails, and each further one would take half a minute.
const mostBroken = 10

// add notes why an application could not be read. It returns the error where the rest is not worth trying.
func (b *badItems) add(err error) error {
	if err == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errs = append(b.errs, err.Error())
	if answer, ok := errors.AsType[*s1.Error](err); ok && (answer.Status == 0 || answer.Status == 429 || answer.Status >= 500) {
		if b.broken++; b.broken > mostBroken {
			return err
		}
	}
	return nil
}

// err says which applications could not be read, or nil.
func (b *badItems) err() error {
	if len(b.errs) == 0 {
		return nil
	}
	const most = 5
	slices.Sort(b.errs)
	named := strings.Join(b.errs[:min(most, len(b.errs))], "; ")
	if more := len(b.errs) - most; more > 0 {
		named += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Errorf("%s of the inventory could not be read, and the rest was: %s", plural.Of(len(b.errs), "application"), named)
}
