package entities

import (
	"maps"
	"slices"

	"s1graph/model"
	"s1graph/s1"
)

// cloudProviders are the names of the clouds that the machine is in, such as AWS.
func cloudProviders(a *s1.Agent) []string {
	return slices.Sorted(maps.Keys(a.CloudProviders))
}

// cloudText is what the first cloud, in the order of the names, says of a fact. A machine has one cloud;
// an orchestrator that is reported beside it says other things.
func cloudText(get func(*s1.CloudProvider) string) func(*s1.Agent) string {
	return func(a *s1.Agent) string {
		if len(a.CloudProviders) == 0 {
			return ""
		}
		for _, name := range cloudProviders(a) {
			provider := a.CloudProviders[name]
			if s := get(&provider); s != "" {
				return s
			}
		}
		return ""
	}
}

// cloudList is what all clouds together say of a fact.
func cloudList(get func(*s1.CloudProvider) []string) func(*s1.Agent) []string {
	return func(a *s1.Agent) []string {
		var list []string
		for _, provider := range a.CloudProviders {
			list = append(list, get(&provider)...)
		}
		return list
	}
}

// cloudIdentity are the properties that say which cloud instance a machine is; agent and device both
// have them.
func cloudIdentity() []model.Property[s1.Agent] {
	return []model.Property[s1.Agent]{
		model.Set("cloudProviders", "Clouds that the machine runs in, such as AWS, Azure or GCP.", cloudProviders),
		model.Text("cloudAccount", "Account, subscription or project in the cloud.",
			cloudText(func(c *s1.CloudProvider) string { return c.CloudAccount })),
		model.Text("cloudInstanceId", "Id of the cloud instance.",
			cloudText(func(c *s1.CloudProvider) string { return c.CloudInstanceID })),
		model.Text("cloudInstanceSize", "Size of the cloud instance, such as t3.medium.",
			cloudText(func(c *s1.CloudProvider) string { return c.CloudInstanceSize })),
		model.Text("cloudImage", "Image that the cloud instance was made from.",
			cloudText(func(c *s1.CloudProvider) string { return c.CloudImage })),
		model.Text("cloudLocation", "Region or zone of the cloud instance.",
			cloudText(func(c *s1.CloudProvider) string { return c.CloudLocation })),
		model.Text("cloudNetwork", "Virtual network of the cloud instance.",
			cloudText(func(c *s1.CloudProvider) string { return c.CloudNetwork })),
	}
}
