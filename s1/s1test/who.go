package s1test

// The effects in this file are those of consoles whose /user says in another way than the API document, or does not say,
// what the token may see. That it answers 403 or 404 is Status.

// userWith has /user give its user as change leaves it.
func userWith(change func(user map[string]any)) Fault {
	return Fault{Path: "/user", Effect: rewrite(func(answer map[string]any) {
		if user, ok := answer["data"].(map[string]any); ok {
			change(user)
		}
	})}
}

// UserWithScope has /user write the scope in another word, such as Site or global; nil is null.
func UserWithScope(word any) Fault {
	return userWith(func(user map[string]any) { user["scope"] = word })
}

// UserWithoutIDs has /user give roles without IDs.
func UserWithoutIDs() Fault {
	return userWith(func(user map[string]any) {
		for _, name := range []string{"scopeRoles", "siteRoles"} {
			roles, _ := user[name].([]any)
			for _, role := range roles {
				delete(role.(map[string]any), "id")
			}
		}
	})
}

// UserOfSiteRoles has /user name sites in the deprecated siteRoles alone.
func UserOfSiteRoles() Fault {
	return userWith(func(user map[string]any) {
		delete(user, "scope")
		delete(user, "scopeRoles")
	})
}

// UserOfNulls has /user give null for all that it could tell.
func UserOfNulls() Fault {
	return userWith(func(user map[string]any) {
		for name := range user {
			user[name] = nil
		}
	})
}
