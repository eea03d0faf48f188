package entities

// Reasons for which a property is volatile, where several have the same one: they go on from "it".
const (
	bookkeeping     = "moves whenever the console writes to the row, whatever for"
	countOfChildren = "counts what are entities of their own, which have their own changes"
	nameOfParent    = "moves when the parent is renamed, which is one change of the parent"
	heartbeat       = "moves whenever the agent reports"
	roaming         = "moves with the network that the machine is in"
	scanning        = "moves with every scan"
	someoneLoggedIn = "moves with every login; another owner is a change of the OWNS relationships"
	loginName       = "gathers the login names that any of the user's devices reports"
	otherEntity     = "is the agent's state of today, whose changes are the agent's"
	otherwiseToday  = "is the agent's of today where the row does not say how it was, and else does not move"
	vendorRelease   = "moves for the whole fleet when the vendor publishes a version or a vulnerability"
	interfaces      = "moves as docks, VPNs and randomised Wi-Fi addresses come and go"
	workload        = "moves as containers come and go"
)
