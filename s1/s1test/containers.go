package s1test

func (w *world) writeContainer(o *object, a *agent) {
	pod := w.machine(a.n).kind == "kubernetes pod"
	labels := func(name, value string) {
		if pod {
			o.texts(name, value)
		} else {
			o.null(name)
		}
	}
	text := func(name, value string) {
		if pod {
			o.text(name, value)
		} else {
			o.null(name)
		}
	}
	flag := func(name string) {
		if pod {
			o.flag(name, false)
		} else {
			o.null(name)
		}
	}
	o.open("containerInfo")
	text("id", "4f1c9a0d7e2b")
	text("image", "registry.example/web:4.2")
	flag("isContainerQuarantine")
	labels("labels", "app=web")
	text("name", "web")
	o.end()
	o.open("ecsInfo")
	for _, name := range []string{
		"clusterName", "serviceArn", "serviceName", "taskArn", "taskAvailabilityZone", "taskDefinitionArn", "taskDefinitionFamily",
		"taskDefinitionRevision", "type", "version",
	} {
		o.null(name) // as rapid7/insightconnect-plugins names them; of the threats of the test tenant only the full one has them
	}
	o.end()
	o.open("kubernetesInfo")
	text("cluster", "prod-1")
	text("controllerKind", "Deployment")
	labels("controllerLabels", "app=web")
	text("controllerName", "web")
	flag("isContainerQuarantine")
	text("namespace", "default")
	labels("namespaceLabels", "kubernetes.io/metadata.name=default")
	text("node", "gke-prod-1-default-0a1b")
	labels("nodeLabels", "kubernetes.io/os=linux")
	text("pod", "web-7d4b9c-x2x9z")
	labels("podLabels", "app=web")
	o.end()
}
