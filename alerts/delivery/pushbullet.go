package delivery

import (
	"errors"

	shoutrrrpushbullet "github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushbullet"
)

var pushbullet = Service{
	Name:   "pushbullet",
	host:   at("api.pushbullet.com:443"),
	titled: true,
	fault: func(err error) (*fault, bool) {
		mismatch := errors.Is(err, shoutrrrpushbullet.ErrResponseBodyMismatch) || errors.Is(err, shoutrrrpushbullet.ErrResponseTitleMismatch)
		return nil, mismatch // it was taken, and tidied up
	},
}
