package entities_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/s1"
)

func TestOfSeveralCloudsEachSaysWhatItKnows(t *testing.T) {
	r := entities.Device.Entity(&s1.Agent{ID: "1", CloudProviders: map[string]s1.CloudProvider{
		"Kubernetes": {ClusterName: "prod", CloudAccount: "not it"},
		"AWS":        {CloudAccount: "123456789012", CloudInstanceID: "i-0abc"},
	}})
	assert.Equal(t, []string{"AWS", "Kubernetes"}, r.Get("cloudProviders").List())
	assert.Equal(t, "123456789012", r.Get("cloudAccount").Text())
	assert.Equal(t, "i-0abc", r.Get("cloudInstanceId").Text())
	agent := entities.Agent.Entity(&s1.Agent{ID: "1", CloudProviders: map[string]s1.CloudProvider{"Kubernetes": {ClusterName: "prod"}, "AWS": {}}})
	assert.Equal(t, "prod", agent.Get("clusterName").Text())
}
