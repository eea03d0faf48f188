package delivery

var wecom = Service{Name: "wecom", host: at("qyapi.weixin.qq.com:443"), escape: lookalikes}
