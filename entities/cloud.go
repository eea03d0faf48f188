package entities

import (
	"maps"
	"slices"

	"s1graph/model"
	"s1graph/s1"
)

// clouds are what a row says of the clouds that a machine is in, by their names, such as AWS.
type clouds[T any] func(*T) map[string]s1.CloudProvider

func (of clouds[T]) names(row *T) []string { return slices.Sorted(maps.Keys(of(row))) }

// text is what the first cloud, in the order of the names, says of a fact. A machine has one cloud; an orchestrator that is
// reported beside it says other things.
func (of clouds[T]) text(get func(*s1.CloudProvider) string) func(*T) string {
	return func(row *T) string {
		if len(of(row)) == 0 {
			return ""
		}
		for _, name := range of.names(row) {
			provider := of(row)[name]
			if s := get(&provider); s != "" {
				return s
			}
		}
		return ""
	}
}

// list is what all clouds together say of a fact.
func (of clouds[T]) list(get func(*s1.CloudProvider) []string) func(*T) []string {
	return func(row *T) []string {
		var list []string
		for _, provider := range of(row) {
			list = append(list, get(&provider)...)
		}
		return list
	}
}

func cloudsOfAgent(a *s1.Agent) map[string]s1.CloudProvider { return a.CloudProviders }

// cloudIdentity are the properties that say which cloud instance a machine is; agents, devices and threats have them.
func cloudIdentity[T any](of clouds[T]) []model.Property[T] {
	return []model.Property[T]{
		model.Set("cloudProviders", "Clouds that the machine runs in, such as AWS, Azure or GCP.", of.names),
		model.Text("cloudAccount", "Account, subscription or project in the cloud.",
			of.text(func(c *s1.CloudProvider) string { return c.CloudAccount })),
		model.Text("cloudInstanceId", "Id of the cloud instance.",
			of.text(func(c *s1.CloudProvider) string { return c.CloudInstanceID })),
		model.Text("cloudInstanceSize", "Size of the cloud instance, such as t3.medium.",
			of.text(func(c *s1.CloudProvider) string { return c.CloudInstanceSize })),
		model.Text("cloudImage", "Image that the cloud instance was made from.",
			of.text(func(c *s1.CloudProvider) string { return c.CloudImage })),
		model.Text("cloudLocation", "Region or zone of the cloud instance.",
			of.text(func(c *s1.CloudProvider) string { return c.CloudLocation })),
		model.Text("cloudNetwork", "Virtual network of the cloud instance.",
			of.text(func(c *s1.CloudProvider) string { return c.CloudNetwork })),
	}
}

// cloudFacts are the rest of what agents and threats say of the machine's cloud.
func cloudFacts[T any](of clouds[T]) []model.Property[T] {
	return []model.Property[T]{
		model.Set("cloudTags", "Tags of the cloud instance.",
			of.list(func(c *s1.CloudProvider) []string { return c.CloudTags })),
		model.Text("awsRole", "IAM role of the EC2 instance.",
			of.text(func(c *s1.CloudProvider) string { return c.AWSRole })),
		model.Set("awsSecurityGroups", "Security groups of the EC2 instance.",
			of.list(func(c *s1.CloudProvider) []string { return c.AWSSecurityGroups })),
		model.Set("awsSubnetIds", "Subnets of the EC2 instance.",
			of.list(func(c *s1.CloudProvider) []string { return c.AWSSubnetIDs })),
		model.Text("azureResourceGroup", "Resource group of the Azure machine.",
			of.text(func(c *s1.CloudProvider) string { return c.AzureResourceGroup })),
		model.Text("gcpServiceAccount", "Service account of the Google Cloud instance.",
			of.text(func(c *s1.CloudProvider) string { return c.GCPServiceAccount })),
		model.Text("clusterName", "Name of the cluster.",
			of.text(func(c *s1.CloudProvider) string { return c.ClusterName })),
		model.Text("agentNamespace", "Kubernetes namespace that the agent runs in.",
			of.text(func(c *s1.CloudProvider) string { return c.AgentNamespace })),
		model.Text("agentPodName", "Kubernetes pod that the agent runs in.",
			of.text(func(c *s1.CloudProvider) string { return c.AgentPodName })),
	}
}
