package s1test

import "strconv"

// catalog is what there is to install. The entries of an OS are its products in some versions:
// entry e is product e % products in variant e / products.
type catalog struct {
	sizes    [4]int // entries of each OS
	names    [4]int // products of each OS
	first    [4]int // the first product of each OS
	products []product
	firstOdd int // in products: those of OddApplicationsAgent
	odd      []product
}

type product struct {
	name, publisher, kind       string // "" is null
	major                       int
	versionless, novel, nothing bool

	nameField, publisherField, typeField string // as they stand in a row
}

// variantsPerProduct is how many versions of a product the catalog has.
const variantsPerProduct = 4

func newCatalog(t *Tenant) *catalog {
	c := &catalog{}
	for os, share := range [4]int{windows: 50, macos: 25, linux: 24, legacy: 1} {
		c.sizes[os] = max(t.Catalog*share/100, t.ApplicationsPerAgent*4/3+2)
		c.names[os] = (c.sizes[os] + variantsPerProduct - 1) / variantsPerProduct
		c.first[os] = len(c.products)
		for i := range c.names[os] {
			c.products = append(c.products, productOf(osKind(os), i).ready())
		}
	}
	c.firstOdd = len(c.products)
	c.odd = oddProducts()
	for _, p := range c.odd {
		c.products = append(c.products, p.ready())
	}
	return c
}

func (c *catalog) entry(os osKind, e int) application {
	return application{c.first[os] + e%c.names[os], e / c.names[os]}
}

// osOf is the OS of a product of the catalog; false for the odd ones.
func (c *catalog) osOf(product int) (osKind, bool) {
	for os := range c.first {
		if product >= c.first[os] && product < c.first[os]+c.names[os] {
			return osKind(os), true
		}
	}
	return 0, false
}

// ready makes the parts of a row that are the same in every row of a product.
func (p product) ready() product {
	var o object
	o.textOrNull("name", p.name)
	p.nameField, o.b = string(o.b), nil
	o.textOrNull("publisher", p.publisher)
	p.publisherField, o.b = string(o.b), nil
	o.novel = p.novel
	o.enum("type", p.kind)
	p.typeField = string(o.b)
	return p
}

func productOf(os osKind, i int) product {
	known := knownProducts[min(os, linux)]
	if os == legacy {
		known = knownProducts[windows]
	}
	if i < len(known) {
		return known[i]
	}
	maker := makers[i%len(makers)]
	return product{
		name: maker + " " + things[i/len(makers)%len(things)] + " " + strconv.Itoa(i), publisher: maker + " Ltd.",
		kind: "app", major: 1 + i%12,
	}
}

func oddProducts() []product {
	odd := []product{
		{name: "In-house tool without publisher", kind: "app", major: 1},
		{name: "In-house tool without version", publisher: "Acme IT", kind: "app", versionless: true},
		{name: "In-house tool with neither", kind: "app", versionless: true},
		{name: "Of a kind and a risk that are new", publisher: "Acme IT", kind: "app", major: 3, novel: true},
		{nothing: true},
	}
	for _, name := range HostileNames {
		odd = append(odd, product{name: name, publisher: name, kind: "app", major: 6})
	}
	return odd
}

var makers = []string{
	"Alderwick", "Bluefern", "Corvane", "Dunmore", "Eastgate", "Fennick", "Galloway", "Hartwell", "Inverle", "Juniper Hill",
	"Kestrel", "Lindenau", "Marlowe", "Northam", "Oakhurst", "Penrose", "Quillon", "Ravensby", "Solvang", "Thornbury",
}

var things = []string{
	"Archive", "Backup", "Calendar", "Capture", "Console", "Designer", "Dictation", "Editor", "Forms", "Gateway",
	"Inventory", "Ledger", "Mail", "Monitor", "Notes", "Planner", "Print", "Reader", "Scan", "Sync", "Timesheet", "Viewer",
}

