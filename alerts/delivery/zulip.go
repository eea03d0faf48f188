package delivery

var zulip = Service{Name: "zulip", URL: "zulip://MAIL:KEY@HOST/?stream=NAME&topic=NAME", escape: lookalikes}
