package config

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// readInstances reads a list of layers; each lies over the top level.
func (d *document) readInstances(key string, node ast.Node) {
	d.list(key, node, "instances", func(key string, node ast.Node) {
		own := newLayer(key, d.start(node, ""))
		entry := &document{reading: d.reading, layer: own}
		entry.read("", node)
		d.instances = append(d.instances, own)
	})
}

// instance is what the layer's instance is called, "" where that is missing or wrong.
func (l *layer) instance() string {
	if name := l.get("instance"); name != nil && !name.broken {
		return name.value
	}
	return ""
}

// checkInstances makes sure that no two instances could be taken for one.
func (r *reading) checkInstances() {
	if len(r.instances) == 0 {
		return
	}
	for _, key := range []string{"instance", "dir"} {
		if shared := r.top.get(key); shared != nil {
			r.fault(shared.where, "must stand in each of the instances, since no two have the same")
		}
	}
	names, folders := map[string]string{}, map[string]string{}
	for _, own := range r.instances {
		name, dir := own.instance(), own.get("dir")
		if own.get("instance") == nil {
			r.fault(own.place+": "+own.name, "must have a name, such as instance: acme")
		}
		if name == "" {
			continue
		}
		where := own.get("instance").where
		if other, taken := names[name]; taken {
			r.fault(where, "must be a name that no other instance has, and %s has it too", other)
			continue
		}
		names[name] = own.name
		folder := defaultDir(name)
		if dir != nil {
			folder, where = dir.value, dir.where
		}
		if absolute, err := filepath.Abs(folder); err == nil {
			folder = absolute
		}
		if other, taken := folders[folder]; taken {
			r.fault(where, "must be a folder that no other instance has, and %s has it too", other)
		}
		folders[folder] = own.name
	}
}

func defaultDir(instance string) string { return filepath.Join(".s1graph", instance) }

// choose finds the instances that are meant: all if there may be several and none is named, and one
// otherwise. Where the file has no list of them, it is the top level. None are found where there is a fault.
func (r *reading) choose(several bool) []*layer {
	top := []*layer{{}}
	switch {
	case r.refused:
		return nil
	case len(r.instances) == 0:
		return top
	}
	var names []string
	for _, own := range r.instances {
		if own.instance() == "" {
			return nil // which was told, and could be the one
		}
		names = append(names, own.instance())
	}
	if r.sources.All {
		delete(r.variables, "S1GRAPH_INSTANCE") // each has a name of its own
		return r.instances
	}
	name, by := r.sources.Given("instance")
	dir, _ := r.sources.Given("dir")
	chosen := slices.Index(names, name)
	// Neither a recording nor a database need be of an instance that the file still has.
	isApart := r.sources.Recording != "" || r.sources.NoConsole
	switch {
	case chosen >= 0:
		return r.instances[chosen : chosen+1]
	case isApart || name == "" && r.sources.Local && dir != "":
		return top
	case name != "":
		r.fault(by, "must be an instance of %s, which has %s%s", r.path, strings.Join(names, ", "), suggestion(name, names))
		return nil
	case several || len(names) == 1:
		return r.instances
	default:
		orAll := ""
		if r.sources.OffersAll {
			orAll = "; --all means all of them"
		}
		r.fault("--instance", "must be given: %s has the instances %s%s", r.path, strings.Join(names, ", "), orAll)
		return nil
	}
}

// refuseForSeveral tells of flags that would make one tenant of all instances.
func (r *reading) refuseForSeveral() {
	for _, s := range settings {
		if _, isGiven := r.sources.Flags[s.Key]; isGiven && s.tenant {
			r.fault("--"+s.FlagName(), "must not be given with several instances: put it into %s, or choose one by --instance", r.path)
		}
		if s.Key == "dir" && r.variables[s.Variable()] != "" {
			r.fault(s.Variable(), "must not be set with several instances, which would have one folder: choose one by --instance")
		}
	}
}

// heeds says whether a setting matters to what is done.
func (r *reading) heeds(s Setting) bool {
	switch s.Group {
	case Console:
		return r.sources.Recording == "" && !r.sources.NoConsole && !r.sources.Local
	case Database:
		return !r.sources.Local || r.sources.Stores
	}
	return true
}

// checkVariable makes sure that a variable, which is the same for all instances, does not take the place of
// what one of them has of its own: another tenant would be read into its folder.
func (l *loader) checkVariable(name string, s Setting) {
	if own := l.own.get(s.Key); own != nil && s.Key != "instance" && l.heeds(s) {
		l.fault(name, "must not be set along with %s.%s in %s, whose place it would take: unset it, or say --%s", l.own.name, s.Key, l.path, s.FlagName())
	}
}
