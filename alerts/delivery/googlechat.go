package delivery

var googlechat = Service{
	Name:   "googlechat",
	URL:    "googlechat://chat.googleapis.com/v1/spaces/ID/messages?key=KEY&token=TOKEN",
	escape: lookalikes,
}

// hangouts is the name that Google Chat had.
var hangouts = Service{Name: "hangouts", host: at("chat.googleapis.com:443"), escape: lookalikes}