// knownProducts are what machines of Windows, macOS and Linux really have.
var knownProducts = [3][]product{
	windows: {
		{name: "Google Chrome", publisher: "Google LLC", kind: "app", major: 128},
		{name: "Microsoft 365 Apps for enterprise - en-us", publisher: "Microsoft Corporation", kind: "app", major: 16},
		{name: "7-Zip 24.08 (x64)", publisher: "Igor Pavlov", kind: "app", major: 24},
		{name: "Microsoft Edge", publisher: "Microsoft Corporation", kind: "app", major: 128},
		{name: "Microsoft Visual C++ 2015-2022 Redistributable (x64)", publisher: "Microsoft Corporation", kind: "app", major: 14},
		{name: "Adobe Acrobat (64-bit)", publisher: "Adobe", kind: "app", major: 24},
		{name: "Zoom Workplace (64-bit)", publisher: "Zoom Video Communications, Inc.", kind: "app", major: 6},
		{name: "Mozilla Firefox (x64 en-US)", publisher: "Mozilla", kind: "app", major: 129},
		{name: "Notepad++ (64-bit x64)", publisher: "Notepad++ Team", kind: "app", major: 8},
		{name: "OpenSSL (64-bit)", publisher: "OpenSSL Win64 Installer Team", kind: "app", major: 3},
		{name: "VLC media player", publisher: "VideoLAN", kind: "app", major: 3},
		{name: "PuTTY release (64-bit)", publisher: "Simon Tatham", kind: "app", major: 1},
		{name: "Git", publisher: "The Git Development Community", kind: "app", major: 2},
		{name: "Python (64-bit)", publisher: "Python Software Foundation", kind: "app", major: 3},
		{name: "Microsoft Teams", publisher: "Microsoft Corporation", kind: "app", major: 24},
		{name: "Slack", publisher: "Slack Technologies Inc.", kind: "app", major: 4},
		{name: "TeamViewer", publisher: "TeamViewer", kind: "app", major: 15},
		{name: "WinRAR (64-bit)", publisher: "win.rar GmbH", kind: "app", major: 6},
		{name: "Java 8 Update 421 (64-bit)", publisher: "Oracle Corporation", kind: "app", major: 8},
		{name: "Cisco Secure Client - AnyConnect VPN", publisher: "Cisco Systems, Inc.", kind: "app", major: 5},
		{name: "KeePass Password Safe", publisher: "Dominik Reichl", kind: "app", major: 2},
		{name: "Intel(R) Graphics Driver", publisher: "Intel Corporation", kind: "app", major: 31},
		{name: "Dell SupportAssist", publisher: "Dell Inc.", kind: "app", major: 4},
		{name: "KB5046633", publisher: "Microsoft Corporation", kind: "kb", major: 1},
		{name: "Security Update for Microsoft Office 2016 (KB5002653)", publisher: "Microsoft Corporation", kind: "patch", major: 1},
		{name: "uBlock Origin", publisher: "chrome.google.com", kind: "chromeExtension", major: 1},
		{name: "Bitwarden Password Manager", publisher: "microsoftedge.microsoft.com", kind: "edgeExtension", major: 24},
		{name: "Wireshark", publisher: "The Wireshark developer community", kind: "app", major: 4},
		{name: "Docker Desktop", publisher: "Docker Inc.", kind: "app", major: 4},
		{name: "Microsoft SQL Server 2019 (64-bit)", publisher: "Microsoft Corporation", kind: "app", major: 15},
	},
	macos: {
		{name: "Google Chrome", publisher: "Google LLC", kind: "app", major: 128},
		{name: "Safari", publisher: "Apple Inc.", kind: "app", major: 18},
		{name: "Microsoft Outlook", publisher: "Microsoft Corporation", kind: "app", major: 16},
		{name: "Microsoft Excel", publisher: "Microsoft Corporation", kind: "app", major: 16},
		{name: "zoom.us", publisher: "Zoom Video Communications, Inc.", kind: "app", major: 6},
		{name: "Slack", publisher: "Slack Technologies, Inc.", kind: "app", major: 4},
		{name: "Firefox", publisher: "Mozilla Corporation", kind: "app", major: 129},
		{name: "Visual Studio Code", publisher: "Microsoft Corporation", kind: "app", major: 1},
		{name: "iTerm", publisher: "GEORGE NACHMAN", kind: "app", major: 3},
		{name: "1Password", publisher: "AgileBits Inc.", kind: "app", major: 8},
		{name: "Docker", publisher: "Docker Inc", kind: "app", major: 4},
		{name: "Keynote", publisher: "Apple Inc.", kind: "app", major: 14},
		{name: "Grammarly for Safari", publisher: "Grammarly, Inc.", kind: "safariExtension", major: 9},
		{name: "OpenSSL", publisher: "Homebrew", kind: "app", major: 3},
	},
	linux: {
		{name: "openssl", publisher: "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", kind: "app", major: 3},
		{name: "openssh-server", publisher: "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", kind: "app", major: 9},
		{name: "bash", publisher: "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", kind: "app", major: 5},
		{name: "curl", publisher: "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", kind: "app", major: 7},
		{name: "libc6", publisher: "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", kind: "app", major: 2},
		{name: "nginx", publisher: "nginx packaging <nginx-packaging@f5.com>", kind: "app", major: 1},
		{name: "postgresql-16", publisher: "Debian PostgreSQL Maintainers", kind: "app", major: 16},
		{name: "python3.12", publisher: "Matthias Klose <doko@ubuntu.com>", kind: "app", major: 3},
		{name: "docker-ce", publisher: "Docker <support@docker.com>", kind: "app", major: 27},
		{name: "containerd.io", publisher: "Containerd team <help@containerd.io>", kind: "app", major: 1},
		{name: "sudo", publisher: "Sudo Maintainers", kind: "app", major: 1},
		{name: "systemd", publisher: "Debian systemd Maintainers", kind: "app", major: 255},
		{name: "openjdk-17-jre-headless", publisher: "OpenJDK Team", kind: "app", major: 17},
		{name: "redis-server", publisher: "Debian Redis Team", kind: "app", major: 7},
	},
}
