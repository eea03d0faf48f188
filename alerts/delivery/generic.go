package delivery

import (
	"errors"
	"strings"

	shoutrrrgeneric "github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/generic"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"s1graph/config"
)

var generic = Service{
	Name: "generic",
	URL:  "generic://HOST/PATH",
	open: func(s *Service, to config.Destination, _ Config) (sender, error) {
		ready, err := s.locate(to)
		if err != nil {
			return nil, err
		}
		titled := ready.(*shoutrrrgeneric.Service).Config.Template != ""
		return &courier{service: s, to: to, titled: titled, ready: ready}, nil
	},
	adapt: func(ready types.Service) error {
		if t := ready.(*shoutrrrgeneric.Service).Config.Template; t != "" && !strings.EqualFold(t, shoutrrrgeneric.JSONTemplate) {
			return errors.New("generic with a template other than json cannot be used: there are none")
		}
		return nil
	},
}
