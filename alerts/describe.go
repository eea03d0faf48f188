package alerts

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
)

// Description is what can be said in rules, for docs/alerts.md. What has no words here has an empty Doc, which a test
// finds.
type Description struct {
	Change   []Field // of change, in conditions
	Entity   []Field // of entity, beside the properties of the type
	Run      []Field // of run
	Related  []Field // of change and entity both; templates of their rules have them too, with a capital
	Words    []Field // that templates of all rules may begin with
	OfChange []Field // likewise, of rules on changes alone
	OfState  []Field // likewise, of rules on states
	OfRun    []Field // likewise, of rules on runs
	Document []Field // of the JSON document that webhooks get

	AloneAtMost   int // alerts of one rule and run; more are folded into one
	NamedAtMost   int // of those that are told together
	EventsAtMost  int // of those, that a webhook is told of
	EventsOfAPart int // in one document
	TitleAtMost   int // characters
	TextAtMost    int // characters
	ValueAtMost   int // characters of one value in a title or text
	StepsAtMost   int // turns of loops and calls of templates, of a title or text
	ConditionSize int // characters
}

// Field is something that can be looked at by its name.
type Field struct {
	Name string
	Type string // as CEL calls it; of the JSON document, as JSON does; "" for the words of templates
	Doc  string
}

// Describe is what can be said in rules.
func Describe() Description {
	change, state, run := roots(&condition{kind: OnChange}), roots(&condition{kind: OnState}), roots(&condition{kind: OnRun})
	all := map[string]bool{}
	for name := range run {
		_, ofChange := change[name]
		_, ofState := state[name]
		all[name] = ofChange && ofState
	}
	own := func(roots map[string]root) map[string]bool {
		names := map[string]bool{}
		for name := range roots {
			names[name] = !all[name]
		}
		return names
	}
	related, ofChanges, entity := map[string]string{}, typesOf(changeFields), typesOf(commonFields)
	entity["properties"] = recordWord
	for _, r := range relations {
		related[r.name] = recordWord
		delete(ofChanges, r.name)
		delete(entity, r.name)
		delete(change, capital(r.name))
		delete(state, capital(r.name))
	}
	return Description{

		Change:   describe(ofChanges, changeWords),
		Entity:   describe(entity, entityWords),
		Run:      describe(typesOf(runFields), runWords),
		Related:  describe(related, relatedWords),
		Words:    describe(untyped(all), templateWords),
		OfChange: describe(untyped(own(change)), templateWords),
		OfState:  describe(untyped(own(state)), templateWords),
		OfRun:    describe(untyped(own(run)), templateWords),
		Document: describe(jsonTypes(reflect.TypeFor[document]()), documentWords),

		AloneAtMost: maxSingle, NamedAtMost: maxNames, EventsAtMost: maxEvents, EventsOfAPart: maxPartEvents, TitleAtMost: maxTitle, TextAtMost: maxText, ValueAtMost: maxValue, StepsAtMost: maxWork / costOfAStep,
		ConditionSize: maxCondition,
	}
}

// said is a name and what it is.
type said struct{ name, doc string }

