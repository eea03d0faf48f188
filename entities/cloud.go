package entities

import "s1graph/model"

// cloudIdentity are the properties that say which cloud instance a machine is; agents, devices and threats have them.
// providers leads to what their row says of the clouds that the machine is in, by their names. A machine has one cloud; an
// orchestrator that is reported beside it says other things.
func cloudIdentity[T any](providers string) []model.Property[T] {
	return []model.Property[T]{
		model.Field[T](providers, "Clouds that the machine runs in, such as AWS, Azure or GCP."),
		model.Field[T](providers+".cloudAccount", "Account, subscription or project in the cloud."),
		model.Field[T](providers+".cloudInstanceId", "Id of the cloud instance."),
		model.Field[T](providers+".cloudInstanceSize", "Size of the cloud instance, such as t3.medium."),
		model.Field[T](providers+".cloudImage", "Image that the cloud instance was made from."),
		model.Field[T](providers+".cloudLocation", "Region or zone of the cloud instance."),
		model.Field[T](providers+".cloudNetwork", "Virtual network of the cloud instance."),
	}
}

// cloudFacts are the rest of what agents and threats say of the machine's cloud.
func cloudFacts[T any](providers string) []model.Property[T] {
	return []model.Property[T]{
		model.Field[T](providers+".cloudTags", "Tags of the cloud instance."),
		model.Field[T](providers+".awsRole", "IAM role of the EC2 instance."),
		model.Field[T](providers+".awsSecurityGroups", "Security groups of the EC2 instance."),
		model.Field[T](providers+".awsSubnetIds", "Subnets of the EC2 instance."),
		model.Field[T](providers+".azureResourceGroup", "Resource group of the Azure machine."),
		model.Field[T](providers+".gcpServiceAccount", "Service account of the Google Cloud instance."),
		model.Field[T](providers+".clusterName", "Name of the cluster."),
		model.Field[T](providers+".agentNamespace", "Kubernetes namespace that the agent runs in."),
		model.Field[T](providers+".agentPodName", "Kubernetes pod that the agent runs in."),
	}
}
