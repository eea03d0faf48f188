package delivery

var ifttt = Service{Name: "ifttt", host: at("maker.ifttt.com:443"), escape: lookalikes}