// describe puts fields into the order of the words on them. A field that there are no words on stands at the end.
func describe(typeOf map[string]string, words []said) []Field {
	var fields []Field
	described := map[string]bool{}
	for _, w := range words {
		if t, found := typeOf[w.name]; found {
			fields = append(fields, Field{w.name, t, w.doc})
			described[w.name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(typeOf)) {
		if !described[name] {
			fields = append(fields, Field{name, typeOf[name], ""})
		}
	}
	return fields
}

// recordWord is the type of what has the properties of the data model.
const recordWord = "properties"

func typesOf(fields map[string]*types.FieldType) map[string]string {
	all := map[string]string{}
	for name, f := range fields {
		if all[name] = f.Type.String(); f.Type.Kind() == types.StructKind {
			all[name] = recordWord
		}
	}
	return all
}

func untyped(names map[string]bool) map[string]string {
	all := map[string]string{}
	for name, in := range names {
		if in {
			all[name] = ""
		}
	}
	return all
}

func jsonTypes(t reflect.Type) map[string]string {
	all := map[string]string{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch f.Type.Kind() {
		case reflect.Map:
			all[name] = "object"
		case reflect.Struct:
			if f.Anonymous {
				continue
			}
			all[name] = "string" // a time
		case reflect.Slice:
			all[name] = "list of strings"
			if kind := f.Type.Elem().Kind(); kind == reflect.Slice || kind == reflect.Struct {
				all[name] = "list of objects"
			}
		case reflect.Int:
			all[name] = "number"
		default:
			all[name] = "string"
		}
	}
	return all
}

// relatedWords are the entities that are told with others.
var relatedWords = []said{
	{"agent", "The agent: of a threat the one it was found on, of a device the one that was heard of last."},
	{"device", "The machine that the agent protects, or protected until this run."},
	{"owner", "Who owns the device; where it was deleted, who owned it."},
	{"previousOwner", "Who owned the device until this run: of a new `sentinelone_user_owns_device`."},
	{"group", "The group that it is in."},
	{"site", "The site that it is in."},
	{"account", "The account that it is in."},
	{"threat", "The threat: of a relationship that ends at one."},
	{"application", "The application: of a relationship that ends at one."},
	{"vulnerability", "The vulnerability: of a relationship that ends at one."},
}

var changeWords = []said{
	{"op", "What happened: `created`, `updated`, `deleted`, or `rekeyed` (the same thing under a new key, such as a renamed computer)."},
	{"type", "Type, such as `sentinelone_agent`."},
	{"class", "Class, such as `HostAgent`."},
	{"key", "Key of the entity or relationship."},
	{"previousKey", "Of what was rekeyed: the key before."},
	{"displayName", "Its name, for people."},
	{"changed", "Names of the properties that changed; volatile ones never stand there."},
	{"before", "All properties before; absent of what was created."},
	{"after", "All properties after; absent of what was deleted."},
}

var entityWords = []said{
	{"type", "Type, such as `sentinelone_agent`."},
	{"class", "Class, such as `HostAgent`."},
	{"key", "Key of the entity."},
	{"properties", "All properties, also those of the same name as a field in this table (`entity.properties.type`)."},
}

var runWords = []said{
	{"id", "ID; absent where the run failed before it had one."},
	{"status", "`complete`, `partial` or `failed`."},
	{"error", "Why it failed."},
	{"failedInRow", "Runs that failed one after the other, this one included."},
	{"notCompleteInRow", "Runs that failed or were partial one after the other, this one included."},
	{"incompleteTypes", "Types that were not read whole."},
	{"withheld", "Deletions that the guard withheld, by type."},
	{"behind", "Stores that do not hold the run yet: `neo4j`. Empty where a run is evaluated later than it was made."},
	{"unseen", "What rules or a store were moved past without having seen it: sentences."},
	{"tokenDaysLeft", "Days until the API token expires, rounded up; absent where nobody knows."},
	{"tokenDaysLeftBefore", "The same in the run before."},
}

var templateWords = []said{
	{"Name", "Name of the entity or relationship."},
	{"Key", "Its key."},
	{"Op", "`created`, `updated`, `deleted`, `rekeyed`; of a state `began` or `ended`; of a run its status."},
	{"Rule", "Name of the rule."},
	{"Severity", "Severity of the alert; not in `severity` itself."},
	{"Instance", "Name of the tenant here."},
	{"Run", "ID of the run."},
	{"At", "When the run began."},
	{"Count", "How many are told together; else 1."},
	{"Names", "Their names, or the one."},
	{"Type", "Its type."},
	{"Class", "Its class."},
	{"Before", "Properties before."},
	{"After", "Properties after."},
	{"Changed", "Names of the properties that changed."},
	{"PreviousKey", "Of what was rekeyed: the key before."},
	{"Entity", "Its properties; of a device also `compliant` and `nonCompliantReasons`, and its exposure."},
	{"Status", "`complete`, `partial` or `failed`."},
	{"Error", "Why it failed."},
	{"FailedInRow", "As `run.failedInRow`."},
	{"NotCompleteInRow", "As `run.notCompleteInRow`."},
	{"IncompleteTypes", "Types that were not read whole."},
	{"Withheld", "Withheld deletions: types and numbers."},
	{"Behind", "Stores that do not hold the run yet."},
	{"Unseen", "As `run.unseen`, one sentence after the other."},
	{"TokenDaysLeft", "As `run.tokenDaysLeft`; empty where nobody knows."},
}

var documentWords = []said{
	{"id", "ID of the alert, or of this part of it. A repetition has the same one."},
	{"event", "ID of what is told of; two rules that tell of the same change have the same one. That of a change is its `id` in `s1graph changes --json`."},
	{"instance", "Name of the tenant here."},
	{"run", "ID of the run."},
	{"at", "When the run began, RFC 3339 in UTC."},
	{"rule", "Name of the rule."},
	{"severity", "`info`, `low`, `medium`, `high` or `critical`."},
	{"op", "`created`, `updated`, `deleted`, `rekeyed`; of a state `began` or `ended`; of a run its status."},
	{"type", "Type of the entity or relationship."},
	{"class", "Its class."},
	{"key", "Its key; `run` of an alert on a run; absent where several are told together."},
	{"previousKey", "Of what was rekeyed: the key before."},
	{"displayName", "Its name, as whoever named the computer, file or user chose it: escape it."},
	{"title", "The title as the rule's template gives it."},
	{"text", "Likewise the text."},
	{"count", "How many are told together; else 1."},
	{"changed", "Names of the properties that changed."},
	{"before", "Properties before: of what was updated those that changed, of what was deleted all."},
	{"after", "Properties after: of what was updated those that changed, of what was created or is in a state all."},
	{"part", "Of several that are told together: which part of them this document has."},
	{"parts", "Likewise: in how many documents they come, all with the same `event`."},
	{"events", "Likewise: each of them, with `id` (the `event` that it would have alone), `op`, `type`, `class`, `key`, `previousKey`, `displayName`, `changed`, `before` and `after`."},
	{"related", "What is related to it, by the names above: `{\"owner\": {\"key\": …, \"displayName\": …}}`."},
	{"accountName", "What people call the tenant: `accountName` of the configuration, else the name of the account that it is in."},
	{"webLink", "Address in the console: of the threat, where there is one, else of the console."},
	{"more", "Command that shows more."},
	{"devices", "Of a vulnerability: the first devices that have it, each with `key` and `displayName`."},
	{"deviceCount", "Likewise: how many devices have it."},
	{"threats", "Of a threat that one, of another thing the open threats of its agent: `key`, `displayName`, `classification`, `filePath`, `sha1`, `webLink`."},
}
