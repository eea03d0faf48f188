package config

import (
	"cmp"
	"slices"
)

// Service is what the service was asked to do: to poll instances, and to answer on an address. It is made by
// LoadService, which has checked it, and does not change after.
type Service struct {
	Instances []*Config // sorted by Instance; each has a name and a Dir of its own, and all have one Log
	Listen    string    // HOST:PORT of its HTTP server, or off
	Hosts     []string  // names that its server answers to, beside IP addresses, localhost and that in Listen
	AtOnce    int       // so many instances run at once, at most; 1 at least
}

// LoadService reads what there is and checks it: of all instances of the file, of the one that is chosen, or of
// the only one that there is where the file has no list of them. What is odd about several instances is told
// by the Warnings of the first of them alone. An error is of type Faults and has all of them.
func LoadService(s Sources) (*Service, error) {
	loaded, err := load(s, true)
	if err != nil {
		return nil, err
	}
	service := &Service{Listen: loaded[0].config.listen, Hosts: loaded[0].config.hosts, AtOnce: loaded[0].config.atOnce}
	for _, l := range loaded {
		service.Instances = append(service.Instances, &l.config.Config)
	}
	slices.SortFunc(service.Instances, func(a, b *Config) int { return cmp.Compare(a.Instance, b.Instance) })
	told := map[string]bool{}
	for _, c := range service.Instances {
		c.Warnings = slices.DeleteFunc(c.Warnings, func(warning string) bool {
			before := told[warning]
			told[warning] = true
			return before
		})
	}
	return service, nil
}
