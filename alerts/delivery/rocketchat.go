package delivery

var rocketchat = Service{Name: "rocketchat", URL: "rocketchat://HOST/TOKENA/TOKENB", escape: lookalikes}
