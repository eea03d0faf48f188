package connector

import (
	"context"
	"time"

	"s1graph/s1"
	"s1graph/steps"
)

// readScope asks who the token is, and what it may see.
func (r *run) readScope(ctx context.Context) (steps.Scope, error) {
	user, err := r.client.User(ctx)
	if err != nil && !s1.IsRefused(err) && !s1.IsNotFound(err) {
		return steps.Scope{}, err
	}
	r.user = user
	r.noteExpiry(user)
	scope, err := steps.NewScope(user, r.filters())
	if err != nil {
		err = &UsageError{err}
	}
	if scope.Unknown && user.Scope != s1.ScopeMixed {
		scope.Unknown, scope.Fingerprint = false, r.client.Fingerprint(r.store.Identity().Key)
	}
	return scope, err
}

// noteExpiry puts into the summary when the user's token expires, if the console tells.
func (r *run) noteExpiry(user s1.User) {
	if user.APIToken != nil && user.APIToken.ExpiresAt > 0 {
		r.summary.TokenExpiresAt = time.UnixMilli(int64(user.APIToken.ExpiresAt)).UTC()
	}
}

// checkTokens looks whether the token, or what its user may see, changed while the steps ran. For that it asks
// /user once more. Where anything else may be seen now than when the run began, or the console does not say, nobody
// knows what each list lacks, so all that was read is incomplete. The scope that is kept for the next run stays the one
// that this run began with: what a narrower token does not see is out of scope for that run then, and what a wider one
// sees is a baseline.
func (r *run) checkTokens(ctx context.Context, in *steps.Input) error {
	if err := r.client.CheckUser(ctx); err != nil {
		return err
	}
	for _, change := range r.client.TokenChanges() {
		r.noteExpiry(change.User)
		if change.SameScope {
			continue
		}
		r.mixed = true
		scope, err := steps.NewScope(change.User, r.filters())
		switch {
		case change.SameToken && change.Err != nil:
			r.notice("At the end of the run the console did not say again what the API token may see (%v); nothing was deleted; run again.", change.Err)
			continue
		case change.SameToken && err == nil && scope.Unknown:
			r.notice("During this run the console stopped saying what the API token may see; nothing was deleted; look with s1graph api user, and run again.")
		case change.SameToken:
			r.notice("During this run somebody changed in the console what the API token's user may see; nothing was deleted; run again to read all with the new scope, or give the user its old scope.")
		case change.Err != nil:
			r.notice("The API token changed during this run, and the console does not say what the new one may see (%v); nothing was deleted; look with s1graph api user, and run again.", change.Err)
			continue
		case err == nil && scope.Unknown:
			r.notice("The API token changed during this run, and the console does not say what the new one may see; nothing was deleted; look with s1graph api user, and run again.")
		default:
			r.notice("The API token changed during this run, and the new one sees another part of the tenant than the old one; nothing was deleted; run again to read all with the new token, or give its service user the scope that the old one had.")
		}
		if err == nil && !in.Scope.Covers(scope, in.AccountBefore) {
			r.baseline(func(string) bool { return true }) // what comes into view was there before
		}
	}
	return nil
}

// settleScope looks, where /user does not tell what the token may see, whether the lists that show it were read whole, and
// are no shorter now.
func (r *run) settleScope(ctx context.Context, in *steps.Input) error {
	if in.Scope.Fingerprint == "" {
		return nil
	}
	if !in.ListsScope() {
		in.Scope.Unknown = true
		r.notice("The console does not say what the token may see, and /sites and /groups, whose lists show it, were not read whole: nothing was deleted.")
		return nil
	}
	shorter, err := in.BecameShorter(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.mixed = true
		r.notice("At the end of the run /sites and /groups, whose lists show what the token may see, did not answer again (%v); nothing was deleted; run again.", err)
	case shorter:
		r.mixed = true
		r.notice("During this run /sites or /groups became shorter. Their lists show what the token may see; nothing was deleted; run again.")
	}
	if in.ListsNew() && r.baseline(func(id string) bool { return r.doubted[id] }) { // it may have been there before
		r.notice("It lists accounts, sites or groups that the last run did not: what it finds is a baseline, and no change is reported.")
	}
	if n := in.Left(); n > 0 {
		r.notice("The console does not say what the token may see, and no longer lists accounts, sites and groups (%d): they are kept, with everything below them. If they are really gone, run s1graph accept-deletions --out-of-scope.", n)
	}
	return nil
}
