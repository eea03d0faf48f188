package delivery

var signal = Service{Name: "signal", escape: lookalikes}
