package delivery

var lark = Service{Name: "lark", escape: lookalikes, titled: true}
