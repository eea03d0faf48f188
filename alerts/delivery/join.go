package delivery

var join = Service{Name: "join", host: at("joinjoaomgcd.appspot.com:443"), titled: true}
