package delivery

var notifiarr = Service{Name: "notifiarr", host: at("notifiarr.com:443"), escape: markdown}
