package delivery

var gotify = Service{Name: "gotify", URL: "gotify://HOST/TOKEN", titled: true}
