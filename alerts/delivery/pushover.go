package delivery

var pushover = Service{Name: "pushover", host: at("api.pushover.net:443"), titled: true}
