package delivery

var bark = Service{Name: "bark", titled: true}
