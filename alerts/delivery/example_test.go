package delivery_test

import (
	"fmt"

	"s1graph/alerts/delivery"
	"s1graph/config"
)

func ExampleEscape() {
	escape := delivery.Escape(config.Destination{
		Name: "soc", URL: config.NewSecret("slack://hook:T00000000-B00000000-XXXXXXXXXXXXXXXXXXXXXXXX@webhook"),
	})
	fmt.Println(escape("DC01"), escape("<!channel>"), escape("https://evil.example"))
	// Output: DC01 &lt;!channel&gt; https[://]evil.example
}

func ExampleCheck() {
	fmt.Println(delivery.Check(config.Destination{Name: "hook", Format: "json", URL: config.NewSecret("http://example.com/key")}))
	// Output: alerts are posted through https only, but to this machine itself
}
