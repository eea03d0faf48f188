package delivery

// mattermost takes a title, and does nothing with it: the title stands in the text.
var mattermost = Service{Name: "mattermost", URL: "mattermost://HOST/TOKEN", escape: markdown}
