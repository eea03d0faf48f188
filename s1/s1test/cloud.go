package s1test

func (w *world) writeCloud(o *object, a *agent) {
	if !o.open("cloudProviders") {
		return
	}
	n, m := a.n, w.machine(a.n)
	d := w.dice(aboutCloud, n, 0)
	switch {
	case w.odd(n, AWSAgent), !w.isAwkward(n) && m.os == linux && d%3 == 0:
		o.open("AWS")
		o.text("awsRole", "arn:aws:iam::210987654321:role/web")
		o.texts("awsSecurityGroups", "sg-0a1b2c3d4e5f60718", "sg-0f1e2d3c4b5a69788")
		o.texts("awsSubnetIds", "subnet-0123456789abcdef0")
		o.text("cloudAccount", "210987654321")
		o.text("cloudImage", "ami-0fedcba9876543210")
		o.text("cloudInstanceId", "i-0"+string(appendHex(nil, d, 16)))
		o.text("cloudInstanceSize", "t3.large")
		o.text("cloudLocation", "eu-central-1a")
		o.text("cloudNetwork", "vpc-0a1b2c3d4e5f60718")
		o.texts("cloudTags", "Name=web", "team=platform")
		o.end()
	case w.odd(n, AzureAgent):
		o.open("Azure")
		o.text("azureResourceGroup", "rg-production")
		o.text("cloudAccount", "6f1c2a3b-0000-4000-8000-0123456789ab")
		o.text("cloudImage", "MicrosoftWindowsServer:WindowsServer:2022-datacenter")
		o.text("cloudInstanceId", "0b1c2d3e-0000-4000-8000-"+string(appendHex(nil, d, 12)))
		o.text("cloudInstanceSize", "Standard_D4s_v5")
		o.text("cloudLocation", "westeurope")
		o.text("cloudNetwork", "vnet-production")
		o.texts("cloudTags", "env:production")
		o.end()
	case w.odd(n, PodAgent):
		o.open("GCP")
		o.text("agentNamespace", "sentinelone")
		o.text("agentPodName", "s1-agent-x7k2p")
		o.text("cloudAccount", "globex-prod-4711")
		o.text("cloudInstanceId", "4711000000000000001")
		o.text("cloudLocation", "europe-west3-b")
		o.text("clusterName", "prod-1")
		o.text("gcpServiceAccount", "agent@globex-prod-4711.iam.gserviceaccount.com")
		o.texts("kubernetesNodeLabels", "kubernetes.io/os=linux", "pool=default")
		o.text("kubernetesNodeName", "gke-prod-1-default-0a1b")
		o.text("kubernetesType", "gke")
		o.text("kubernetesVersion", "v1.30.5-gke.1014001")
		o.end()
	}
	o.end()
}
