package graph_test

import (
	"testing"

	"s1graph/gotest"
	"s1graph/graph"
	"s1graph/graph/storetest"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(m) }

var (
	groups, agents, devices = storetest.Group, storetest.Agent, storetest.Device
	hasAgent, protects      = storetest.HasAgent, storetest.Protects
	model                   = []*graph.Type{groups, agents, devices, hasAgent, protects}

	entity, between, is = storetest.Entity, storetest.Between, storetest.Is
)
